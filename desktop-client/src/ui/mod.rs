//! The window's own parts, around the page.
//!
//! # Layout
//!
//! - [`sidebar`]: the documents.
//! - [`people`]: who is here.
//! - [`status_bar`], [`banner`]: connection and saving.
//! - [`empty`]: pages without a document.
//! - [`dialogs`]: rename, delete, about, shortcuts.
//! - [`named`]: names for those who do not see.
//! - [`style`]: colours and sizes.

pub mod banner;
pub mod dialogs;
pub mod empty;
pub mod named;
pub mod people;
pub mod sidebar;
pub mod status_bar;
pub mod style;
