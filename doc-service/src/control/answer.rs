//! What is done about a request, and what is said.

use serde_json::{Value, json};
use shared::names::{CONTROL_CHANNEL, DocumentId};

use super::claim::claim;
use super::publish;
use super::request::{Heard, Op, Request};
use crate::catalog::{CatalogError, Wanted};
use crate::service::Service;

/// Does what was heard and publishes the answer, if this service is the first to claim it.
pub async fn answer(service: &Service, heard: Heard) {
    let (id, reply, outcome) = match heard {
        Heard::Nothing => return,
        Heard::Deleted(document) => {
            if let Ok(document) = document.parse() {
                service.directory.deleted(&document).await;
            }
            return;
        }
        Heard::Misunderstood { id, reply, why } => {
            if !is_ours(service, &id).await {
                return;
            }
            (id, reply, Err(CatalogError::Refused(why)))
        }
        Heard::Request(Request { id, reply, op }) => {
            if !is_ours(service, &id).await {
                return;
            }
            let outcome = carry_out(service, op).await;
            (id, reply, outcome)
        }
    };
    let answer = match outcome {
        Ok(value) => json!({ "id": id, "ok": value }),
        Err(error) => json!({ "id": id, "error": error.to_string() }),
    };
    publish(&service.client, reply.as_deref().unwrap_or(CONTROL_CHANNEL), &answer).await;
}

async fn is_ours(service: &Service, id: &str) -> bool {
    match claim(&service.client, id).await {
        Ok(ours) => ours,
        Err(error) => {
            tracing::warn!(%error, request = id, "a request was not claimed");
            false
        }
    }
}

async fn carry_out(service: &Service, op: Op) -> Result<Value, CatalogError> {
    match op {
        Op::Open { document } => {
            let id = document_id(&document)?;
            service.directory.hold(&id).await.map_err(CatalogError::refused)?;
            let mut answer = about(service, &id).await?;
            answer["keys"] = json!({
                "snapshot": id.snapshot_key(),
                "state": id.state_key(),
                "log": id.log_key(),
                "meta": id.meta_key(),
            });
            answer["channel"] = id.channel().into();
            Ok(answer)
        }
        Op::Create { kind, title, document, workspace } => {
            Ok(json!(service.create(Wanted { kind, id: document, title, workspace }).await?))
        }
        Op::List { workspace, offset, limit } => {
            let documents = service.catalog.list(workspace, offset, limit).await?;
            Ok(json!({ "documents": documents }))
        }
        Op::Info { document } => about(service, &document_id(&document)?).await,
        Op::Rename { document, title } => {
            Ok(json!(service.catalog.rename(&document_id(&document)?, title).await?))
        }
        Op::Delete { document } => {
            let id = document_id(&document)?;
            service.delete(&id).await?;
            Ok(json!({ "id": id.as_str() }))
        }
    }
}

async fn about(service: &Service, id: &DocumentId) -> Result<Value, CatalogError> {
    let mut answer = json!(service.catalog.info(id).await?);
    if let Some(clients) = service.directory.clients(id).await {
        answer["clients"] = clients.into();
    }
    Ok(answer)
}

fn document_id(text: &str) -> Result<DocumentId, CatalogError> {
    text.parse().map_err(CatalogError::refused)
}
