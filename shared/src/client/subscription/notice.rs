//! What a server sends on a connection of subscriptions: pushes in RESP3, arrays of the same content in RESP2.

use bytes::Bytes;

use super::topic::{Kind, Topic};
use crate::resp::{ServerError, Value};

/// One thing that a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// A message for the subscribers of a topic.
    Message { topic: Topic, channel: Bytes, payload: Bytes },
    /// This is subscribed to now.
    Subscribed(Topic),
    /// This is no longer subscribed to: because we asked, or because the slot has moved.
    Unsubscribed(Topic),
    /// A command was refused.
    Refused(ServerError),
    /// A sign of life, or something that says nothing about subscriptions.
    Other,
}

impl Notice {
    pub(super) fn of(value: Value) -> Notice {
        let values = match value {
            Value::Error(error) => return Notice::Refused(error),
            other => other.into_elements().unwrap_or_default(),
        };
        let mut values = values.into_iter();
        let Some(word) = values.next().and_then(Value::into_bytes) else { return Notice::Other };
        let mut bytes = || values.next().and_then(Value::into_bytes);
        let topic = |kind: Kind, name: Option<Bytes>| name.map(|name| Topic { kind, name });
        let notice = match &word[..] {
            b"message" => message(topic(Kind::Plain, bytes()), None, bytes()),
            b"smessage" => message(topic(Kind::Sharded, bytes()), None, bytes()),
            b"pmessage" => message(topic(Kind::Pattern, bytes()), bytes(), bytes()),
            b"subscribe" => topic(Kind::Plain, bytes()).map(Notice::Subscribed),
            b"psubscribe" => topic(Kind::Pattern, bytes()).map(Notice::Subscribed),
            b"ssubscribe" => topic(Kind::Sharded, bytes()).map(Notice::Subscribed),
            b"unsubscribe" => topic(Kind::Plain, bytes()).map(Notice::Unsubscribed),
            b"punsubscribe" => topic(Kind::Pattern, bytes()).map(Notice::Unsubscribed),
            b"sunsubscribe" => topic(Kind::Sharded, bytes()).map(Notice::Unsubscribed),
            _ => None,
        };
        notice.unwrap_or(Notice::Other)
    }
}

fn message(topic: Option<Topic>, channel: Option<Bytes>, payload: Option<Bytes>) -> Option<Notice> {
    let topic = topic?;
    let channel = channel.unwrap_or_else(|| topic.name.clone());
    Some(Notice::Message { topic, channel, payload: payload? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(words: &[&'static str]) -> Value {
        Value::Array(words.iter().map(|word| Value::Bulk(Bytes::from_static(word.as_bytes()))).collect())
    }

    fn topic(kind: Kind, name: &'static str) -> Topic {
        Topic { kind, name: Bytes::from_static(name.as_bytes()) }
    }

    #[test]
    fn messages_of_all_kinds_are_told_apart() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let (channel, payload) = (bytes("c"), bytes("x"));
        for (words, topic) in [
            (&["message", "c", "x"][..], topic(Kind::Plain, "c")),
            (&["smessage", "c", "x"], topic(Kind::Sharded, "c")),
            (&["pmessage", "*", "c", "x"], topic(Kind::Pattern, "*")),
        ] {
            let (channel, payload) = (channel.clone(), payload.clone());
            assert_eq!(Notice::of(array(words)), Notice::Message { topic, channel, payload });
        }
        assert_eq!(
            Notice::of(array(&["sunsubscribe", "c", "0"])),
            Notice::Unsubscribed(topic(Kind::Sharded, "c"))
        );
    }

    #[test]
    fn what_is_no_notice_is_passed_over() {
        for value in [array(&["pong", ""]), array(&["message"]), Value::Null, Value::Int(1), array(&[])] {
            assert_eq!(Notice::of(value), Notice::Other);
        }
    }
}
