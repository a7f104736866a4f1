//! How soon edits are *saved* again when the primary of their document is killed: from the first write that its slot takes until
//! everything is saved that a typist had typed by then. Prints JSON. `cargo xtask bench failover` runs it.

// A measurement that cannot go on ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/service/support/blocking.rs"]
mod blocking;

use std::collections::VecDeque;
use std::sync::mpsc;
use std::thread;

use shared::document::TextDocument;
use shared::names::DocumentId;
use shared::protocol::Message;
use shared::rt::time::{Duration, Instant, now_ms};
use shared::testing::service::Service;
use shared::testing::wire::Wire;
use shared::testing::{Cluster, wait};

use self::blocking::{Gone, Socket};

/// How often a primary is killed.
const KILLS: u64 = 10;
/// A fast typist.
const BETWEEN_LETTERS: Duration = Duration::from_millis(50);
/// How long a typist listens before it looks whether a letter is due.
const LISTEN: Duration = Duration::from_millis(1);
const CLIENT: u64 = 7;

fn main() {
    let mut saved_ms: Vec<f64> = (0..KILLS).map(kill).collect();
    saved_ms.sort_by(f64::total_cmp);
    println!(
        "{{\"saved_again_ms\":{:.0},\"saved_again_max_ms\":{:.0}}}",
        saved_ms[saved_ms.len() / 2],
        saved_ms.last().unwrap()
    );
}

/// One kill; milliseconds.
fn kill(number: u64) -> f64 {
    let mut cluster = Cluster::ours(3, 1);
    for primary in 0..3 {
        let mut wire = cluster.node(primary).wire();
        wait::until("its replica is in sync", || {
            let info = wire.call(&["INFO", "replication"]);
            info.as_str().is_some_and(|info| info.contains("in_sync_copies:2"))
        });
    }
    let document: DocumentId = (0..)
        .map(|number| format!("notes{number}").parse::<DocumentId>().unwrap())
        .find(|document| cluster.owner_of(&document.log_key()) == 0)
        .unwrap();
    let service = Service::start_on(&cluster.url(), cluster.folder().path(), &[]);
    let mut socket = Socket::open(&service.address(), &document.to_string(), LISTEN).unwrap_or_else(gone);
    let mut text = TextDocument::new(CLIENT).unwrap();
    let (mut unsaved, mut length, began) = (VecDeque::<(u32, Instant)>::new(), 0, Instant::now());
    // Failure detectors have a rhythm: the kill comes anywhere in it.
    let kill_at = began + Duration::from_millis(2_000 + 70 * number);
    let (mut due, mut killed, mut writes_again) = (began, false, None::<Instant>);
    let (tell, told) = mpsc::channel();
    loop {
        while due <= Instant::now() {
            let update = text.splice(length as usize, 0, "x", now_ms()).unwrap().unwrap();
            socket.send(&Message::Update(&update)).unwrap_or_else(gone);
            length += 1;
            unsaved.push_back((length, due));
            due += BETWEEN_LETTERS;
        }
        if !killed && Instant::now() >= kill_at {
            killed = true;
            cluster.node_mut(0).kill();
            let (port, key, tell) = (cluster.node(3).port(), document.log_key(), tell.clone());
            thread::spawn(move || {
                let key = format!("{{{}}}written", tag(&key));
                let mut wire = Wire::connect(port);
                while !wire.call(&["SET", &key, "again"]).is_ok() {
                    thread::sleep(LISTEN);
                }
                tell.send(Instant::now()).unwrap();
            });
        }
        writes_again = writes_again.or_else(|| told.try_recv().ok());
        if let Some(frame) = socket.read().unwrap_or_else(gone)
            && let Message::Saved { vector, .. } = Message::decode(&frame).unwrap()
        {
            while unsaved.front().is_some_and(|(clock, _)| vector.clock(CLIENT) >= *clock) {
                unsaved.pop_front();
            }
        }
        if let Some(again) = writes_again
            && unsaved.front().is_none_or(|(_, typed)| *typed > again)
        {
            return again.elapsed().as_secs_f64() * 1_000.0;
        }
    }
}

/// The hash tag of a key.
fn tag(key: &str) -> &str {
    key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag)
}

fn gone<T>(_: Gone) -> T {
    panic!("the service is gone")
}
