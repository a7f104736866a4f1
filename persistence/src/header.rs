//! The first 32 bytes of a log or base file, and of a pass of the journal: FORMAT.md, "Header of a log or base file".

/// Length of a header, bytes.
pub(crate) const HEADER_BYTES: usize = 32;

/// The version written and read here.
pub(crate) const VERSION: u16 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Log,
    Base,
    Journal,
}

impl Kind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Kind::Log => b"RUSTILOG",
            Kind::Base => b"RUSTIBAS",
            Kind::Journal => b"RUSTIJNL",
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) range: u16,
    /// The number in the file's name; the pass of a journal.
    pub(crate) number: u64,
    /// Offset of a log's first record in the log stream, of the pass's first record; 0 for a base.
    pub(crate) start: u64,
}

/// Why bytes are no header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// Too short, wrong magic or wrong CRC.
    Unreadable,
    /// Whole, but of this version.
    Version(u16),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(self.kind.magic());
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.range.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..].copy_from_slice(&self.start.to_le_bytes());
        let crc = crc_of(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(kind: Kind, bytes: &[u8]) -> Result<Header, BadHeader> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Err(BadHeader::Unreadable) };
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let crc = u32::from_le_bytes(std::array::from_fn(|i| bytes[12 + i]));
        if &bytes[..8] != kind.magic() || crc != crc_of(bytes) {
            return Err(BadHeader::Unreadable);
        }
        if u16_at(8) != VERSION {
            return Err(BadHeader::Version(u16_at(8)));
        }
        Ok(Header { kind, range: u16_at(10), number: u64_at(16), start: u64_at(24) })
    }
}

/// Of everything but the CRC itself.
fn crc_of(bytes: &[u8; HEADER_BYTES]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { kind: Kind::Log, range: 3, number: 9, start: 12_345 };

    #[test]
    fn a_header_is_read_as_written_and_as_nothing_else() {
        let bytes = HEADER.encode();
        assert_eq!(Header::decode(Kind::Log, &bytes), Ok(HEADER));
        assert_eq!(Header::decode(Kind::Base, &bytes), Err(BadHeader::Unreadable));
        assert_eq!(Header::decode(Kind::Log, &bytes[..31]), Err(BadHeader::Unreadable));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(Kind::Log, &flipped), Err(BadHeader::Unreadable), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        let crc = crc_of(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(Kind::Log, &bytes), Err(BadHeader::Version(2)));
    }
}
