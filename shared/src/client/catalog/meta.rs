//! What is known about a document: the hash `doc:{ID}:meta`.

use serde::Serialize;

use crate::client::Command;
use crate::document::Kind;
use crate::names::{DEFAULT_WORKSPACE, DocumentId};
use crate::resp::Value;

/// How documents are laid out; a service that finds a higher number leaves the document alone.
pub const SCHEMA: u64 = 1;

/// The fields of the hash, as JSON gives them out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meta {
    /// The document.
    #[serde(serialize_with = "id")]
    pub id: DocumentId,
    /// `text` or `sheet`.
    #[serde(serialize_with = "word")]
    pub kind: Kind,
    /// Its title; its id if it was given none.
    pub title: String,
    /// Where it is listed.
    pub workspace: String,
    /// Unix milliseconds.
    pub created: u64,
    /// Unix milliseconds of the last snapshot, or of the creation.
    pub modified: u64,
    /// How it is laid out, see [`SCHEMA`].
    pub schema: u64,
}

/// What the hash says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none: nobody has created or saved the document.
    Nothing,
    /// The document was deleted not long ago.
    Deleted,
    /// The document.
    Document(Meta),
}

fn id<S: serde::Serializer>(id: &DocumentId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}

fn word<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

impl Meta {
    /// What is true of a document that nobody has created, as when a WebSocket client just opens it.
    pub fn of_unknown(id: &DocumentId, now_ms: u64) -> Meta {
        Meta {
            id: id.clone(),
            kind: Kind::Text,
            title: id.to_string(),
            workspace: DEFAULT_WORKSPACE.to_owned(),
            created: now_ms,
            modified: now_ms,
            schema: SCHEMA,
        }
    }

    /// Sets every field that is missing, `created` first: of two who create a document at once, one is first with all of them.
    pub fn set_missing(&self) -> Vec<Command> {
        let fields = [
            ("created", self.created.to_string()),
            ("kind", self.kind.as_str().to_owned()),
            ("title", self.title.clone()),
            ("workspace", self.workspace.clone()),
            ("modified", self.modified.to_string()),
            ("schema", self.schema.to_string()),
        ];
        let key = self.id.meta_key();
        fields.iter().map(|(name, value)| Command::new("HSETNX").key(&key).arg(name).arg(value)).collect()
    }
}

impl Found {
    /// Reads the answer of `HGETALL`; what is missing or strange is as for an unknown document.
    pub fn read(id: &DocumentId, answer: Value) -> Found {
        let fields = answer.into_pairs().unwrap_or_default();
        if fields.is_empty() {
            return Found::Nothing;
        }
        let mut meta = Meta { created: 0, modified: 0, ..Meta::of_unknown(id, 0) };
        for (name, value) in &fields {
            let (Some(name), Some(value)) = (name.as_str(), value.as_str()) else { continue };
            match name {
                "deleted" => return Found::Deleted,
                "kind" => meta.kind = value.parse().unwrap_or(meta.kind),
                "title" => meta.title = value.to_owned(),
                "workspace" => meta.workspace = value.to_owned(),
                "created" => meta.created = value.parse().unwrap_or(0),
                "modified" => meta.modified = value.parse().unwrap_or(0),
                "schema" => meta.schema = value.parse().unwrap_or(SCHEMA),
                _ => {}
            }
        }
        Found::Document(meta)
    }
}
