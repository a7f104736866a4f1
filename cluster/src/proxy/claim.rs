//! WAIT and WAITAOF of a client whose writes were forwarded.
//!
//! Each owner that has done some is asked, and the least of what they answer is the answer. An owner gives a token when a connection is
//! made; with it, over another connection (the question may take long), it is asked about all that it has written until now, which is at
//! least what this client wrote. If the owner was started anew since, or was no primary in between, it says so, and the client is told
//! that what became of its earlier writes is not known: once, then only later ones count.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::resp::write;
use shared::rt::time::{Duration, Instant};

use super::errand::Done;
use super::link::Failure;
use super::mode::Mode;
use super::patience;
use super::pool;
use super::private::Private;
use super::rounds;
use crate::node::Shared;
use crate::peer::encode;

/// Owners that have done a client's writes, each with the token of the connection that carried them.
#[derive(Debug, Default)]
pub struct Written {
    owners: Vec<(SocketAddr, Arc<str>)>,
    /// There were others, which cannot be asked any more.
    lost: bool,
}

impl Written {
    /// An owner has done a write.
    pub fn note(&mut self, owner: SocketAddr, token: Arc<str>) {
        match self.owners.iter_mut().find(|(known, _)| *known == owner) {
            None => self.owners.push((owner, token)),
            Some((_, known)) if *known == token => {}
            Some((_, known)) => {
                self.lost = true;
                *known = token;
            }
        }
    }

    /// Whether no write was forwarded.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

/// A WAIT or WAITAOF of a client whose writes were forwarded.
pub struct Claims {
    /// The request.
    pub request: Vec<u8>,
    /// Its own timeout; none is for ever.
    pub timeout: Option<Duration>,
    /// How many counts it answers: 1 of WAIT, 2 of WAITAOF.
    pub counts: usize,
    /// Who is asked.
    pub owners: Vec<(SocketAddr, Arc<str>)>,
    /// Whether there are some who cannot be.
    pub lost: bool,
}

impl Claims {
    /// Of all that a client wrote, here (`own`) and elsewhere.
    pub fn new(
        request: Vec<u8>,
        timeout: Option<Duration>,
        counts: usize,
        written: &Written,
        own: Option<(SocketAddr, Arc<str>)>,
    ) -> Claims {
        let owners = written.owners.iter().cloned().chain(own).collect();
        Claims { request, timeout, counts, owners, lost: written.lost }
    }

    /// Asks all at once.
    pub(super) async fn run(self, shared: &Arc<Shared>, mode: Mode) -> Done {
        let asked = self.owners.iter().map(|(owner, token)| self.ask(shared, mode, *owner, token));
        let answers = rounds::all(asked.collect()).await;
        let mut least = vec![i64::MAX; self.counts];
        let mut error = self.lost.then(|| not_known("the connection that carried them was lost"));
        let mut forget = self.lost;
        for answer in answers {
            match answer {
                Err(refusal) => {
                    forget |= refusal.not_known;
                    error = error.or(Some(refusal.error));
                }
                Ok(counts) => {
                    least.iter_mut().zip(counts).for_each(|(least, count)| *least = count.min(*least));
                }
            }
        }
        let mut reply = Vec::new();
        match (error, &least[..]) {
            (Some(error), _) => write::error(&mut reply, &error),
            (None, [count]) => write::integer(&mut reply, *count),
            (None, counts) => {
                write::array(&mut reply, counts.len());
                counts.iter().for_each(|count| write::integer(&mut reply, *count));
            }
        }
        Done { reply, forget, ..Done::default() }
    }

    async fn ask(
        &self,
        shared: &Arc<Shared>,
        mode: Mode,
        owner: SocketAddr,
        token: &str,
    ) -> Result<Vec<i64>, Refusal> {
        let lost = |failure| match failure {
            Failure::NotSent(why) | Failure::Unknown(why) | Failure::Refused(why) => {
                Refusal { error: not_known(&why), not_known: true }
            }
        };
        let mut private = Private::open(shared, owner, mode).await.map_err(lost)?;
        let mut request = Vec::new();
        encode(&mut request, &[b"CLIENT", b"PROXY", b"CLAIM", token.as_bytes()]);
        request.extend_from_slice(&self.request);
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout + patience(&shared.config()));
        let replies = private.ask(shared, &request, 2, deadline).await.map_err(lost)?;
        let answers: Vec<&[u8]> = replies.each(0, 2).collect();
        let error = |reply: &[u8]| {
            reply.strip_prefix(b"-").map(|error| String::from_utf8_lossy(error).trim_end().to_owned())
        };
        let counts = match &answers[..] {
            [claimed, answer] => match (error(claimed), error(answer), counts(answer, self.counts)) {
                (Some(error), ..) => Err(Refusal { error, not_known: true }),
                (None, Some(error), _) => Err(Refusal { error, not_known: false }),
                (None, None, counts) => counts.ok_or_else(strange),
            },
            _ => Err(strange()),
        };
        pool::keep(private);
        counts
    }
}

/// Why an owner does not tell.
struct Refusal {
    error: String,
    /// It cannot: what was written is perhaps gone.
    not_known: bool,
}

fn strange() -> Refusal {
    let error = "ERR cluster-proxy: an owner's reply has not the shape that was expected".to_owned();
    Refusal { error, not_known: false }
}

fn not_known(why: &str) -> String {
    format!("ERR cluster-proxy: what became of earlier writes is not known: {why}")
}

/// The counts in a reply: an integer, or an array of some.
fn counts(reply: &[u8], count: usize) -> Option<Vec<i64>> {
    let text = std::str::from_utf8(reply).ok()?;
    let numbers = text.split("\r\n").filter_map(|line| line.strip_prefix(':')?.parse().ok());
    let numbers: Vec<i64> = numbers.collect();
    (numbers.len() == count).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_that_was_started_anew_is_not_asked_about_what_it_wrote_before() {
        let (here, there) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let mut written = Written::default();
        written.note(here, "a-1".into());
        written.note(there, "b-1".into());
        written.note(here, "a-1".into());
        assert!(!written.lost && written.owners.len() == 2);
        written.note(there, "c-1".into());
        assert!(written.lost);
        assert_eq!(written.owners[1].1.as_ref(), "c-1");
    }

    #[test]
    fn counts_are_read_from_both_shapes() {
        assert_eq!(counts(b":3\r\n", 1), Some(vec![3]));
        assert_eq!(counts(b"*2\r\n:1\r\n:0\r\n", 2), Some(vec![1, 0]));
        assert_eq!(counts(b"+OK\r\n", 1), None);
    }
}
