//! Whole windows on a display of their own, driven by keys and read by assistive technology.
//!
//! # Layout
//!
//! - [`desk`]: a display, a session bus, windows, keys.
//! - [`sight`]: what assistive technology sees of a window.
//! - [`together`]: people who write one text. [`sheets`]: people who fill one sheet.
//! - [`composing`]: letters that are composed of several keys.
//! - [`outages`]: services and windows that stop or die. [`kills`]: everything is killed at once.
//! - [`documents`]: the list of documents.
//! - [`start`]: windows that cannot be opened.
//! - [`snapshots`]: what is edited by RESP is saved by the document service.

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod composing;
mod desk;
mod documents;
mod kills;
mod outages;
mod sheets;
mod sight;
mod snapshots;
mod start;
mod together;
