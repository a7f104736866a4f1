//! Which documents there are: create, list, look up, rename, delete. HTTP and the control channel both end here.
//!
//! # Layout
//!
//! - [`error`]: why something was not done.

pub mod error;

use shared::client::{self, Client};
use shared::document::Kind;
use shared::limits::{DOCUMENT_TITLE_BYTES_MAX, DOCUMENTS_LISTED_MAX, WORKSPACE_BYTES_MAX};
use shared::names::{DEFAULT_WORKSPACE, DocumentId};
use shared::rt::rng;

pub use client::catalog::{Found, Meta, SCHEMA};
pub use error::CatalogError;

/// Letters of ids that the service chooses: no vowels, so no words; nothing that looks like another.
const ID_LETTERS: &[u8] = b"23456789bcdfghjkmnpqrstvwxyz";
/// 28^16 is above 2^76: nobody guesses one, and no two are equal.
const ID_LENGTH: usize = 16;

/// The documents of a cluster, with the bounds of what may be asked for.
#[derive(Debug, Clone)]
pub struct Catalog {
    documents: client::Catalog,
}

/// What somebody wants to create.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `text` or `sheet`.
    pub kind: String,
    /// Its id, if not the service's choice.
    pub id: Option<String>,
    /// Its title, if not its id.
    pub title: Option<String>,
    /// Where it is listed, if not in the default workspace.
    pub workspace: Option<String>,
}

impl Catalog {
    /// The documents of the cluster behind this client.
    pub fn new(client: Client) -> Catalog {
        Catalog { documents: client::Catalog::new(client) }
    }

    /// Creates a document. One of this id that was deleted is forgotten.
    pub async fn create(&self, wanted: Wanted) -> Result<Meta, CatalogError> {
        let kind: Kind = wanted.kind.parse().map_err(CatalogError::refused)?;
        let id = match wanted.id {
            Some(id) => id.parse().map_err(CatalogError::refused)?,
            None => new_id()?,
        };
        let title = title(wanted.title.unwrap_or_else(|| id.to_string()))?;
        let workspace = workspace(wanted.workspace)?;
        let created = self.documents.create(&id, kind, &title, &workspace).await?;
        created.ok_or(CatalogError::Exists(id))
    }

    /// What is known about a document.
    pub async fn find(&self, id: &DocumentId) -> Result<Found, CatalogError> {
        Ok(self.documents.find(id).await?)
    }

    /// What is known about a document that must exist.
    pub async fn info(&self, id: &DocumentId) -> Result<Meta, CatalogError> {
        match self.find(id).await? {
            Found::Document(meta) => Ok(meta),
            Found::Nothing | Found::Deleted => Err(CatalogError::Unknown(id.clone())),
        }
    }

    /// Documents of a workspace, the latest changed first.
    pub async fn list(
        &self,
        workspace_name: Option<String>,
        offset: usize,
        limit: Option<usize>,
    ) -> Result<Vec<Meta>, CatalogError> {
        let workspace = workspace(workspace_name)?;
        let limit = limit.unwrap_or(DOCUMENTS_LISTED_MAX).min(DOCUMENTS_LISTED_MAX);
        Ok(self.documents.list(&workspace, offset, limit).await?)
    }

    /// Gives a document a new title.
    pub async fn rename(&self, id: &DocumentId, new_title: String) -> Result<Meta, CatalogError> {
        let mut meta = self.info(id).await?;
        meta.title = title(new_title)?;
        self.documents.rename(id, &meta.title).await?;
        Ok(meta)
    }

    /// Deletes a document and remembers for a while that it was: whoever still has it open does not bring it back.
    pub async fn delete(&self, id: &DocumentId) -> Result<(), CatalogError> {
        let meta = self.info(id).await?;
        Ok(self.documents.delete(id, &meta.workspace).await?)
    }

    /// Puts a document into its workspace's list, or moves it there to this time.
    pub async fn list_as(&self, id: &DocumentId, workspace: &str, time_ms: u64) -> Result<(), CatalogError> {
        Ok(self.documents.list_as(id, workspace, time_ms).await?)
    }
}

fn new_id() -> Result<DocumentId, CatalogError> {
    let mut bytes = [0; ID_LENGTH];
    rng::fill(&mut bytes);
    let letters = bytes.iter().map(|byte| char::from(ID_LETTERS[usize::from(*byte) % ID_LETTERS.len()]));
    letters.collect::<String>().parse().map_err(CatalogError::refused)
}

fn title(title: String) -> Result<String, CatalogError> {
    if title.trim().is_empty() {
        return Err(CatalogError::Refused("a title is not empty".into()));
    }
    if title.len() > DOCUMENT_TITLE_BYTES_MAX {
        return Err(CatalogError::Refused(format!("a title has at most {DOCUMENT_TITLE_BYTES_MAX} bytes")));
    }
    if title.chars().any(char::is_control) {
        return Err(CatalogError::Refused("a title has no control characters".into()));
    }
    Ok(title)
}

fn workspace(name: Option<String>) -> Result<String, CatalogError> {
    let name = name.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    let refused = |c: char| matches!(c, '{' | '}') || c.is_whitespace() || c.is_control();
    if name.is_empty() || name.len() > WORKSPACE_BYTES_MAX || name.contains(refused) {
        let bound =
            format!("a workspace's name has 1 to {WORKSPACE_BYTES_MAX} bytes, no braces, no white space");
        return Err(CatalogError::Refused(bound));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_service_are_ids_and_differ() {
        let (one, other) = (new_id().unwrap(), new_id().unwrap());
        assert_eq!(one.as_str().len(), ID_LENGTH);
        assert_ne!(one, other);
    }

    #[test]
    fn titles_and_workspaces_have_bounds() {
        assert!(title("Notes of é".into()).is_ok());
        for bad in ["", "  ", "a\nb", &"x".repeat(DOCUMENT_TITLE_BYTES_MAX + 1)] {
            assert!(title(bad.into()).is_err(), "{bad:?}");
        }
        assert_eq!(workspace(None).unwrap(), DEFAULT_WORKSPACE);
        for bad in ["", "a}b", "a b", &"x".repeat(WORKSPACE_BYTES_MAX + 1)] {
            assert!(workspace(Some(bad.into())).is_err(), "{bad:?}");
        }
    }
}
