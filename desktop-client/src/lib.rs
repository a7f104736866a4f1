//! The desktop editor.
//!
//! # Layout
//!
//! - [`command_line`]: what a person types to start it.
//! - [`app`]: the window.
//! - [`page`]: what the window and a page say to each other.
//! - [`text`], [`sheet`]: the pages.
//! - [`ui`]: the window's parts around the page.
//! - [`session`]: what happens between a page and the servers; knows no gtk.

pub mod app;
pub mod command_line;
pub mod page;
pub mod session;
pub mod sheet;
pub mod text;
pub mod ui;
