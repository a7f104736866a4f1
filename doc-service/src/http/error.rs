//! What a failed request answers: a status and `{"error": words}`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use shared::limits::HTTP_BODY_BYTES_MAX;

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
                HttpError { status, words: words(status, &rejection.body_text()) }
            }
        })+
    };
}

/// The words of a rejection without those that name what the program does inside.
fn words(status: StatusCode, rejection: &str) -> String {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return format!("a body has at most {HTTP_BODY_BYTES_MAX} bytes");
    }
    let inner = [
        ("Failed to deserialize query string: ", "the query is not understood: "),
        ("Failed to deserialize the JSON body into the target type: ", "the body is not understood: "),
        ("Failed to parse the request body as JSON: ", "the body is no JSON: "),
    ];
    let found = inner.iter().find_map(|(theirs, ours)| Some((ours, rejection.strip_prefix(theirs)?)));
    found.map_or_else(|| rejection.to_owned(), |(ours, reason)| format!("{ours}{reason}"))
}

from_rejection!(JsonRejection, PathRejection, QueryRejection, WebSocketUpgradeRejection);

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.words }))).into_response()
    }
}
