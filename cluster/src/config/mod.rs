//! Settings as typed and as validated.
//!
//! # Layout
//!
//! - [`low`]: a command line and files as typed: names with words, where each stands.
//! - [`names`]: every name there is, with its kind and default; [`kind`]: what a kind of value looks like.
//! - [`settings`]: the text of every setting: what CONFIG GET answers and CONFIG SET changes.
//! - [`high`]: the settings that mean something here, as values.
//! - [`rewrite`]: CONFIG REWRITE.

pub mod high;
pub mod kind;
pub mod low;
pub mod names;
pub mod rewrite;
pub mod settings;

pub use high::Config;
pub use settings::Settings;
