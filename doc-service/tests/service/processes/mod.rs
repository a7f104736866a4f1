//! Twenty typists at five documents while every 5 s a node or a service is killed or stopped: nothing that was called *saved* is
//! gone, nothing is invented or there twice, and in the end every window, snapshot and copy is the same.
//!
//! Half of the typists sit at two services, the others on the cluster. `cargo xtask sim processes` runs this for minutes; what it
//! gives is in the environment: `RUSTIDOCS_SECONDS`, `RUSTIDOCS_AWAY_SECONDS`, `RUSTIDOCS_SEED`.
//!
//! # Layout
//!
//! - [`oracle`]: what the typists know. - [`typist`]: one at a service. - [`direct`]: one on the cluster.

mod direct;
mod oracle;
mod typist;

use std::sync::Arc;
use std::thread;

use shared::client::{Address, Client, ClientConfig};
use shared::rt::rng::{Rng, random_u64};
use shared::rt::task;
use shared::rt::time::{Duration, Instant};
use shared::testing::{Cluster, Service, wait};

use crate::support::http;
use crate::support::resp::{snapshot, stored_text};
use direct::Direct;
use oracle::{DOCUMENTS, Oracle, TYPISTS};
use typist::Typist;

const NODES: usize = 6;
/// Folders of a node's log.
const RANGES: usize = 16;
const SERVICES: usize = 2;
const BETWEEN_FAULTS: Duration = Duration::from_secs(5);
/// For so long faults happen, seconds.
const SECONDS: u64 = 25;
/// For so long a replica is away under load, seconds.
const AWAY_SECONDS: u64 = 5;
/// With fewer saved words a second a run does not count.
const WORDS_PER_SECOND_MIN: f64 = 200.0;
/// A victim is down or stands still for this long, milliseconds: up to two and a half node timeouts.
const DOWN_MS: (u64, u64) = (500, 2_500);

