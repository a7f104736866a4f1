//! The name of a node for its whole life (Redis Cluster specification, node ID).

use std::fmt;
use std::str::FromStr;

/// 160 random bits, written as 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NodeId::BYTES]);

impl NodeId {
    /// Bytes of its wire form.
    pub const BYTES: usize = 20;

    /// The id with these bits; a new node takes them from `rt::rng`.
    pub fn from_bytes(bytes: [u8; NodeId::BYTES]) -> NodeId {
        NodeId(bytes)
    }

    /// Its bits.
    pub fn as_bytes(&self) -> &[u8; NodeId::BYTES] {
        &self.0
    }
}

/// Not 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a node id is 40 hexadecimal digits")]
pub struct NotANodeId;

impl FromStr for NodeId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<NodeId, NotANodeId> {
        let digits = text.as_bytes();
        if digits.len() != 2 * NodeId::BYTES {
            return Err(NotANodeId);
        }
        let mut bytes = [0; NodeId::BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(NodeId(bytes))
    }
}

fn digit(character: u8) -> Result<u8, NotANodeId> {
    char::from(character).to_digit(16).map(|d| d as u8).ok_or(NotANodeId)
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // In one go: nodes.conf is full of them, and written often while slots move.
        let mut text = [0; 2 * NodeId::BYTES];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bits_are_inverse() {
        let text = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca";
        assert_eq!(text.parse::<NodeId>().unwrap().to_string(), text);
        for bad in [
            "",
            "e7",
            "g7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca",
            "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca0",
        ] {
            assert_eq!(bad.parse::<NodeId>(), Err(NotANodeId), "{bad}");
        }
    }
}
