//! Whole windows on a display of their own, driven by keys and read by assistive technology.
//!
//! # Layout
//!
//! - [`desk`]: a display, a session bus, windows, keys.
//! - [`sight`]: what assistive technology sees of a window.
//! - [`together`]: people who write one text.
//! - [`outages`]: services and windows that stop or die.
//! - [`documents`]: the list of documents.

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod desk;
mod documents;
mod outages;
mod sight;
mod together;
