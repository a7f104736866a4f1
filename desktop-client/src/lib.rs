//! The desktop editor.
//!
//! # Layout
//!
//! - [`command_line`]: what a person types to start it.
//! - [`session`]: what happens between a page and the servers; knows no gtk.
//!
//! And with the feature `window`, which is on unless somebody wants only the session:
//!
//! - `app`: the window.
//! - `page`: what the window and a page say to each other.
//! - `text`, `sheet`: the pages.
//! - `ui`: the window's parts around the page.

#[cfg(feature = "window")]
pub mod app;
pub mod command_line;
#[cfg(feature = "window")]
pub mod page;
pub mod session;
#[cfg(feature = "window")]
pub mod sheet;
#[cfg(feature = "window")]
pub mod text;
#[cfg(feature = "window")]
pub mod ui;
