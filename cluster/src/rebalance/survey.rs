//! Which nodes a cluster has, and which slots they own, as one of them says.

use shared::node_id::NodeId;
use shared::resp::Value;
use shared::rt::time::{Duration, Instant};
use shared::slot::Slot;
use shared::slot_set::SlotSet;

use super::Arguments;
use crate::peer::{Peer, encode};
use crate::topology::transfer::parse_slots;

/// How long a node may take to answer, milliseconds.
const ANSWER_MS: u64 = 5_000;

/// A primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Primary {
    /// Its name.
    pub id: NodeId,
    /// Where clients reach it.
    pub address: (String, u16),
    /// What it owns.
    pub slots: SlotSet,
    /// Whether its node answers, as far as the one that was asked knows.
    pub reachable: bool,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Survey {
    arguments: Arguments,
    /// The primaries, in the order of their names.
    pub primaries: Vec<Primary>,
}

impl Survey {
    /// Asks a node.
    ///
    /// # Errors
    /// It cannot be reached, or the cluster is in no state in which slots should move.
    pub async fn of(arguments: &Arguments) -> Result<Survey, String> {
        let nodes = ask(arguments, &arguments.node, &["CLUSTER", "NODES"]).await?;
        let text = nodes.as_str().ok_or("what CLUSTER NODES answers is no text")?;
        let mut primaries = Vec::new();
        for line in text.lines() {
            primaries.extend(primary(line)?);
        }
        for primary in &mut primaries {
            // A node that does not know its own address is where it was asked.
            if primary.address.0.is_empty() {
                primary.address.0.clone_from(&arguments.node.0);
            }
        }
        primaries.sort_by_key(|primary| primary.id);
        Ok(Survey { arguments: arguments.clone(), primaries })
    }

    /// Has a node become part of the cluster.
    ///
    /// # Errors
    /// The cluster's node refuses, or cannot be reached.
    pub async fn meet(&self, (host, port): &(String, u16)) -> Result<(), String> {
        let words = ["CLUSTER", "MEET", host, &port.to_string()];
        ask(&self.arguments, &self.arguments.node, &words).await.map(drop)
    }

    /// Whether all these nodes are primaries of the cluster.
    pub fn knows(&self, nodes: &[(String, u16)]) -> bool {
        nodes
            .iter()
            .all(|new| self.primaries.iter().any(|primary| primary.address.1 == new.1 && primary.reachable))
    }

    /// Whether each primary knows all of them: else it sends them no slots.
    pub async fn is_known_to_all(&self) -> bool {
        let names = |survey: &Survey| survey.primaries.iter().map(|primary| primary.id).collect::<Vec<_>>();
        for primary in self.primaries.iter().filter(|primary| primary.reachable) {
            let asked = Arguments { node: primary.address.clone(), ..self.arguments.clone() };
            // Who does not answer now is asked again.
            if !Survey::of(&asked).await.is_ok_and(|theirs| names(&theirs) == names(self)) {
                return false;
            }
        }
        true
    }

    /// Where a primary is, for people.
    pub fn address(&self, id: NodeId) -> String {
        let found = self.primaries.iter().find(|primary| primary.id == id);
        found.map_or_else(|| id.to_string(), |primary| format!("{}:{}", primary.address.0, primary.address.1))
    }

    /// The names of the primaries that are to be drained.
    ///
    /// # Errors
    /// There is no such primary.
    pub fn drained(&self, names: &[String]) -> Result<Vec<NodeId>, String> {
        let find = |name: &String| {
            let named = |primary: &&Primary| {
                primary.id.to_string() == *name
                    || format!("{}:{}", primary.address.0, primary.address.1) == *name
            };
            self.primaries.iter().find(named).map(|primary| primary.id)
        };
        names.iter().map(|name| find(name).ok_or_else(|| format!("no primary is called {name}"))).collect()
    }
}

