//! Who is here: one's own state for the others, and what the others say of themselves.

use serde_json::{Map, Value, json};
use shared::protocol::Awareness;
use shared::protocol::state_vector::ClientId;

use super::limits::{CARET_WAIT, PEERS_MAX};
use super::person::{Caret, Peer, Person};

/// The field of an awareness state that says who somebody is, as y-codemirror and its relatives write it.
const USER: &str = "user";

/// The field of a caret in a text.
pub const CURSOR: &str = "cursor";

/// The field of the selected cells of a sheet.
pub const SHEET: &str = "sheet";

/// Presence in one document. Times are milliseconds of one clock that never goes back.
#[derive(Debug)]
pub struct Presence {
    awareness: Awareness,
    own: ClientId,
    state: Map<String, Value>,
    unsaid: bool,
    said_ms: Option<u64>,
    changed: bool,
}

impl Presence {
    /// One's own presence as this Yjs client.
    pub fn new(own: ClientId, person: &Person) -> Presence {
        let mut state = Map::new();
        state.insert(USER.into(), json!({ "name": person.name, "color": person.color }));
        Presence { awareness: Awareness::new(), own, state, unsaid: true, said_ms: None, changed: false }
    }

    /// Sets a field of one's own state, such as [`CURSOR`].
    pub fn set(&mut self, field: &str, value: Value) {
        if self.state.get(field) != Some(&value) {
            self.state.insert(field.to_owned(), value);
            self.unsaid = true;
        }
    }

    /// Takes what others say. A message that cannot be read changes nothing.
    pub fn hear(&mut self, update: &[u8], now_ms: u64) {
        let Ok(changes) = self.awareness.apply(update, Some(self.own), now_ms) else { return };
        self.unsaid |= changes.updated.contains(&self.own);
        self.changed |= !changes.is_empty();
    }

    /// Somebody asks who is here.
    pub fn asked(&mut self) {
        self.unsaid = true;
    }

    /// The connection is gone, and with it everybody else.
    pub fn lost(&mut self, now_ms: u64) {
        self.changed |= !self.peers().is_empty();
        // Only one's own clock is kept: those who come back with the clock they had are not taken for old words.
        let own = self.awareness.encode(&[self.own]);
        self.awareness = Awareness::new();
        let _ = self.awareness.apply(&own, None, now_ms);
        self.unsaid = true;
    }

    /// Time passes.
    pub fn tick(&mut self, now_ms: u64) {
        self.changed |= !self.awareness.expire(Some(self.own), now_ms).is_empty();
        self.unsaid |= self.awareness.needs_renewal(self.own, now_ms);
    }

    /// When [`Presence::message`] has something to say.
    pub fn due_ms(&self) -> Option<u64> {
        let wait = u64::try_from(CARET_WAIT.as_millis()).unwrap_or(u64::MAX);
        self.unsaid.then(|| self.said_ms.map_or(0, |said| said.saturating_add(wait)))
    }

    /// The awareness message to send, if one is due: always only the latest caret.
    pub fn message(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        self.due_ms().filter(|due| *due <= now_ms)?;
        self.unsaid = false;
        self.said_ms = Some(now_ms);
        let state = Value::Object(self.state.clone()).to_string();
        Some(self.awareness.set(self.own, Some(state), now_ms))
    }

    /// The message that says goodbye.
    pub fn farewell(&mut self, now_ms: u64) -> Vec<u8> {
        self.unsaid = false;
        self.awareness.set(self.own, None, now_ms)
    }

    /// The others, if something about them changed since the last call.
    pub fn take_peers(&mut self) -> Option<Vec<Peer>> {
        std::mem::take(&mut self.changed).then(|| self.peers())
    }

    /// The others, by name.
    pub fn peers(&self) -> Vec<Peer> {
        let others = self.awareness.states().filter(|(client, _)| *client != self.own);
        let mut peers: Vec<Peer> =
            others.take(PEERS_MAX).filter_map(|(client, state)| peer(client, state)).collect();
        peers.sort_by(|a, b| (&a.person.name, a.client).cmp(&(&b.person.name, b.client)));
        peers
    }
}

fn peer(client: ClientId, state: &str) -> Option<Peer> {
    let state: Value = serde_json::from_str(state).ok()?;
    let user = state.get(USER)?;
    let word = |name: &str| user.get(name).and_then(Value::as_str);
    let person = Person::new(word("name").unwrap_or_default(), word("color"));
    let caret = state.get(CURSOR).and_then(|cursor| serde_json::from_value::<Caret>(cursor.clone()).ok());
    Some(Peer { client, person, caret, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> Presence {
        Presence::new(1, &Person::new("Ana", None))
    }

    #[test]
    fn people_see_each_other_and_each_others_latest_caret() {
        let (mut ana, mut ben) = (ana(), Presence::new(2, &Person::new("Ben", Some("#112233"))));
        ana.hear(&ben.message(0).unwrap(), 0);
        let peers = ana.take_peers().unwrap();
        assert_eq!((peers[0].person.name.as_str(), peers[0].person.color.as_str()), ("Ben", "#112233"));
        assert_eq!(ana.take_peers(), None);
        ben.set(CURSOR, json!({"anchor": 1, "head": 1}));
        assert_eq!(ben.message(10), None, "carets are throttled");
        ben.set(CURSOR, json!({"anchor": 2, "head": 2}));
        ana.hear(&ben.message(60).unwrap(), 60);
        assert_eq!(ana.take_peers().unwrap()[0].caret.as_ref().unwrap().head, json!(2));
        ana.hear(&ben.farewell(70), 70);
        assert_eq!(ana.take_peers(), Some(Vec::new()));
    }

    #[test]
    fn who_falls_silent_or_away_is_not_shown_and_may_come_back() {
        let (mut ana, mut ben) = (ana(), Presence::new(2, &Person::new("Ben", None)));
        ana.hear(&ben.message(0).unwrap(), 0);
        ana.lost(1);
        assert_eq!(ana.peers(), []);
        ana.hear(&ben.awareness.encode_all(), 200);
        assert_eq!(ana.peers().len(), 1, "with the clock that was known before");
        let mut other = Presence::new(3, &Person::new("Carla", None));
        other.hear(&ana.message(300).unwrap(), 300);
        ana.lost(400);
        ana.set(CURSOR, json!(1));
        other.hear(&ana.message(500).unwrap(), 500);
        assert_eq!(other.peers()[0].state[CURSOR], json!(1), "one's own clock goes on");
        ana.tick(31_000);
        assert_eq!(ana.peers(), []);
    }

    #[test]
    fn a_state_without_a_name_or_with_nonsense_is_nobody() {
        for state in ["1", "{}", "{\"user\"", "null", "{\"cursor\":{}}"] {
            assert_eq!(peer(3, state), None, "{state}");
        }
        let odd = peer(3, "{\"user\":{\"name\":7,\"color\":\"url(x)\"},\"cursor\":5}").unwrap();
        assert_eq!((odd.person.name.as_str(), odd.caret), ("Someone", None));
    }
}
