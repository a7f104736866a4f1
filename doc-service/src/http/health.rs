//! `/healthz` and `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::HttpError;
use crate::health;
use crate::service::Service;

/// 200 if documents can be edited and saved now; 503 with words if the cluster is silent, is down, or cannot write.
pub async fn healthz(State(service): State<Arc<Service>>) -> Result<Json<Value>, HttpError> {
    health::examine(&service.client).await.map_err(HttpError::unavailable)?;
    let saved = service.ask_saved_meaning().await.map_err(HttpError::unavailable)?;
    Ok(Json(json!({ "status": "ok", "saved": saved })))
}

/// The counters in Prometheus's text format.
pub async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let text = service.metrics.text(&service.saved_meaning());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
