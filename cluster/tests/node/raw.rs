//! A connection that keeps every byte of a reply's shape: which kind of null, array or map, bulk or simple string.

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a reply may take.
const DEADLINE: Duration = Duration::from_secs(20);

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
        let text = self.text.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"");
        write!(f, "{}{text}", self.kind)?;
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
        let mut raw = Raw::connect_to(SocketAddr::from(([127, 0, 0, 1], port)));
        if resp3 {
            let hello = raw.call(&["HELLO", "3"]);
            assert_eq!(hello.kind, '%', "{hello:?}");
        }
        raw
    }

    /// Connects to a server that is not on this machine, RESP2.
    pub(crate) fn connect_to(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).expect("a listening server");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Raw { stream: BufReader::new(stream) }
    }

    /// Sends a request and reads its reply.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Frame {
        self.send(words);
        self.read()
    }

    /// As [`Raw::call`] with the words of a line; the reply as it is printed: `+OK`, `:1`, `$text`, `*[$a, $b]`.
    pub(crate) fn say(&mut self, line: &str) -> String {
        format!("{:?}", self.call(&line.split_whitespace().collect::<Vec<_>>()))
    }

    /// As [`Raw::send`] with the words of a line.
    pub(crate) fn send_line(&mut self, line: &str) {
        self.send(&line.split_whitespace().collect::<Vec<_>>());
    }

    /// Sends bytes as they are; false if the connection has ended.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// Reads so many bytes as they are.
    pub(crate) fn take_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("bytes in time");
        bytes
    }

    /// The address it comes from.
    pub(crate) fn address(&self) -> String {
        self.stream.get_ref().local_addr().expect("an address").to_string()
    }

    /// Whether nothing comes for so long.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.get_ref().set_read_timeout(Some(time)).unwrap();
        let silent = matches!(self.stream.fill_buf(), Err(error) if error.kind() == ErrorKind::WouldBlock);
        self.stream.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
        silent
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
        self.try_read().expect("a reply")
    }

    /// Reads a reply; none if the connection has ended.
    pub(crate) fn try_read(&mut self) -> Option<Frame> {
        let mut line = vec![];
        match self.stream.read_until(b'\n', &mut line) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no reply within {DEADLINE:?}"),
            Err(_) => return None,
            Ok(_) if line.is_empty() => return None,
            Ok(_) => assert!(line.ends_with(b"\r\n"), "cut short: {}", line.escape_ascii()),
        }
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
        Some(frame)
    }
}
