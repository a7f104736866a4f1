//! The list of documents by HTTP from the document service.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::document::Kind;
use shared::names::DocumentId;
use shared::rt::net::TcpStream;
use shared::rt::task;
use shared::rt::time::timeout;

use super::{DirectoryError, Entry, Meta};
use crate::session::limits::{DIRECTORY_ANSWER_BYTES_MAX, DIRECTORY_DEADLINE, DIRECTORY_DOCUMENTS_MAX};
use crate::session::url::path_segment;

const DOCUMENTS: &str = "/documents";

/// The list at `host:port`. A connection a request: there is one every few seconds.
#[derive(Debug)]
pub struct ServiceDirectory {
    authority: String,
}

/// An answer's status and JSON; `Null` if it has none.
type Answer = (StatusCode, Value);

/// The list comes as an array, or as the field of an object that may say more.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listing {
    Bare(Vec<Value>),
    Wrapped { documents: Vec<Value> },
}

impl ServiceDirectory {
    /// The list of this service.
    pub fn new(authority: String) -> ServiceDirectory {
        ServiceDirectory { authority }
    }

    pub(super) async fn list(&self) -> Result<Vec<Entry>, DirectoryError> {
        let answer = self.request(Method::GET, DOCUMENTS, None).await?;
        let value = done(answer)?;
        let listing: Listing = serde_json::from_value(value)
            .map_err(|_| refused("The server’s list of documents cannot be read."))?;
        let (Listing::Bare(documents) | Listing::Wrapped { documents }) = listing;
        let metas = documents.into_iter().filter_map(|value| serde_json::from_value::<Meta>(value).ok());
        Ok(metas.filter_map(Meta::entry).take(DIRECTORY_DOCUMENTS_MAX).collect())
    }

    pub(super) async fn create(
        &self,
        id: Option<DocumentId>,
        kind: Kind,
        title: &str,
    ) -> Result<(DocumentId, Kind), DirectoryError> {
        let mut wanted = json!({ "kind": kind.as_str(), "title": title });
        if let Some(id) = &id {
            wanted["id"] = json!(id.as_str());
        }
        let answer = self.request(Method::POST, DOCUMENTS, Some(&wanted)).await?;
        if let (StatusCode::CONFLICT, Some(id)) = (answer.0, id) {
            // It was there a moment ago. Without it nobody knows what to open: try again.
            let kind = self.kind(&id).await?.ok_or(DirectoryError::Unreachable)?;
            return Ok((id, kind));
        }
        let meta: Option<Meta> = serde_json::from_value(done(answer)?).ok();
        let entry = meta.and_then(Meta::entry);
        entry
            .map(|entry| (entry.id, entry.kind))
            .ok_or_else(|| refused("The server made a document that this version cannot open."))
    }

    pub(super) async fn rename(&self, id: &DocumentId, title: &str) -> Result<(), DirectoryError> {
        let wanted = json!({ "title": title });
        done(self.request(Method::PATCH, &path(id), Some(&wanted)).await?).map(drop)
    }

    pub(super) async fn delete(&self, id: &DocumentId) -> Result<(), DirectoryError> {
        let answer = self.request(Method::DELETE, &path(id), None).await?;
        if answer.0 == StatusCode::NOT_FOUND { Ok(()) } else { done(answer).map(drop) }
    }

    /// Asks whether it is to be had as a text, without its letters: the list has neither all documents nor all workspaces.
    pub(super) async fn kind(&self, id: &DocumentId) -> Result<Option<Kind>, DirectoryError> {
        let (status, _) = self.request(Method::HEAD, &format!("{}?format=text", path(id)), None).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            // The id and the format are good, so the kind is what does not fit.
            StatusCode::BAD_REQUEST => Ok(Some(Kind::Sheet)),
            status if status.is_success() => Ok(Some(Kind::Text)),
            status => {
                tracing::info!(%status, "it is not known what the document is");
                Err(DirectoryError::Unreachable)
            }
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, DirectoryError> {
        match timeout(DIRECTORY_DEADLINE, self.exchange(method, path, body)).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => Err(DirectoryError::Unreachable),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Answer> {
        let stream = TcpStream::connect(&self.authority).await.ok()?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driver = task::spawn(connection);
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .ok()?;
        let answer = async {
            let response = sender.send_request(request).await.ok()?;
            let status = response.status();
            let body = Limited::new(response.into_body(), DIRECTORY_ANSWER_BYTES_MAX).collect().await.ok()?;
            Some((status, serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null)))
        };
        let answer = answer.await;
        driver.abort();
        answer
    }
}

fn path(id: &DocumentId) -> String {
    format!("{DOCUMENTS}/{}", path_segment(id.as_str()))
}

fn refused(words: &str) -> DirectoryError {
    DirectoryError::Refused(words.to_owned())
}

/// The JSON of a request that was done.
fn done((status, value): Answer) -> Result<Value, DirectoryError> {
    if status.is_success() {
        return Ok(value);
    }
    tracing::info!(%status, answer = %value, "the directory refused");
    Err(match status {
        StatusCode::NOT_FOUND => refused("This document does not exist any more."),
        StatusCode::CONFLICT => refused("There is a document of this name already."),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            refused("The server cannot reach its store right now. Try again in a moment.")
        }
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => refused("You may not do this here."),
        _ => refused("The server did not accept this."),
    })
}

#[cfg(test)]
mod tests {
    use shared::rt::net::TcpListener;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Makes a sheet that is there already, at a service that answers 409 and then so. Returns what it is said to be.
    fn made_where_the_service_says(status: &str) -> Result<Kind, DirectoryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let directory = ServiceDirectory::new(listener.local_addr().unwrap().to_string());
            let answers = async {
                let mut streams = Vec::new();
                for status in ["409 Conflict", status] {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut request = [0; 4096];
                    assert!(stream.read(&mut request).await.unwrap() > 0);
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    // A connection that closes on what it has not read may take its answer with it.
                    streams.push(stream);
                }
            };
            let id = "plan".parse().unwrap();
            let (made, ()) = tokio::join!(directory.create(Some(id), Kind::Sheet, "plan"), answers);
            made.map(|(_, kind)| kind)
        })
    }

    #[test]
    fn a_document_that_is_there_already_is_what_the_service_says_and_nothing_if_it_says_nothing() {
        assert_eq!(made_where_the_service_says("200 OK"), Ok(Kind::Text));
        assert_eq!(made_where_the_service_says("400 Bad Request"), Ok(Kind::Sheet));
        assert_eq!(made_where_the_service_says("404 Not Found"), Err(DirectoryError::Unreachable));
        assert_eq!(made_where_the_service_says("503 Service Unavailable"), Err(DirectoryError::Unreachable));
    }
}
