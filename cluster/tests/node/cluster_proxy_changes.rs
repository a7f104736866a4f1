//! `cluster-proxy yes` while pipelines are long, slots move and owners fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shared::rt::rng::Rng;
use shared::slot::Slot;
use shared::testing::cluster::Cluster;
use shared::testing::node::Program;
use shared::testing::wait;

use crate::cluster_proxy::{OPTIONS, raw, tag_at, with_replicas};
use crate::raw::Raw;

/// What a store of integers answers, as a frame is printed.
#[derive(Default)]
struct Model(BTreeMap<String, i64>);

impl Model {
    fn get(&self, key: &str) -> String {
        self.0.get(key).map_or("$null".to_owned(), |value| format!("${value}"))
    }

    fn answer(&mut self, words: &[String]) -> String {
        let keys = &words[1..];
        match &*words[0] {
            "GET" => self.get(&keys[0]),
            "MGET" => {
                let values: Vec<String> = keys.iter().map(|key| self.get(key)).collect();
                format!("*[{}]", values.join(", "))
            }
            "INCR" => {
                let value = self.0.entry(keys[0].clone()).or_default();
                *value += 1;
                format!(":{value}")
            }
            "DEL" => format!(":{}", keys.iter().filter(|key| self.0.remove(*key).is_some()).count()),
            "EXISTS" => format!(":{}", keys.iter().filter(|key| self.0.contains_key(*key)).count()),
            _ => {
                for pair in keys.chunks(2) {
                    self.0.insert(pair[0].clone(), pair[1].parse().unwrap());
                }
                "+OK".to_owned()
            }
        }
    }
}

/// A random command on keys of these tags.
fn command(rng: &mut Rng, tags: &[String]) -> Vec<String> {
    let key = |rng: &mut Rng| {
        let tag = &tags[rng.below(tags.len() as u64) as usize];
        format!("{{{tag}}}{}", rng.below(4))
    };
    let value = |rng: &mut Rng| rng.below(1_000).to_string();
    let count = 1 + rng.below(5);
    let mut words = Vec::new();
    match rng.below(7) {
        0 => words.extend(["GET".to_owned(), key(rng)]),
        1 => words.extend(["SET".to_owned(), key(rng), value(rng)]),
        2 => words.extend(["INCR".to_owned(), key(rng)]),
        3 => {
            words.push("MSET".to_owned());
            (0..count).for_each(|_| words.extend([key(rng), value(rng)]));
        }
        name => {
            words.push(["MGET", "DEL", "EXISTS"][name as usize - 4].to_owned());
            // A key is counted once by the model's DEL as by the node's.
            (0..count).for_each(|_| words.push(key(rng)));
        }
    }
    words
}

/// Sends a pipeline of random commands through a random node; every answer must be that of the model.
fn pipeline(rng: &mut Rng, clients: &mut [Raw], tags: &[String], model: &mut Model) {
    let client = rng.below(clients.len() as u64) as usize;
    let client = &mut clients[client];
    let commands: Vec<Vec<String>> = (0..1 + rng.below(60)).map(|_| command(rng, tags)).collect();
    commands.iter().for_each(|words| client.send(words));
    for (place, words) in commands.iter().enumerate() {
        let expected = model.answer(words);
        assert_eq!(format!("{:?}", client.read()), expected, "{words:?}, the {place}. of its pipeline");
    }
}

fn seed() -> u64 {
    let seed = Rng::from_system().next_u64();
    println!("seed {seed}");
    seed
}

#[test]
fn random_pipelines_through_random_nodes_are_answered_in_order_as_by_one_node() {
    let cluster = with_replicas();
    let mut rng = Rng::from_seed(seed());
    let tags: Vec<String> = (0..9).map(|number| format!("tag{number}")).collect();
    let mut clients: Vec<Raw> = cluster.nodes().iter().map(raw).collect();
    let mut model = Model::default();
    for _ in 0..300 {
        pipeline(&mut rng, &mut clients, &tags, &mut model);
    }
}