/// The name of a document.
fn name(document: usize) -> String {
    format!("p{document}")
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// One thing that goes wrong.
#[derive(Debug)]
struct Fault {
    /// A node, or behind the nodes a service.
    victim: usize,
    kill: bool,
    down: Duration,
}

impl Fault {
    fn random(rng: &mut Rng) -> Fault {
        let victim = rng.below((NODES + SERVICES) as u64) as usize;
        let down = Duration::from_millis(DOWN_MS.0 + rng.below(DOWN_MS.1 - DOWN_MS.0));
        Fault { victim, kill: rng.below(2) == 0, down }
    }

    fn happen(&self, cluster: &mut Cluster, services: &mut [Service]) {
        let service = self.victim.checked_sub(NODES);
        match (service, self.kill) {
            (None, true) => {
                cluster.node_mut(self.victim).kill();
                thread::sleep(self.down);
                cluster.node_mut(self.victim).start();
            }
            (Some(service), true) => {
                services[service].kill();
                thread::sleep(self.down);
                services[service].start();
            }
            (_, false) => {
                let process = match service {
                    None => cluster.node(self.victim).process(),
                    Some(service) => services[service].process(),
                };
                let process = process.expect("it runs");
                process.pause();
                thread::sleep(self.down);
                process.resume();
            }
        }
    }
}

#[test]
fn nothing_saved_is_gone_and_all_windows_are_the_same_while_nodes_and_services_are_killed_and_stopped() {
    let seed = from_environment("RUSTIDOCS_SEED", random_u64());
    let seconds = from_environment("RUSTIDOCS_SECONDS", SECONDS);
    let away = Duration::from_secs(from_environment("RUSTIDOCS_AWAY_SECONDS", AWAY_SECONDS));
    println!("seed {seed}; again: cargo xtask sim processes --seed {seed} --seconds {seconds}");
    let mut rng = Rng::from_seed(seed);
    let mut cluster = Cluster::ours(3, 1);
    wait_in_sync(&cluster);
    let urls: Vec<String> = cluster.nodes().iter().map(|node| node.url()).collect();
    let start = || Service::start_on(&urls.join(","), cluster.folder().path(), &[]);
    let mut services: Vec<Service> = (0..SERVICES).map(|_| start()).collect();
    let oracle = Arc::new(Oracle::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = runtime.block_on(Client::connect(config(&cluster))).unwrap();

    let began = Instant::now();
    let (mut typists, mut directs) = (Vec::new(), Vec::new());
    for number in 0..TYPISTS {
        // Two at the services and two on the cluster, at each document.
        let document = number % DOCUMENTS;
        let (rng, oracle) = (Rng::from_seed(rng.next_u64()), Arc::clone(&oracle));
        if number < TYPISTS / 2 {
            let mut services: Vec<String> = services.iter().map(Service::address).collect();
            services.rotate_left(number / DOCUMENTS % SERVICES);
            let typist = Typist { number, document, services, rng, oracle };
            typists.push((document, thread::spawn(move || typist.run())));
        } else {
            let direct = Direct { number, document, client: client.clone(), rng, oracle };
            let _inside = runtime.enter();
            directs.push((document, task::spawn(direct.run())));
        }
    }

    let mut faults = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        let next = Instant::now() + BETWEEN_FAULTS;
        let fault = Fault::random(&mut rng);
        fault.happen(&mut cluster, &mut services);
        faults += 1;
        // One at a time: the next one when every edit would survive it.
        let healed = Instant::now();
        wait_in_sync(&cluster);
        println!(
            "{:6.1} s: {fault:?}; in sync {:?} after it ended, longest wait for saved {} ms, {} saved",
            began.elapsed().as_secs_f32(),
            healed.elapsed(),
            oracle.take_longest_ms(),
            oracle.saved_count()
        );
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    be_away(&mut cluster, away, &oracle);
    oracle.stop();
    let took = began.elapsed().as_secs_f64();
    let texts: Vec<(usize, String)> = typists
        .into_iter()
        .map(|(document, typist)| (document, typist.join().expect("a typist")))
        .chain(
            directs.into_iter().map(|(document, task)| (document, runtime.block_on(task).expect("a typist"))),
        )
        .collect();
    for (document, text) in &texts {
        oracle.check(*document, "a window", text);
    }
    for document in 0..DOCUMENTS {
        let (_, text) = texts.iter().find(|(of, _)| *of == document).expect("a window");
        for (_, other) in texts.iter().filter(|(of, _)| *of == document) {
            assert_eq!(other, text, "two windows of document {document} differ");
        }
        check_copies(&cluster, &services, document, text, &oracle);
    }
    let saved = oracle.saved_count();
    println!(
        "{faults} faults; {saved} words saved in {took:.0} s, none lost, invented or twice; all windows and copies equal"
    );
    let rate = saved as f64 / took;
    assert!(rate >= WORDS_PER_SECOND_MIN, "only {rate:.0} words a second were saved");
}

fn config(cluster: &Cluster) -> ClientConfig {
    let seeds: Vec<Address> = cluster.addresses().iter().map(|address| address.parse().unwrap()).collect();
    let mut config = ClientConfig::new(seeds);
    config.call_deadline = wait::PATIENCE;
    config
}

/// A field of `INFO replication`.
fn replication(cluster: &Cluster, node: usize, name: &str) -> Option<String> {
    let info = cluster.node(node).wire().call(&["INFO", "replication"]);
    let mut lines = info.as_str()?.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
}

/// Who is who, as the nodes say.
fn known(cluster: &Cluster) -> String {
    let infos = cluster.nodes().iter().map(|node| node.wire().call(&["INFO", "replication"]).to_string());
    let nodes = cluster.nodes()[0].wire().call(&["CLUSTER", "NODES"]).to_string();
    infos.chain([nodes]).collect::<Vec<_>>().join("\n")
}

/// The replica of a primary.
fn replica_of(cluster: &Cluster, primary: usize) -> usize {
    let port = cluster.node(primary).port().to_string();
    let follows = |node: &usize| replication(cluster, *node, "master_port") == Some(port.clone());
    let replica = (0..NODES).find(follows);
    replica.unwrap_or_else(|| panic!("node {primary} ({port}) has no replica: {}", known(cluster)))
}

/// Waits until every shard has a primary and a replica in sync.
fn wait_in_sync(cluster: &Cluster) {
    wait::until("every shard is in sync", || {
        let in_sync = |node: &usize| replication(cluster, *node, "in_sync_copies").as_deref() == Some("2");
        (0..NODES).filter(in_sync).count() == 3
    });
    cluster.wait_ok();
}

/// A replica that was away under load gets what it missed, and nothing else.
fn be_away(cluster: &mut Cluster, time: Duration, oracle: &Oracle) {
    let primary = cluster.owner_of(&format!("{{{}}}", name(0)));
    let replica = replica_of(cluster, primary);
    let rewritten = |cluster: &Cluster| {
        let log = cluster.node(primary).process().expect("it runs").log();
        log.matches("rewrote a range").count()
    };
    let (before, rewritten_before) = (oracle.saved_count(), rewritten(cluster));
    cluster.node_mut(replica).kill();
    thread::sleep(time);
    let missed = oracle.saved_count() - before;
    let began = Instant::now();
    cluster.node_mut(replica).start();
    wait_in_sync(cluster);
    let whole = replication(cluster, replica, "ranges_received").and_then(|text| text.parse::<usize>().ok());
    let (whole, rewritten) = (whole.expect("a count"), rewritten(cluster) - rewritten_before);
    println!(
        "a replica was away for {time:?}, {missed} words in all: in sync {:?} after its start began, {whole} of {RANGES} ranges \
         came whole, {rewritten} logs were rewritten meanwhile",
        began.elapsed()
    );
    assert!(missed > 0, "no load while it was away");
    // A log that was rewritten meanwhile does not reach back: that range comes whole, and no other.
    assert!(whole <= rewritten && whole < RANGES, "it caught up from the log");
}

/// What both services, the snapshot, and the log of every copy say.
fn check_copies(cluster: &Cluster, services: &[Service], document: usize, text: &str, oracle: &Oracle) {
    let id = name(document);
    for service in services {
        let answer = http::request(service, "GET", &format!("/documents/{id}?format=text"), None);
        oracle.check(document, "a service", &answer.body);
        assert_eq!(answer.body, text, "a service and a window differ");
    }
    let owner = cluster.owner_of(&format!("{{{id}}}"));
    let stored = stored_text(&mut cluster.node(owner).wire(), &id);
    oracle.check(document, "the cluster", &stored);
    wait::until("the snapshot is what the windows show", || snapshot(cluster, &id).as_deref() == Some(text));
    let mut replica = cluster.node(replica_of(cluster, owner)).wire();
    assert!(replica.call(&["READONLY"]).is_ok());
    wait::until("the replica holds the same", || stored_text(&mut replica, &id) == text);
}
