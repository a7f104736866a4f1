//! The sheet page: a drawn grid with its formula bar.
//!
//! # Layout
//!
//! - [`page`]: the page that the window opens.
//! - [`binding`]: between the widgets and the replica.
//! - [`grid`]: the drawn widget; [`axis`]: where rows and columns lie; [`selection`]: which cells are selected.
//! - [`formula_bar`], [`cell_editor`]: what a cell holds, and changing it.
//! - [`tabs`]: the sheets of the document.

pub mod axis;
mod binding;
pub mod cell_editor;
pub mod formula_bar;
pub mod grid;
pub mod page;
pub mod selection;
pub mod tabs;
