//! The window's own parts, around the page.
//!
//! # Layout
//!
//! - [`sidebar`]: the documents.
//! - [`people`]: who is here.
//! - [`status_bar`], [`banner`]: connection and saving.
//! - [`empty`]: pages without a document.
//! - [`find_bar`]: the find bar of a page.
//! - [`dialogs`]: rename, delete, about, shortcuts.
//! - [`named`]: names for those who do not see.
//! - [`style`]: colours and sizes; [`contrast`]: letters on the colour of a person.

use std::time::Duration;

pub mod banner;
pub mod contrast;
pub mod dialogs;
pub mod empty;
pub mod find_bar;
pub mod named;
pub mod people;
pub mod sidebar;
pub mod status_bar;
pub mod style;
#[cfg(test)]
pub(crate) mod testing;

/// How long a name stays beside the caret or the cells of somebody who moved.
pub const NAME_SHOWN: Duration = Duration::from_secs(4);