/// Moves a slot from a node to another one, key by key, as redis-cli does.
fn move_slot(cluster: &Cluster, slot: Slot, from: usize, to: usize) {
    let mut nodes: Vec<Raw> = cluster.nodes().iter().map(raw).collect();
    let id = |node: &mut Raw| String::from_utf8(node.call(&["CLUSTER", "MYID"]).text).unwrap();
    let (from_id, to_id) = (id(&mut nodes[from]), id(&mut nodes[to]));
    let port = cluster.node(to).port().to_string();
    assert_eq!(nodes[to].say(&format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}")), "+OK");
    assert_eq!(nodes[from].say(&format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}")), "+OK");
    loop {
        let keys = nodes[from].say(&format!("CLUSTER GETKEYSINSLOT {slot} 1"));
        let Some(key) = keys.strip_prefix("*[$").and_then(|keys| keys.strip_suffix(']')) else { break };
        let moved = nodes[from].call(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        assert!(matches!(&*format!("{moved:?}"), "+OK" | "+NOKEY"), "{moved:?}");
    }
    for node in [to, from].into_iter().chain((0..3).filter(|node| ![to, from].contains(node))) {
        assert_eq!(nodes[node].say(&format!("CLUSTER SETSLOT {slot} NODE {to_id}")), "+OK");
    }
}

#[test]
fn a_slot_that_moves_under_load_costs_no_error_no_order_and_no_write() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &OPTIONS);
    let tags: Vec<String> = (0..3).map(|owner| tag_at(&cluster, owner)).collect();
    under_load(&cluster, &tags, |more_load| {
        for round in 0..4 {
            // All but one lie in slots that move.
            for (first, tag) in tags.iter().enumerate().take(2) {
                let slot = Slot::of_key(tag.as_bytes());
                more_load();
                move_slot(&cluster, slot, (first + round) % 3, (first + round + 1) % 3);
            }
        }
    });
}

/// Does something while clients send pipelines through random nodes on keys of these tags, each on keys of its own: every answer must
/// be that of a model.
fn under_load(cluster: &Cluster, tags: &[String], work: impl FnOnce(&dyn Fn())) {
    let seed = seed();
    let pipelines: [AtomicU64; 3] = Default::default();
    let all = || pipelines.each_ref().map(|count| count.load(Ordering::Relaxed));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (client, count) in (0..3_u64).zip(&pipelines) {
            let over = &over;
            scope.spawn(move || {
                let mut rng = Rng::from_seed(seed + client);
                let mut clients: Vec<Raw> = cluster.nodes().iter().map(raw).collect();
                let mut model = Model::default();
                while !over.load(Ordering::Relaxed) {
                    own_pipeline(&mut rng, &mut clients, tags, client, &mut model);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _ends = Ends(&over);
        // The work goes on only as the load does.
        work(&|| {
            let before = all();
            wait::until("all clients send more", || {
                all().iter().zip(&before).all(|(now, before)| *now > before + 3)
            });
        });
        println!("pipelines: {:?}", all());
    });
}

/// Ends the load, also after a panic.
struct Ends<'o>(&'o AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// As [`pipeline`], on keys that no other client has.
fn own_pipeline(rng: &mut Rng, clients: &mut [Raw], tags: &[String], client: u64, model: &mut Model) {
    let node = rng.below(clients.len() as u64) as usize;
    let commands: Vec<Vec<String>> = (0..1 + rng.below(20))
        .map(|_| {
            let mut words = command(rng, tags);
            let step = if words[0] == "MSET" { 2 } else { 1 };
            let last = if words[0] == "SET" { 2 } else { words.len() };
            words[1..last].iter_mut().step_by(step).for_each(|key| *key += &format!(":{client}"));
            words
        })
        .collect();
    commands.iter().for_each(|words| clients[node].send(words));
    for words in &commands {
        let expected = model.answer(words);
        assert_eq!(
            format!("{:?}", clients[node].read()),
            expected,
            "client {client}: {words:?} of {commands:?}"
        );
    }
}

#[test]
fn slots_that_move_as_a_stream_under_load_cost_no_error_no_order_and_no_write() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &OPTIONS);
    let tags: Vec<String> = (0..3).map(|owner| tag_at(&cluster, owner)).collect();
    let slots: Vec<Slot> = tags.iter().map(|tag| Slot::of_key(tag.as_bytes())).collect();
    under_load(&cluster, &tags, |more_load| {
        for round in 0..4 {
            for (first, slot) in slots.iter().enumerate().take(2) {
                let (from, to) = ((first + round) % 3, (first + round + 1) % 3);
                let id = String::from_utf8(raw(cluster.node(to)).call(&["CLUSTER", "MYID"]).text).unwrap();
                let mut node = raw(cluster.node(from));
                more_load();
                let order = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {id}");
                wait::until("the slot may move", || node.say(&order) == "+OK");
                wait::until("everybody knows its new node", || {
                    (0..3).all(|asked| owner(&cluster, asked, *slot) == cluster.node(to).port())
                });
            }
        }
    });
}

/// The port of the owner of a slot as a node knows it.
fn owner(cluster: &Cluster, asked: usize, slot: Slot) -> u16 {
    let slots = raw(cluster.node(asked)).call(&["CLUSTER", "SLOTS"]);
    let number = |frame: &crate::raw::Frame| -> u16 { String::from_utf8_lossy(&frame.text).parse().unwrap() };
    let mut ranges = slots.items.iter();
    let found =
        ranges.find(|range| (number(&range.items[0])..=number(&range.items[1])).contains(&slot.number()));
    found.map_or(0, |range| number(&range.items[2].items[1]))
}

#[test]
fn a_blocked_client_and_a_watched_key_follow_their_slot() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &OPTIONS);
    let tag = tag_at(&cluster, 1);
    let slot = Slot::of_key(tag.as_bytes());
    let (mut waits, mut watches, mut other) =
        (raw(cluster.node(0)), raw(cluster.node(0)), raw(cluster.node(2)));
    waits.send_line(&format!("BLPOP {{{tag}}}queue 0"));
    wait::until("it waits at the owner", || {
        crate::cluster_proxy::info(cluster.node(1), "blocked_clients") == "1"
    });
    assert_eq!(watches.say(&format!("WATCH {tag}")), "+OK");
    move_slot(&cluster, slot, 1, 2);
    wait::until("it waits at the new owner", || {
        crate::cluster_proxy::info(cluster.node(2), "blocked_clients") == "1"
    });
    assert_eq!(other.say(&format!("RPUSH {{{tag}}}queue x")), ":1");
    assert_eq!(format!("{:?}", waits.read()), format!("*[${{{tag}}}queue, $x]"));
    // What was watched was watched at the old owner: as if it had been changed.
    let queued = format!("SET {tag} 1");
    for (line, answer) in [("MULTI", "+OK"), (&*queued, "+QUEUED"), ("EXEC", "*null[]")] {
        assert_eq!(watches.say(line), answer);
    }
    assert_eq!(watches.say(&format!("WATCH {tag}")), "+OK");
    for (line, answer) in [("MULTI", "+OK"), (&*queued, "+QUEUED"), ("EXEC", "*[+OK]")] {
        assert_eq!(watches.say(line), answer);
    }
    // To this node itself: what it watched here before it was sent away, and back.
    assert_eq!(watches.say(&format!("WATCH {tag}")), "+OK");
    move_slot(&cluster, slot, 2, 0);
    for (line, answer) in [("MULTI", "+OK"), (&*queued, "+QUEUED"), ("EXEC", "*null[]")] {
        assert_eq!(watches.say(line), answer);
    }
    assert_eq!(watches.say(&format!("WATCH {tag}")), "+OK");
    move_slot(&cluster, slot, 0, 1);
    for (line, answer) in [("MULTI", "+OK"), (&*queued, "+QUEUED"), ("EXEC", "*null[]")] {
        assert_eq!(watches.say(line), answer);
    }
}

