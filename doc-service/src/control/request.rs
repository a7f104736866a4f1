//! A request on `docs:control`, as JSON.

use serde::Deserialize;
use shared::limits::{CONTROL_NAME_BYTES_MAX, CONTROL_REQUEST_BYTES_MAX};

/// One request; which fields an `op` needs is in CONTROL.md.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// The requester's name for it, said again in the answer.
    pub id: String,
    /// Channel for the answer.
    pub reply: Option<String>,
    /// What to do.
    #[serde(flatten)]
    pub op: Op,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Op {
    /// Hold a document open.
    Open {
        /// Its id.
        document: String,
    },
    /// Make a document.
    Create {
        /// `text` or `sheet`.
        kind: String,
        /// Its title.
        title: Option<String>,
        /// Its id, if the requester chooses it.
        document: Option<String>,
        /// Its workspace, if not the default one.
        workspace: Option<String>,
    },
    /// The documents of a workspace.
    List {
        /// Which one, if not the default one.
        workspace: Option<String>,
        /// How many to skip.
        #[serde(default)]
        offset: usize,
        /// How many at most.
        limit: Option<usize>,
    },
    /// What is known about a document.
    Info {
        /// Its id.
        document: String,
    },
    /// A new title.
    Rename {
        /// Its id.
        document: String,
        /// The title.
        title: String,
    },
    /// Delete a document.
    Delete {
        /// Its id.
        document: String,
    },
}

/// What a message on the control channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A request that can be understood.
    Request(Request),
    /// A request with an id, so that it can be answered why it is not understood.
    Misunderstood {
        /// Its id.
        id: String,
        /// Channel for the answer.
        reply: Option<String>,
        /// Why.
        why: String,
    },
    /// Another service deleted this document.
    Deleted(String),
    /// An answer, or nothing to answer.
    Nothing,
}

impl Heard {
    /// Reads a message of the channel.
    pub fn read(payload: &[u8]) -> Heard {
        #[derive(Deserialize)]
        struct Outline {
            id: Option<String>,
            reply: Option<String>,
            op: Option<serde_json::Value>,
            event: Option<String>,
            document: Option<String>,
        }
        if payload.len() > CONTROL_REQUEST_BYTES_MAX {
            return Heard::Nothing;
        }
        let Ok(outline) = serde_json::from_slice::<Outline>(payload) else { return Heard::Nothing };
        if let (Some("deleted"), Some(document)) = (outline.event.as_deref(), &outline.document) {
            return Heard::Deleted(document.clone());
        }
        let (Some(id), Some(_)) = (outline.id, outline.op) else { return Heard::Nothing };
        let fits = |name: &str| !name.is_empty() && name.len() <= CONTROL_NAME_BYTES_MAX;
        if !fits(&id) || outline.reply.as_deref().is_some_and(|reply| !fits(reply)) {
            return Heard::Nothing;
        }
        match serde_json::from_slice(payload) {
            Ok(request) => Heard::Request(request),
            Err(why) => Heard::Misunderstood { id, reply: outline.reply, why: why.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_understood() {
        let heard = Heard::read(br#"{"id":"r1","op":"rename","document":"notes","title":"N","reply":"me"}"#);
        let op = Op::Rename { document: "notes".into(), title: "N".into() };
        assert_eq!(heard, Heard::Request(Request { id: "r1".into(), reply: Some("me".into()), op }));
    }

    #[test]
    fn a_request_with_an_id_hears_why_it_is_not_understood() {
        for (bad, word) in [
            (r#"{"id":"r1","op":"explode"}"#, "explode"),
            (r#"{"id":"r1","op":"rename","document":"notes"}"#, "title"),
            (r#"{"id":"r1","op":7}"#, "7"),
        ] {
            match Heard::read(bad.as_bytes()) {
                Heard::Misunderstood { id, why, .. } => assert!(id == "r1" && why.contains(word), "{why}"),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }

    #[test]
    fn answers_events_and_noise_are_not_requests() {
        assert_eq!(Heard::read(br#"{"event":"deleted","document":"x"}"#), Heard::Deleted("x".into()));
        let long = format!(r#"{{"id":"{}","op":"list"}}"#, "x".repeat(CONTROL_NAME_BYTES_MAX + 1));
        for noise in [r#"{"id":"r1","ok":{}}"#, "hello", "", "{", r#"{"op":"list"}"#, "[[[[", &long] {
            assert_eq!(Heard::read(noise.as_bytes()), Heard::Nothing, "{noise}");
        }
    }
}
