//! Why something was not done with a document.

use shared::client::ClientError;
use shared::names::DocumentId;

use crate::export::ExportError;

/// Why something was not done with a document.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such document.
    #[error("there is no document {0}")]
    Unknown(DocumentId),
    /// There is one already.
    #[error("there is a document {0} already")]
    Exists(DocumentId),
    /// What is asked for cannot be meant. The words say why.
    #[error("{0}")]
    Refused(String),
    /// What the cluster has of the document cannot be read.
    #[error("the document is damaged: {0}")]
    Damaged(String),
    /// The cluster did not do it.
    #[error("the cluster: {0}")]
    Cluster(#[from] ClientError),
}

impl CatalogError {
    /// What is asked for cannot be meant.
    pub fn refused(why: impl ToString) -> CatalogError {
        CatalogError::Refused(why.to_string())
    }
}

impl From<ExportError> for CatalogError {
    fn from(error: ExportError) -> CatalogError {
        match error {
            ExportError::Damaged | ExportError::NotComputed => CatalogError::Damaged(error.to_string()),
            ExportError::Format(..) => CatalogError::Refused(error.to_string()),
        }
    }
}