/// What a client that counts up was told: how often it worked, and how often that is not known.
#[derive(Default)]
struct Counted {
    done: i64,
    unknown: i64,
    slowest: Duration,
}

fn count_up(client: &mut Raw, key: &str, over: &AtomicBool) -> Counted {
    let mut counted = Counted::default();
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = client.say(&format!("INCR {key}"));
        counted.slowest = counted.slowest.max(asked.elapsed());
        match &*answer {
            answer if answer.starts_with(':') => counted.done += 1,
            answer if answer.contains("outcome is not known") => counted.unknown += 1,
            // Until a replica is elected.
            answer if answer.starts_with("-CLUSTERDOWN") => {}
            answer => panic!("{answer}"),
        }
    }
    counted
}

#[test]
fn when_an_owner_is_killed_writes_go_on_through_other_nodes_and_none_is_done_twice() {
    let mut cluster = with_replicas();
    let keys: Vec<String> = (0..3).map(|owner| tag_at(&cluster, owner)).collect();
    let mut clients: Vec<Raw> = (0..3).map(|_| raw(cluster.node(0))).collect();
    let over = AtomicBool::new(false);
    let counted: Vec<Counted> = thread::scope(|scope| {
        let counting: Vec<_> = clients
            .iter_mut()
            .zip(&keys)
            .map(|(client, key)| scope.spawn(|| count_up(client, key, &over)))
            .collect();
        let _ends = Ends(&over);
        let mut watcher = raw(cluster.node(2));
        wait::until("it counts", || watcher.say(&format!("GET {}", keys[1])).as_str() > "$50");
        cluster.node_mut(1).kill();
        let killed = Instant::now();
        wait::until("writes go on", || watcher.say(&format!("SET {{{}}}other 1", keys[1])) == "+OK");
        println!("writes go on after {:?}", killed.elapsed());
        over.store(true, Ordering::Relaxed);
        counting.into_iter().map(|counting| counting.join().unwrap()).collect()
    });
    for (key, Counted { done, unknown, slowest }) in keys.iter().zip(counted) {
        let answer = raw(cluster.node(2)).say(&format!("GET {key}"));
        let value: i64 = answer[1..].parse().unwrap();
        println!("{key}: {done} done, {unknown} unknown, {value} in the end, slowest {slowest:?}");
        assert!(value <= done + unknown, "done twice: {value} of {done} and {unknown}");
        assert!(slowest < Duration::from_secs(8) && unknown <= 1);
    }
}
