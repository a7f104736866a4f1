//! What a reply says about where its slot is.

use std::net::{IpAddr, SocketAddr};

use super::mark;

/// What a reply says about where its slot is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the answer.
    Answer,
    /// Another node owns the slot.
    Moved(Option<SocketAddr>),
    /// This one key is at another node.
    Ask(Option<SocketAddr>),
    /// Not now.
    Again,
    /// An earlier request on the slot was refused.
    Stuck,
}

/// What the reply of the node at an address says.
#[inline]
pub(super) fn of(reply: &[u8], from: SocketAddr) -> Verdict {
    match reply {
        [b'-', error @ ..] => refusal(error, from),
        _ => Verdict::Answer,
    }
}

#[cold]
fn refusal(error: &[u8], from: SocketAddr) -> Verdict {
    let error = error.strip_suffix(b"\r\n").unwrap_or(error);
    let Ok(error) = std::str::from_utf8(error) else { return Verdict::Answer };
    // A transaction none of which was done.
    let error = error.strip_prefix("EXECABORT Transaction discarded because of: ").unwrap_or(error);
    let mut words = error.split(' ');
    match words.next() {
        Some("MOVED") => Verdict::Moved(words.nth(1).and_then(|word| address(word, from))),
        Some("ASK") => Verdict::Ask(words.nth(1).and_then(|word| address(word, from))),
        Some("TRYAGAIN") if error == mark::STUCK.to_string() => Verdict::Stuck,
        Some("TRYAGAIN" | "CLUSTERDOWN" | "READONLY" | "LOADING" | "MASTERDOWN") => Verdict::Again,
        _ => Verdict::Answer,
    }
}

/// An address as MOVED tells it; without a host it is that of whoever said so.
fn address(text: &str, from: SocketAddr) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let ip = if host.is_empty() { from.ip() } else { host.parse::<IpAddr>().ok()? };
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_where_to_go_and_other_errors_are_answers() {
        let from: SocketAddr = "10.0.0.1:7000".parse().unwrap();
        let at = |text: &str| Some(text.parse().unwrap());
        for (reply, verdict) in [
            ("+OK", Verdict::Answer),
            ("-WRONGTYPE Operation against a key", Verdict::Answer),
            ("-MOVED 5 10.0.0.2:7001", Verdict::Moved(at("10.0.0.2:7001"))),
            ("-MOVED 5 :7001", Verdict::Moved(at("10.0.0.1:7001"))),
            ("-MOVED 5 fe80::1:7001", Verdict::Moved(at("[fe80::1]:7001"))),
            ("-MOVED 5 somewhere:7001", Verdict::Moved(None)),
            ("-ASK 5 10.0.0.2:7001", Verdict::Ask(at("10.0.0.2:7001"))),
            ("-TRYAGAIN Multiple keys request during rehashing of slot", Verdict::Again),
            (
                "-EXECABORT Transaction discarded because of: TRYAGAIN Slot 1 is changing hands",
                Verdict::Again,
            ),
            ("-EXECABORT Transaction discarded because of previous errors.", Verdict::Answer),
            ("-CLUSTERDOWN The cluster is down", Verdict::Again),
            ("-READONLY You can't write against a read only replica.", Verdict::Again),
        ] {
            assert_eq!(of(format!("{reply}\r\n").as_bytes(), from), verdict, "{reply}");
        }
        assert_eq!(of(format!("-{}\r\n", mark::STUCK).as_bytes(), from), Verdict::Stuck);
    }
}
