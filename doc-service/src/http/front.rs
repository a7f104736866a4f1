//! `/`: what there is, for whoever opens the address in a browser.

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue};

/// What is said, with the host's place in it. Plain text: a browser shows it, and nothing in it can be more than text.
const PAGE: &str = "\
RustiDocs: the document service

Write in a document (ID is a name of your choice):
  rustidocs --server ws://{HOST} ID                        in the desktop window
  new WebsocketProvider('ws://{HOST}/ws', 'ID', doc)       in any Yjs program, with y-websocket

Look after documents:
  GET    /documents                                   the list; ?workspace= &offset= &limit=
  POST   /documents                                   a new one: {\"kind\": \"text\" or \"sheet\", \"title\": \"…\"}
  GET    /documents/ID?format=text                    as it is now: text, csv (a sheet), json
  PATCH  /documents/ID                                {\"title\": \"…\"}
  DELETE /documents/ID

  GET    /healthz                                     whether edits can be saved now
  GET    /metrics                                     counters, for Prometheus

With Redis clients: doc-service/CONTROL.md
";

/// 200 with the addresses of this service.
pub async fn page(headers: HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host: &HeaderValue| host.to_str().ok());
    PAGE.replace("{HOST}", host.unwrap_or("127.0.0.1:8080"))
}
