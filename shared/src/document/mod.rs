//! A document that many people change at once: a text or a sheet on yrs, guarded against hostile updates.
//!
//! # Layout
//!
//! - [`update`]: an update as bytes, walked without trust; [`validate`].
//! - [`guard`]: what stands between an update and the merge engine: [`Document`], [`rebuild`].
//! - [`text`]: a text with its visible characters, undo, and anchors that move with the letters around them.
//! - [`sheet`]: a sheet: sheets, lines, cells, styles, and what can be done to them.
//! - [`address`], [`formula`]: what people type (`A1`), and what is stored (ids).
//! - [`engine`] (feature `calc`): values of formulas.
//! - `undo`: undo of one's own edits only.
//!
//! # One edit
//!
//! bytes → [`update::Update::walk`] (sound?) → `guard::structure` (does it fit to what is known? does it wait for something?) →
//! yrs under `catch_unwind` → deltas for a window.

pub mod address;
#[cfg(feature = "calc")]
pub mod engine;
pub mod formula;
pub mod guard;
pub mod sheet;
pub mod text;
mod undo;
pub mod update;

pub use guard::{Applied, Document, rebuild};
pub use sheet::SheetDocument;
pub use text::TextDocument;
pub use update::{BadUpdate, ClockRange, UpdateFacts, validate};

/// Name of the root type that holds what is said about a document.
pub const META: &str = "meta";

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A text: root `content` (Y.Text), root `meta` (Y.Map).
    Text,
    /// A sheet: root `sheets` (Y.Map).
    Sheet,
}

impl Kind {
    /// Its word in `doc:{ID}:meta` and in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Sheet => "sheet",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Kind, UnknownKind> {
        match word {
            "text" => Ok(Kind::Text),
            "sheet" => Ok(Kind::Sheet),
            _ => Err(UnknownKind),
        }
    }
}

/// A word that names no kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document is a text or a sheet")]
pub struct UnknownKind;
