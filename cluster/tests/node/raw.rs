//! A connection that keeps every byte of a reply's shape: which kind of null, array or map, bulk or simple string.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A reply as it came.
#[derive(Clone, PartialEq)]
pub(crate) struct Frame {
    /// The byte that announced it: `+ - : $ * _ , # % ~ = ( >`.
    pub(crate) kind: char,
    /// Its text; empty for aggregates, `null` for the nulls of RESP2.
    pub(crate) text: Vec<u8>,
    /// What it holds; a map's keys and values alternate.
    pub(crate) items: Vec<Frame>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.text.escape_ascii())?;
        if matches!(self.kind, '*' | '%' | '~' | '>') {
            f.debug_list().entries(&self.items).finish()?;
        }
        Ok(())
    }
}

/// A blocking connection.
pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    /// Connects; RESP3 if asked for.
    pub(crate) fn connect(port: u16, resp3: bool) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a listening server");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut raw = Raw { stream: BufReader::new(stream) };
        if resp3 {
            let hello = raw.call(&["HELLO", "3"]);
            assert_eq!(hello.kind, '%', "{hello:?}");
        }
        raw
    }

    /// Sends a request and reads its reply.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Frame {
        self.send(words);
        self.read()
    }

    /// Sends a request.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, words: &[A]) {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&out).expect("an open connection");
    }

    /// Reads a reply.
    pub(crate) fn read(&mut self) -> Frame {
        let mut line = vec![];
        self.stream.read_until(b'\n', &mut line).expect("a reply");
        assert!(line.ends_with(b"\r\n"), "the connection was closed: {}", line.escape_ascii());
        line.truncate(line.len() - 2);
        let kind = char::from(line.remove(0));
        let mut frame = Frame { kind, text: line, items: vec![] };
        let count = || String::from_utf8_lossy(&frame.text).parse::<i64>().expect("a length");
        match kind {
            '$' | '*' if count() < 0 => frame.text = b"null".to_vec(),
            '$' | '=' => {
                let mut text = vec![0; count() as usize + 2];
                self.stream.read_exact(&mut text).expect("a string");
                text.truncate(text.len() - 2);
                frame.text = text;
            }
            '*' | '~' | '>' | '%' => {
                let items = count() * if kind == '%' { 2 } else { 1 };
                frame.items = (0..items).map(|_| self.read()).collect();
                frame.text.clear();
            }
            _ => {}
        }
        frame
    }
}
