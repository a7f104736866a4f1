//! `/documents`: create, list, read, rename, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::names::DocumentId;

use super::HttpError;
use crate::catalog::{Meta, Wanted};
use crate::export::Format;
use crate::service::Service;

/// `POST /documents`: the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    kind: String,
    title: Option<String>,
    id: Option<String>,
    workspace: Option<String>,
}

/// `GET /documents`: what stands behind the `?`.
#[derive(Debug, Deserialize)]
pub struct List {
    workspace: Option<String>,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

/// `GET /documents/{ID}`: what stands behind the `?`.
#[derive(Debug, Deserialize)]
pub struct Read {
    format: Option<String>,
}

/// `PATCH /documents/{ID}`: the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    title: String,
}

/// 201 with what is known about the new document.
pub async fn create(
    State(service): State<Arc<Service>>,
    body: Result<Json<Create>, JsonRejection>,
) -> Result<(StatusCode, Json<Meta>), HttpError> {
    let Json(Create { kind, title, id, workspace }) = body?;
    let meta = service.create(Wanted { kind, id, title, workspace }).await?;
    Ok((StatusCode::CREATED, Json(meta)))
}

/// The documents of a workspace, the latest changed first.
pub async fn list(
    State(service): State<Arc<Service>>,
    query: Result<Query<List>, QueryRejection>,
) -> Result<Json<Value>, HttpError> {
    let Query(List { workspace, offset, limit }) = query?;
    let documents = service.catalog.list(workspace, offset, limit).await?;
    Ok(Json(json!({ "documents": documents })))
}

/// The document as it is now: `text`, `csv` (a sheet's values) or `json` (everything).
pub async fn read(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<Read>, QueryRejection>,
) -> Result<Response, HttpError> {
    let (id, Query(Read { format })) = (document_id(id)?, query?);
    let format: Format = format.as_deref().unwrap_or("json").parse().map_err(HttpError::bad_request)?;
    let body = service.read(&id, format).await?;
    Ok(([(CONTENT_TYPE, format.content_type())], body).into_response())
}

/// Gives it a new title.
pub async fn rename(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<Rename>, JsonRejection>,
) -> Result<Json<Meta>, HttpError> {
    let (id, Json(Rename { title })) = (document_id(id)?, body?);
    Ok(Json(service.catalog.rename(&id, title).await?))
}

/// 204; whoever has it open is told.
pub async fn delete(
    State(service): State<Arc<Service>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, HttpError> {
    service.delete(&document_id(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn document_id(path: Result<Path<String>, PathRejection>) -> Result<DocumentId, HttpError> {
    path?.parse().map_err(HttpError::bad_request)
}
