//! The sheet page: a drawn grid with its formula bar.
//!
//! # Layout
//!
//! - [`axis`]: where rows and columns lie.
//! - [`selection`]: which cells are selected, and how keys move that.
//! - [`grid`]: the drawn widget.
//! - [`formula_bar`], [`cell_editor`]: what a cell holds, and changing it.
//! - [`tabs`]: the sheets of the document.
//! - [`page`]: the page that the window opens.

pub mod axis;
pub mod cell_editor;
pub mod formula_bar;
pub mod grid;
pub mod page;
pub mod selection;
pub mod tabs;
