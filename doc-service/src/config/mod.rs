//! How the service is configured: what was typed ([`Flags`]) and what was made of it ([`Settings`]).

mod flags;
mod settings;

pub use flags::{BadFlags, Flags, USAGE};
pub use settings::{BadSettings, Settings};
