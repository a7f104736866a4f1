//! HTTP: documents, health, metrics, and the way to the WebSockets.
//!
//! # Layout
//!
//! - [`documents`]: create, list, read, rename, delete.
//! - [`front`]: `/`: what there is, for whoever opens it in a browser.
//! - [`health`]: `/healthz` and `/metrics`.
//! - [`error`]: what a failed request answers.

pub mod documents;
pub mod error;
pub mod front;
pub mod health;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use shared::limits::HTTP_BODY_BYTES_MAX;

use crate::gateway::handshake;
use crate::service::Service;

pub use error::HttpError;

/// Every address of the service.
pub fn router(service: Arc<Service>) -> Router {
    let one = get(documents::read).patch(documents::rename).delete(documents::delete);
    Router::new()
        .route("/", get(front::page))
        .route("/documents", get(documents::list).post(documents::create))
        .route("/documents/{id}", one)
        // All that follows is the id, so that one with a slash is told why it is none.
        .route("/ws/{*id}", get(handshake::upgrade))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_that)
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .with_state(service)
}

async fn nowhere() -> HttpError {
    HttpError::not_found("there is nothing at this address")
}

async fn not_that() -> HttpError {
    HttpError::method_not_allowed("this cannot be done at this address")
}
