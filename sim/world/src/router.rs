//! Sends what concerns a slot to the node that serves it, as a cluster client does.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::resp::value::Value;
use shared::slot::Slot;
use tokio::time::sleep;

use crate::link::{Link, NoAnswer};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_millis(300);
/// How long a client rests when it cannot go on.
const REST: Duration = Duration::from_millis(30);

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was answered, on the connection of this number.
    Answered(Value, u64),
    /// Refused: it was not done.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// A cluster client: it has a connection to each node at most.
pub(crate) struct Router {
    /// Nodes by the names it knows: those of machines, or addresses out of `MOVED`.
    hosts: Vec<String>,
    owners: BTreeMap<u16, String>,
    links: BTreeMap<String, (Link, u64)>,
    opened: u64,
    /// Said first on each connection.
    greeting: Vec<&'static str>,
    next: usize,
}

impl Router {
    pub(crate) fn new(hosts: Vec<String>, greeting: Vec<&'static str>) -> Router {
        let (owners, links) = (BTreeMap::new(), BTreeMap::new());
        Router { hosts, owners, links, opened: 0, greeting, next: 0 }
    }

    /// The number of the connection that goes to the owner of a slot, if it stands.
    pub(crate) fn connection(&self, slot: Slot) -> Option<u64> {
        let owner = self.owners.get(&slot.number())?;
        self.links.get(owner).map(|(_, number)| *number)
    }

    /// Asks the owner of the slot. A redirection is followed: what was redirected was not done.
    pub(crate) async fn ask(&mut self, slot: Slot, words: &[&str]) -> Outcome {
        for _ in 0..4 {
            let host = self.owner(slot);
            let Some((link, number)) = self.link(&host).await else {
                self.owners.remove(&slot.number());
                sleep(REST).await;
                continue;
            };
            let answer = link.ask(words, PATIENCE).await;
            match answer {
                Err(NoAnswer) => {
                    self.links.remove(&host);
                    self.owners.remove(&slot.number());
                    return Outcome::Unknown;
                }
                Ok(Value::Error(error)) if error.code() == "MOVED" => {
                    let to = error.detail().split(' ').nth(1).and_then(|to| to.rsplit_once(':'));
                    match to {
                        Some((ip, _)) => self.owners.insert(slot.number(), ip.to_owned()),
                        None => self.owners.remove(&slot.number()),
                    };
                }
                Ok(Value::Error(error)) if error.code() == "ASK" => {
                    let to = error.detail().split(' ').nth(1).and_then(|to| to.rsplit_once(':'));
                    let Some((ip, _)) = to else { return Outcome::Refused };
                    return self.ask_once(ip, words).await;
                }
                Ok(Value::Error(_)) => {
                    self.owners.remove(&slot.number());
                    sleep(REST).await;
                    return Outcome::Refused;
                }
                Ok(value) => return Outcome::Answered(value, number),
            }
        }
        Outcome::Refused
    }

    /// Asks a node that is importing the slot, this once.
    async fn ask_once(&mut self, host: &str, words: &[&str]) -> Outcome {
        let Some((link, number)) = self.link(host).await else { return Outcome::Refused };
        let asking = link.ask(&["ASKING"], PATIENCE).await;
        let answer = match asking {
            Ok(Value::Error(_)) => return Outcome::Refused,
            Ok(_) => link.ask(words, PATIENCE).await,
            // The command was not said.
            Err(NoAnswer) => {
                self.links.remove(host);
                return Outcome::Refused;
            }
        };
        match answer {
            Err(NoAnswer) => {
                self.links.remove(host);
                Outcome::Unknown
            }
            Ok(Value::Error(_)) => Outcome::Refused,
            Ok(value) => Outcome::Answered(value, number),
        }
    }

    /// Who is thought to serve a slot; anybody knows better, if nobody is.
    fn owner(&mut self, slot: Slot) -> String {
        if let Some(owner) = self.owners.get(&slot.number()) {
            return owner.clone();
        }
        self.next += 1;
        let host = self.hosts[self.next % self.hosts.len()].clone();
        self.owners.insert(slot.number(), host.clone());
        host
    }

    async fn link(&mut self, host: &str) -> Option<(&mut Link, u64)> {
        if !self.links.contains_key(host) {
            let mut link = Link::open(host, CONNECT).await.ok()?;
            if !self.greeting.is_empty() {
                let answer = link.ask(&self.greeting, PATIENCE).await.ok()?;
                if matches!(answer, Value::Error(_)) {
                    return None;
                }
            }
            self.opened += 1;
            self.links.insert(host.to_owned(), (link, self.opened));
        }
        self.links.get_mut(host).map(|(link, number)| (link, *number))
    }
}
