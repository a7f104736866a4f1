//! A colour of one's own for everybody who is here.
//!
//! People say their colours in awareness, and two may say the same: a colour goes by the name. Nobody has to give way by a
//! message: every window hands out colours by the same rule, so all that show the same people show them alike.

use std::collections::{BTreeMap, BTreeSet};

use shared::protocol::state_vector::ClientId;

use super::person::{PALETTE, Peer, Person};

/// Gives each of these people, and oneself, a colour that nobody else has, while the palette has a free one. Of those who say
/// the same colour the one with the smallest client keeps it. Windows of one person (one name, one colour) stay alike.
/// Returns oneself.
pub fn tell_apart(client: ClientId, own: &Person, peers: &mut [Peer]) -> Person {
    let mut people: Vec<(ClientId, &mut Person)> =
        peers.iter_mut().map(|peer| (peer.client, &mut peer.person)).collect();
    let mut own = own.clone();
    people.push((client, &mut own));
    people.sort_by_key(|(client, _)| *client);
    let said: BTreeSet<String> = people.iter().map(|(_, person)| person.color.clone()).collect();
    let mut given: BTreeMap<Person, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (_, person) in people {
        let color = given.get(person).cloned().unwrap_or_else(|| color_for(person, &taken, &said));
        taken.insert(color.clone());
        given.insert(person.clone(), color.clone());
        person.color = color;
    }
    own
}

/// What the person says, or the next colour of the palette that is free: best one that nobody says, so that nobody has to
/// give way in turn.
fn color_for(person: &Person, taken: &BTreeSet<String>, said: &BTreeSet<String>) -> String {
    if !taken.contains(&person.color) {
        return person.color.clone();
    }
    let start = PALETTE.iter().position(|color| *color == person.color).unwrap_or(0);
    let from_here = || PALETTE.iter().cycle().skip(start).take(PALETTE.len());
    let free = |color: &&&str| !taken.contains(**color);
    let unsaid = from_here().filter(free).find(|color| !said.contains(**color));
    unsaid
        .or_else(|| from_here().find(free))
        .map_or_else(|| person.color.clone(), |color| (*color).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn peer(client: ClientId, name: &str, color: &str) -> Peer {
        Peer { client, person: Person::new(name, Some(color)), caret: None, state: Value::Null }
    }

    #[test]
    fn who_says_a_colour_that_another_has_gets_a_free_one() {
        let ana = Person::new("Ana", Some(PALETTE[3]));
        let mut peers = [peer(5, "Ben", PALETTE[3]), peer(9, "Carla", PALETTE[4])];
        assert_eq!(
            tell_apart(7, &ana, &mut peers).color,
            PALETTE[5],
            "Ben was first, and Carla says the next"
        );
        assert_eq!(peers[0].person.color, PALETTE[3]);
        assert_eq!(peers[1].person.color, PALETTE[4]);
    }

    #[test]
    fn a_persons_windows_look_alike() {
        let ana = Person::new("Ana", None);
        let mut peers = [Peer { client: 2, person: ana.clone(), caret: None, state: Value::Null }];
        assert_eq!(tell_apart(1, &ana, &mut peers), ana);
        assert_eq!(peers[0].person, ana);
    }

    proptest! {
        /// Whoever looks sees the same, and no colour twice while the palette lasts.
        #[test]
        fn everybody_sees_everybody_in_the_same_colours(said in prop::collection::vec((any::<u64>(), 0..PALETTE.len()), 1..12)) {
            let people: Vec<Peer> = said.iter().enumerate()
                .map(|(n, (client, color))| peer(*client, &format!("person {n}"), PALETTE[*color])).collect();
            let mut seen: Vec<BTreeMap<String, String>> = Vec::new();
            for me in 0..people.len() {
                let mut others = people.clone();
                let own = others.remove(me);
                let own = tell_apart(own.client, &own.person, &mut others);
                let all = others.into_iter().map(|peer| peer.person).chain([own]);
                seen.push(all.map(|person| (person.name, person.color)).collect());
            }
            prop_assume!(said.iter().map(|(client, _)| client).collect::<BTreeSet<_>>().len() == said.len());
            for other in &seen[1..] {
                prop_assert_eq!(other, &seen[0]);
            }
            let colors: BTreeSet<&String> = seen[0].values().collect();
            prop_assert_eq!(colors.len(), people.len().min(PALETTE.len()));
        }
    }
}
