//! A reply as a tree.

use std::fmt;

use bytes::Bytes;

/// What a server answers. Bytes are slices of the buffer that was read, not copies: a value kept for long keeps that buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: `_`, `$-1`, `*-1`.
    Null,
    /// `+OK`.
    Simple(Bytes),
    /// A string of bytes.
    Bulk(Bytes),
    /// A refusal.
    Error(ServerError),
    /// An integer.
    Int(i64),
    /// A floating-point number (RESP3; RESP2 sends its text).
    Double(f64),
    /// A truth value (RESP3; RESP2 sends 1 or 0).
    Bool(bool),
    /// The digits of an integer of any size (RESP3).
    BigNumber(Bytes),
    /// Text for people, with its format of three letters (RESP3).
    Verbatim([u8; 3], Bytes),
    /// Values in order.
    Array(Vec<Value>),
    /// Pairs in the order that the server sent (RESP3; RESP2 sends a flat array).
    Map(Vec<(Value, Value)>),
    /// Values in the order that the server sent (RESP3; RESP2 sends an array).
    Set(Vec<Value>),
    /// What nobody asked for: messages of subscriptions (RESP3; RESP2 sends an array).
    Push(Vec<Value>),
}

/// A refusal of a server: a code such as `ERR`, `MOVED` or `WRONGTYPE`, and the rest of the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ServerError {
    text: Box<str>,
}

impl ServerError {
    /// The refusal with this line; invalid UTF-8 is replaced.
    pub fn new(line: &[u8]) -> ServerError {
        ServerError { text: String::from_utf8_lossy(line).into() }
    }

    /// Its first word: `ERR`, `MOVED`, `WRONGTYPE`.
    pub fn code(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// Its words behind the code.
    pub fn detail(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, detail)| detail)
    }

    /// The whole line.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Value {
    /// Whether it is `+OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Value::Simple(text) if text.as_ref() == b"OK")
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Its bytes, if it is a string of any kind.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes)
            | Value::Bulk(bytes)
            | Value::BigNumber(bytes)
            | Value::Verbatim(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its bytes, if it is a string of any kind, without copying them.
    pub fn into_bytes(self) -> Option<Bytes> {
        match self {
            Value::Simple(bytes)
            | Value::Bulk(bytes)
            | Value::BigNumber(bytes)
            | Value::Verbatim(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Its text, if it is a string of UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// Its number, if it is an integer, a truth value or the decimal text of an integer.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(value) => Some(i64::from(*value)),
            other => other.as_str()?.parse().ok(),
        }
    }

    /// Its number, if it is a number or the text of one.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Value::Double(number) => Some(*number),
            Value::Int(number) => Some(*number as f64),
            other => other.as_str()?.parse().ok(),
        }
    }

    /// Its refusal, if it is one.
    pub fn as_error(&self) -> Option<&ServerError> {
        match self {
            Value::Error(error) => Some(error),
            _ => None,
        }
    }

    /// A refusal as an `Err`, anything else as it is.
    pub fn into_result(self) -> Result<Value, ServerError> {
        match self {
            Value::Error(error) => Err(error),
            other => Ok(other),
        }
    }

    /// Its elements, if it is an array, a set or a push.
    pub fn elements(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => Some(values),
            _ => None,
        }
    }

    /// Its elements, if it is an array, a set or a push.
    pub fn into_elements(self) -> Option<Vec<Value>> {
        match self {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => Some(values),
            _ => None,
        }
    }

    /// Its pairs, if it is a map or, as RESP2 writes one, a flat array of keys and values.
    pub fn into_pairs(self) -> Option<Vec<(Value, Value)>> {
        let values = match self {
            Value::Map(pairs) => return Some(pairs),
            other => other.into_elements()?,
        };
        if !values.len().is_multiple_of(2) {
            return None;
        }
        let mut pairs = Vec::with_capacity(values.len() / 2);
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            pairs.push((key, value));
        }
        Some(pairs)
    }

    /// What a map or a flat array of keys and values holds under this name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(pairs) => {
                pairs.iter().find(|(key, _)| key.as_bytes() == Some(name.as_bytes())).map(|(_, value)| value)
            }
            other => other
                .elements()?
                .chunks_exact(2)
                .find(|pair| pair[0].as_bytes() == Some(name.as_bytes()))
                .map(|pair| &pair[1]),
        }
    }
}

/// For logs and errors: its kind and the start of what it holds.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES: usize = 60;
        match self {
            Value::Null => f.write_str("null"),
            Value::Int(number) => number.fmt(f),
            Value::Double(number) => number.fmt(f),
            Value::Bool(value) => value.fmt(f),
            Value::Error(error) => error.fmt(f),
            Value::Array(values) => write!(f, "array of {}", values.len()),
            Value::Set(values) => write!(f, "set of {}", values.len()),
            Value::Push(values) => write!(f, "push of {}", values.len()),
            Value::Map(pairs) => write!(f, "map of {}", pairs.len()),
            Value::Simple(bytes)
            | Value::Bulk(bytes)
            | Value::BigNumber(bytes)
            | Value::Verbatim(_, bytes) => {
                write!(f, "\"{}\"", bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii())?;
                if bytes.len() > SHOWN_BYTES { write!(f, "… ({} bytes)", bytes.len()) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value {
        Value::Bulk(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_map_reads_the_same_in_both_versions() {
        let three = Value::Map(vec![(text("a"), Value::Int(1)), (text("b"), Value::Null)]);
        let two = Value::Array(vec![text("a"), Value::Int(1), text("b"), Value::Null]);
        for map in [three.clone(), two.clone()] {
            assert_eq!(map.field("a"), Some(&Value::Int(1)));
            assert_eq!(map.field("c"), None);
        }
        assert_eq!(three.into_pairs(), two.into_pairs());
        assert_eq!(Value::Array(vec![Value::Null]).into_pairs(), None);
    }

    #[test]
    fn numbers_are_read_from_text_too() {
        assert_eq!(
            (text("-12").as_int(), text("x").as_int(), Value::Bool(true).as_int()),
            (Some(-12), None, Some(1))
        );
        assert_eq!((text("1.5").as_double(), Value::Int(2).as_double()), (Some(1.5), Some(2.0)));
    }

    #[test]
    fn a_refusal_has_a_code_and_a_detail() {
        let error = ServerError::new(b"MOVED 3999 127.0.0.1:6381");
        assert_eq!((error.code(), error.detail()), ("MOVED", "3999 127.0.0.1:6381"));
        assert_eq!((ServerError::new(b"ERR").code(), ServerError::new(b"ERR").detail()), ("ERR", ""));
    }
}
