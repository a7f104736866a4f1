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
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shared::limits::HTTP_BODY_BYTES_MAX;
use shared::rt::time::{Duration, timeout};

use crate::gateway::handshake;
use crate::service::Service;

pub use error::HttpError;

/// How long a request may take from its head to its answer, the arrival of its body included. (A WebSocket is answered at once, and
/// lives on its own.)
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

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
        .layer(middleware::from_fn_with_state(REQUEST_DEADLINE, in_time))
        .with_state(service)
}

async fn in_time(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpError::too_slow("the request was not there, or not done, in time").into_response(),
    }
}

async fn nowhere() -> HttpError {
    HttpError::not_found("there is nothing at this address")
}

async fn not_that() -> HttpError {
    HttpError::method_not_allowed("this cannot be done at this address")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::post;
    use bytes::Bytes;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    #[tokio::test]
    async fn a_body_that_never_comes_is_not_waited_for() {
        let layer = middleware::from_fn_with_state(Duration::from_millis(5), in_time);
        let router = Router::new().route("/", post(|_: Bytes| async {})).layer(layer);
        let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let request = Request::post("/").body(body).unwrap();
        let response = TowerToHyperService::new(router).call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