/// Says something to a node and reads what it answers.
///
/// # Errors
/// It cannot be reached, or answers with an error.
pub(super) async fn ask(
    arguments: &Arguments,
    (host, port): &(String, u16),
    words: &[&str],
) -> Result<Value, String> {
    let deadline = Instant::now() + Duration::from_millis(ANSWER_MS);
    let failed = |why: std::io::Error| format!("{host}:{port}: {why}");
    let mut peer = Peer::connect(host, *port, deadline).await.map_err(failed)?;
    let mut request = Vec::new();
    if let Some(password) = &arguments.password {
        let user = arguments.user.as_deref().unwrap_or("default");
        encode(&mut request, &[b"AUTH", user.as_bytes(), password.as_bytes()]);
    }
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    encode(&mut request, &words);
    peer.write(&request, deadline).await.map_err(failed)?;
    if arguments.password.is_some() {
        answer(peer.read(deadline).await.map_err(failed)?, host, *port)?;
    }
    answer(peer.read(deadline).await.map_err(failed)?, host, *port)
}

fn answer(value: Value, host: &str, port: u16) -> Result<Value, String> {
    match value {
        Value::Error(error) => Err(format!("{host}:{port} answers: {error}")),
        value => Ok(value),
    }
}

/// A line of CLUSTER NODES; none if it is no primary.
///
/// # Errors
/// It is no such line, or says that a slot is on the move already.
fn primary(line: &str) -> Result<Option<Primary>, String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [id, address, flags, _, _, _, _, _, slots @ ..] = &words[..] else {
        return Err(format!("what CLUSTER NODES answers is not understood: {line}"));
    };
    let flags: Vec<&str> = flags.split(',').collect();
    if !flags.contains(&"master") || flags.contains(&"handshake") || flags.contains(&"noaddr") {
        return Ok(None);
    }
    if let Some(moving) = slots.iter().find(|word| word.starts_with('[')) {
        return Err(format!(
            "a slot is on the move already: {moving}. CLUSTER SETSLOT … STABLE, or redis-cli --cluster fix, ends that"
        ));
    }
    let wrong = || format!("what CLUSTER NODES answers is not understood: {line}");
    let client = address.split_once('@').ok_or_else(wrong)?.0;
    let (host, port) = client.rsplit_once(':').ok_or_else(wrong)?;
    let owned: SlotSet = match slots.is_empty() {
        true => SlotSet::new(),
        false => parse_slots(&slots.join(",")).map_err(|_| wrong())?,
    };
    Ok(Some(Primary {
        id: id.parse().map_err(|_| wrong())?,
        address: (host.to_owned(), port.parse().map_err(|_| wrong())?),
        slots: owned,
        reachable: !flags.contains(&"fail") && !flags.contains(&"fail?"),
    }))
}

/// How many slots of these are all.
pub(super) fn missing(primaries: &[Primary]) -> Option<Slot> {
    Slot::all().find(|slot| !primaries.iter().any(|primary| primary.slots.contains(*slot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "35937b1015e794f960f6be191a41f5e16e4ef87a";

    #[test]
    fn primaries_are_read_and_others_passed_over() {
        let line = format!("{ID} 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460 9000");
        let read = primary(&line).unwrap().unwrap();
        assert_eq!(
            (read.slots.len(), read.address, read.reachable),
            (5_462, ("10.0.0.1".into(), 7_000), true)
        );
        let failed = format!("{ID} 10.0.0.1:7000@17000 master,fail - 0 0 1 connected");
        assert!(!primary(&failed).unwrap().unwrap().reachable);
        let replica = format!("{ID} 10.0.0.1:7000@17000 slave {ID} 0 0 1 connected");
        assert_eq!(primary(&replica).unwrap(), None);
        assert!(primary("nonsense").is_err());
        let moving = format!("{ID} 10.0.0.1:7000@17000 master - 0 0 1 connected 0-5460 [93->-{ID}]");
        assert!(primary(&moving).unwrap_err().starts_with("a slot is on the move already: [93->-"));
    }
}
