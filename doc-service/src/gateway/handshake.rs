//! `/ws/{ID}`: from an HTTP request to a member of a room.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use shared::limits::MESSAGE_BYTES_MAX;
use shared::names::DocumentId;
use shared::rt::task;

use super::listener::Place;
use super::{CloseReason, socket};
use crate::auth;
use crate::http::HttpError;
use crate::service::Service;

/// What is read from a socket at once, bytes. Small, because every connection has one of these.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// What stands behind the `?` of the address.
#[derive(Debug, Deserialize)]
pub struct Wishes {
    /// `saved=1`: the client wants to hear what of its edits is saved.
    saved: Option<String>,
}

/// Upgrades to a WebSocket in the room of the document. The room is opened if need be, also of a document that nobody has created:
/// a y-websocket client expects that a room is there when it is entered. It becomes a text when it is first saved.
///
/// Refusals that a browser shall understand come as close frames after the upgrade, that of a bad document id too: a browser does
/// not show HTTP statuses.
pub async fn upgrade(
    State(service): State<Arc<Service>>,
    Extension(place): Extension<Place>,
    id: Result<Path<String>, PathRejection>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, HttpError> {
    let upgrade = upgrade?;
    let (Path(id), Query(wishes)) = (id?, wishes?);
    let id: Result<DocumentId, CloseReason> =
        id.parse().map_err(|bad: shared::names::BadDocumentId| CloseReason::BadId(bad.to_string()));
    let wants_saved = wishes.saved.as_deref() == Some("1");
    // Axum starts the task of the socket by itself.
    let here = task::Place::here();
    let talk = move |socket: WebSocket| {
        here.run(async move {
            match id {
                Ok(id) => {
                    let rights = auth::of_anybody(&id);
                    socket::talk(socket, service, id, rights, wants_saved).await;
                }
                Err(reason) => socket::turn_away(socket, &service, &reason).await,
            }
            drop(place);
        })
    };
    Ok(upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(talk))
}
