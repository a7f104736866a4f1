//! What a failed request answers: a status and `{"error": words}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::catalog::CatalogError;

/// A request that was not done, and why.
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    words: String,
}

impl HttpError {
    /// 400: the request cannot be meant.
    pub fn bad_request(words: impl ToString) -> HttpError {
        HttpError { status: StatusCode::BAD_REQUEST, words: words.to_string() }
    }

    /// 405: the address is right, what is asked of it is not.
    pub fn method_not_allowed(words: impl ToString) -> HttpError {
        HttpError { status: StatusCode::METHOD_NOT_ALLOWED, words: words.to_string() }
    }

    /// 408: it came too slowly, or could not be done in time.
    pub fn too_slow(words: impl ToString) -> HttpError {
        HttpError { status: StatusCode::REQUEST_TIMEOUT, words: words.to_string() }
    }

    /// 503: not now.
    pub fn unavailable(words: impl ToString) -> HttpError {
        HttpError { status: StatusCode::SERVICE_UNAVAILABLE, words: words.to_string() }
    }

    /// 404: there is no such thing.
    pub fn not_found(words: impl ToString) -> HttpError {
        HttpError { status: StatusCode::NOT_FOUND, words: words.to_string() }
    }
}

impl From<CatalogError> for HttpError {
    fn from(error: CatalogError) -> HttpError {
        let status = match error {
            CatalogError::Unknown(_) => StatusCode::NOT_FOUND,
            CatalogError::Exists(_) => StatusCode::CONFLICT,
            CatalogError::Refused(_) => StatusCode::BAD_REQUEST,
            CatalogError::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
            CatalogError::Cluster(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        HttpError { status, words: error.to_string() }
    }
}

/// What the request's path, query, body or headers are refused for, in the status that says which it is.
macro_rules! from_rejection {
    ($($rejection:ty),+) => {
        $(impl From<$rejection> for HttpError {
            fn from(rejection: $rejection) -> HttpError {
                let status = match rejection.status() {
                    // Whether the words are no JSON or not the right JSON is in the words.
                    StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
                    status => status,
                };
                HttpError { status, words: rejection.body_text() }
            }
        })+
    };
}

from_rejection!(JsonRejection, PathRejection, QueryRejection, WebSocketUpgradeRejection);

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.words }))).into_response()
    }
}
