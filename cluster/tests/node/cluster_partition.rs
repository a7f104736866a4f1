//! A network that is really cut, between machines: the minority stops, the majority goes on, and nothing that was answered at QUORUM is
//! lost, whichever side answered it.

use std::time::{Duration, Instant};

use shared::slot::Slot;
use shared::testing::wait;

use crate::machines::{Remote, Spread};
use crate::raw::Raw;

const NODE_TIMEOUT_MS: u64 = 1_000;
/// An answer that does not come for so long does not come: twice the node timeout.
const SILENCE: Duration = Duration::from_millis(2 * NODE_TIMEOUT_MS);

/// A tag whose slot is of the first primary.
fn tag() -> String {
    (0..).map(|n| format!("t{n}")).find(|tag| Slot::of_key(tag.as_bytes()).number() < 5_461).unwrap()
}

/// A connection at QUORUM.
fn quorum(node: &Remote) -> Raw {
    let mut raw = node.raw();
    assert_eq!(raw.say("CLIENT CONSISTENCY QUORUM"), "+OK");
    raw
}

/// Writes numbered keys until one is not answered OK, or not in time; those that were.
fn write(client: &mut Raw, name: &str, most: usize) -> Vec<String> {
    let mut answered = Vec::new();
    while answered.len() < most {
        let key = format!("{{{}}}:{name}:{}", tag(), answered.len());
        client.send(&["SET", &key, &key]);
        if client.is_silent_for(SILENCE) || client.try_read().is_none_or(|reply| reply.kind != '+') {
            break;
        }
        answered.push(key);
    }
    answered
}

/// What was answered is on both copies once all is whole again, and nobody else is primary of the first shard.
fn check(spread: &Spread, primary: usize, replica: usize, answered: &[String]) {
    spread.wait_in_sync();
    assert_eq!(spread.nodes[primary].replication("role:"), "master");
    assert_eq!(spread.nodes[replica].replication("role:"), "slave");
    let (mut first, mut second) = (quorum(&spread.nodes[primary]), spread.nodes[replica].raw());
    assert_eq!(second.say("READONLY"), "+OK");
    for key in answered {
        assert_eq!(first.say(&format!("GET {key}")), format!("${key}"));
        wait::until("the replica holds it", || second.say(&format!("GET {key}")) == format!("${key}"));
    }
}

#[test]
fn a_primary_that_is_cut_off_stops_and_the_majority_goes_on() {
    let Some(spread) = Spread::new(NODE_TIMEOUT_MS) else { return };
    let [old, new] = [&spread.nodes[0], &spread.nodes[3]];
    let mut answered = write(&mut quorum(old), "before", 200);
    assert_eq!(answered.len(), 200);
    let (mut at_quorum, mut at_one, mut reader) = (quorum(old), old.raw(), quorum(old));
    let read = format!("{{{}}}:read", tag());
    assert_eq!(reader.say(&format!("SET {read} old")), "+OK");
    spread.machines.cut(0);
    let cut = Instant::now();
    // Its replica is on the other side: nothing at QUORUM from now on. At ONE no longer than its lease.
    at_quorum.send(&["SET", &format!("{{{}}}:minority", tag()), "x"]);
    let mut last_one = Duration::ZERO;
    while write(&mut at_one, "one", 1).len() == 1 {
        last_one = cut.elapsed();
    }
    println!("cut: the last at ONE after {last_one:?}");
    assert!(last_one < Duration::from_millis(NODE_TIMEOUT_MS), "it answered alone for {last_one:?}");
    let held = at_quorum.is_silent_for(Duration::from_millis(1)) || at_quorum.try_read().is_none();
    assert!(held, "its replica cannot have it");
    wait::until("the majority elects", || new.replication("role:") == "master");
    let majority = write(&mut quorum(new), "majority", 200);
    assert_eq!(majority.len(), 200);
    answered.extend(majority);
    // Who reads at QUORUM at the old one is not told what is over.
    assert_eq!(quorum(new).say(&format!("SET {read} new")), "+OK");
    reader.send(&["GET", &read]);
    let told = if reader.is_silent_for(SILENCE) { None } else { reader.try_read() };
    assert!(told.as_ref().is_none_or(|told| told.kind == '-'), "{told:?}");
    wait::until("the minority says that it is down", || {
        let info = old.raw().call(&["CLUSTER", "INFO"]).text;
        String::from_utf8_lossy(&info).contains("cluster_state:fail")
    });
    let said = old.raw().say(&format!("SET {{{}}}:x y", tag()));
    assert!(said.starts_with("-CLUSTERDOWN"), "{said}");
    spread.machines.join(0);
    check(&spread, 3, 0, &answered);
}

#[test]
fn a_primary_that_hears_all_and_is_heard_by_nobody_stops_and_is_replaced() {
    let Some(spread) = Spread::new(NODE_TIMEOUT_MS) else { return };
    let [old, new] = [&spread.nodes[0], &spread.nodes[3]];
    let mut answered = write(&mut quorum(old), "before", 50);
    assert_eq!(answered.len(), 50);
    spread.machines.mute(0, 1);
    spread.machines.mute(0, 2);
    let cut = Instant::now();
    let mut at_one = old.raw();
    let mut last_one = Duration::ZERO;
    while write(&mut at_one, "one", 1).len() == 1 {
        last_one = cut.elapsed();
    }
    println!("mute: the last at ONE after {last_one:?}");
    assert!(last_one < Duration::from_millis(NODE_TIMEOUT_MS), "it answered alone for {last_one:?}");
    wait::until("the majority elects", || new.replication("role:") == "master");
    let majority = write(&mut quorum(new), "majority", 50);
    assert_eq!(majority.len(), 50);
    answered.extend(majority);
    spread.machines.unmute(0, 1);
    spread.machines.unmute(0, 2);
    check(&spread, 3, 0, &answered);
}

#[test]
fn a_cut_between_a_primary_and_its_replica_alone_elects_nobody_and_loses_nothing() {
    let Some(spread) = Spread::new(NODE_TIMEOUT_MS) else { return };
    let old = &spread.nodes[0];
    let mut answered = write(&mut quorum(old), "before", 50);
    // Machines 0 and 2, which holds its replica, do not hear each other; both hear machine 1.
    spread.machines.mute(0, 2);
    spread.machines.mute(2, 0);
    let cut = Instant::now();
    // It goes on alone when a majority has noted that the replica is not in sync any more.
    let mut again = Vec::new();
    wait::until("it answers at QUORUM without its replica", || {
        again = write(&mut quorum(old), "alone", 50);
        again.len() == 50
    });
    println!("at QUORUM again {:?} after the cut", cut.elapsed());
    answered.extend(again);
    spread.machines.unmute(0, 2);
    spread.machines.unmute(2, 0);
    check(&spread, 0, 3, &answered);
}
