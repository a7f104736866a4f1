//! Snapshots, trimming, and what is left after a crash.

use std::collections::HashSet;

use shared::limits::PENDING_UPDATES_MAX;
use shared::names::DocumentId;
use shared::protocol::{Message, StateVector};
use shared::testing::{Cluster, wait};

use crate::support::http::request;
use crate::support::resp::{log_length, owner, snapshot, spublish, stored_text, wait_snapshot};
use crate::support::stage::{Stage, service_on};
use crate::support::ws::{Ws, new_doc, typed};

#[tokio::test]
async fn a_changed_document_is_at_its_key_within_seconds_and_its_log_is_trimmed() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let typed_at = std::time::Instant::now();
    ana.type_in("line one\nline two").await;
    ana.seen().await;
    wait_snapshot(&stage.cluster, "notes", "line one\nline two");
    let took = typed_at.elapsed();
    assert!(took.as_millis() < 4_500, "every 3 s by default, took {took:?}");
    assert_eq!(log_length(&stage.cluster, "notes"), 0);
    let id: DocumentId = "notes".parse().unwrap();
    let mut wire = owner(&stage.cluster, "notes");
    let meta = wire.call(&["HGETALL", &id.meta_key()]);
    assert_eq!(meta.field("kind").unwrap().as_str(), Some("text"));
    assert!(meta.field("modified").unwrap().as_str() >= meta.field("created").unwrap().as_str());
    let listed = request(&stage.service, "GET", "/documents", None).json();
    assert_eq!(listed["documents"][0]["id"], "notes");
}

#[tokio::test]
async fn a_list_that_is_something_else_leaves_no_document_unsaved() {
    let stage = Stage::ours();
    let key = shared::names::workspace_key(shared::names::DEFAULT_WORKSPACE);
    let mut list = stage.cluster.node(stage.cluster.owner_of(&key)).wire();
    assert!(list.call(&["SET", &key, "mine"]).is_ok());
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("one").await;
    wait_snapshot(&stage.cluster, "notes", "one");
    assert_eq!(list.call(&["GET", &key]).as_str(), Some("mine"), "and is nobody else's");
    assert_eq!(list.call(&["DEL", &key]).as_int(), Some(1));
    ana.type_in(" two").await;
    wait::until("it is listed with the next snapshot", || {
        request(&stage.service, "GET", "/documents", None).json()["documents"][0]["id"] == "notes"
    });
}

#[tokio::test]
async fn saved_names_exactly_what_a_connection_sent_on_redis() {
    saved_names_exactly_what_a_connection_sent(Stage::redis()).await;
}

#[tokio::test]
async fn saved_names_exactly_what_a_connection_sent_on_our_nodes() {
    saved_names_exactly_what_a_connection_sent(Stage::ours()).await;
}

async fn saved_names_exactly_what_a_connection_sent(stage: Stage) {
    let mut ana = Ws::join(&stage.address(), "notes?saved=1").await;
    let mut ben = Ws::join(&stage.address(), "notes").await;
    ana.type_in("one").await;
    ben.wait_text("one").await;
    ben.type_in("two").await;
    ana.type_in("three").await;
    let (client, clock) = ana.own();
    ana.wait_saved(client, clock).await;
    let only: StateVector = [(client, clock)].into_iter().collect();
    assert_eq!((ana.saved.clone(), ana.saved_edits), (only, 2), "not Ben's edit");
    // A deletion has no clock: it is counted.
    ana.delete_first(1).await;
    while ana.saved_edits < 3 {
        ana.hear().await.unwrap();
    }
    // Sent again over a new connection, as by a window that had not heard that it is saved: it is said again.
    let mut again = Ws::with_doc(&stage.address(), "notes?saved=1", ana.into_doc()).await;
    again.sync().await;
    again.send_everything().await;
    again.wait_saved(client, clock).await;
    assert_eq!(again.saved_edits, 1);
}

#[tokio::test]
async fn what_was_saved_survives_sigkill_in_the_middle_of_typing_on_redis() {
    what_was_saved_survives_sigkill(Cluster::redis(3, 0), "500ms").await;
}

#[tokio::test]
async fn what_was_saved_survives_sigkill_in_the_middle_of_typing_on_our_nodes() {
    what_was_saved_survives_sigkill(Cluster::ours(3, 0), "500ms").await;
}

/// Saved all the time: nearly every kill hits a save.
#[tokio::test]
async fn what_was_saved_survives_sigkill_in_the_middle_of_a_save() {
    what_was_saved_survives_sigkill(Cluster::ours(3, 0), "10ms").await;
}

async fn what_was_saved_survives_sigkill(cluster: Cluster, save_every: &str) {
    let mut stage = Stage::on(cluster, &["--save-every", save_every]);
    let mut typed = String::new();
    for round in 0..5 {
        let mut ana = Ws::join(&stage.address(), "notes?saved=1").await;
        assert_eq!(ana.text(), typed, "round {round}");
        let (client, before) = ana.own();
        for number in 0..100 {
            ana.type_in(&format!("{round}.{number} ")).await;
        }
        let (_, end) = ana.own();
        ana.wait_saved(client, before + (end - before) / 2).await;
        stage.service.kill();
        let saved = ana.saved.clone();
        stage.service.start();
        // Whoever was connected comes back with what the service may not have got.
        let mut fresh = Ws::join(&stage.address(), "notes").await;
        let known = fresh.clock(client);
        assert!(known >= saved.clock(client), "saved {saved:?}, found {known}");
        let mut back = Ws::with_doc(&stage.address(), "notes", ana.into_doc()).await;
        back.sync().await;
        typed = back.text();
        fresh.wait_text(&typed).await;
    }
    wait_snapshot(&stage.cluster, "notes", &typed);
}

#[tokio::test]
async fn sigterm_saves_what_is_open() {
    let mut stage = Stage::on(Cluster::redis(3, 0), &["--save-every", "1h"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("last words").await;
    ana.seen().await;
    // Seen: it is in the log, but not yet at the key.
    assert_eq!(snapshot(&stage.cluster, "notes"), None);
    stage.service.terminate();
    assert_eq!(ana.wait_closed().await.code, 1001);
    assert_eq!(snapshot(&stage.cluster, "notes").as_deref(), Some("last words"));
    assert_eq!(log_length(&stage.cluster, "notes"), 0);
    let id: DocumentId = "notes".parse().unwrap();
    let lease = owner(&stage.cluster, "notes").call(&["EXISTS", &id.lease_key()]);
    assert_eq!(lease.as_int(), Some(0), "the lease is given back");
}

#[tokio::test]
async fn sigterm_tells_every_client_of_every_document() {
    let mut stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "1h"]);
    let mut clients = Vec::new();
    for number in 0..100 {
        let document = format!("d{}", number % 5);
        let mut client = Ws::join(&stage.address(), &document).await;
        client.type_in(&format!("{number} ")).await;
        client.seen().await;
        clients.push(client);
    }
    stage.service.terminate();
    for client in &mut clients {
        assert_eq!(client.wait_closed().await.code, 1001);
    }
    for number in 0..5 {
        wait_snapshot(&stage.cluster, &format!("d{number}"), &clients[95 + number].text());
    }
}

#[tokio::test]
async fn a_document_nobody_uses_is_closed_and_opened_again_with_everything() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "200ms", "--idle-after", "300ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("kept").await;
    ana.seen().await;
    drop(ana);
    let rooms = || request(&stage.service, "GET", "/metrics", None).body.contains("\nrustidocs_rooms 0\n");
    wait::until("the document is closed", rooms);
    let again = Ws::join(&stage.address(), "notes").await;
    assert_eq!(again.text(), "kept");
}

#[tokio::test]
async fn what_a_dead_service_left_in_the_log_is_saved_by_the_next() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "1h"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("left behind").await;
    ana.seen().await;
    let Stage { mut service, cluster } = stage;
    service.kill();
    assert!(log_length(&cluster, "notes") > 0);
    let next = service_on(&cluster, &["--save-every", "200ms"]);
    let ben = Ws::join(&next.address(), "notes").await;
    assert_eq!(ben.text(), "left behind");
    // The dead one's lease runs out first.
    wait_snapshot(&cluster, "notes", "left behind");
}

#[tokio::test]
async fn a_log_that_was_lost_on_the_channel_is_read_before_it_is_trimmed() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "300ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("heard ").await;
    ana.seen().await;
    // In the log, never on the channel: as a message that was lost.
    let update = typed(&new_doc(), "unheard");
    let id: DocumentId = "notes".parse().unwrap();
    let log = id.log_key();
    let added = owner(&stage.cluster, "notes").call(&[b"XADD", log.as_bytes(), b"*", b"u", &update]);
    assert!(added.as_str().is_some(), "{added}");
    ana.type_in("more").await;
    let mut wire = owner(&stage.cluster, "notes");
    wait::until("the snapshot has both", || {
        assert!(stored_text(&mut wire, "notes").contains("unheard"), "trimmed before it was in the state");
        snapshot(&stage.cluster, "notes")
            .is_some_and(|text| text.contains("unheard") && text.contains("more"))
    });
    while !ana.text().contains("unheard") {
        ana.hear().await.unwrap();
    }
}

#[tokio::test]
async fn at_every_moment_state_and_log_together_hold_all_that_was_seen() {
    // Saved all the time, so that many edits come while a snapshot is made.
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "10ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let mut ben = Ws::join(&stage.address(), "notes").await;
    let mut wire = owner(&stage.cluster, "notes");
    for round in 0..100 {
        for number in 0..20 {
            ana.type_in(&format!("<{round}.{number}>")).await;
            ben.type_in(&format!("({round}.{number})")).await;
        }
        ana.seen().await;
        ben.seen().await;
        let (seen, stored) = (ana.text(), stored_text(&mut wire, "notes"));
        let stored: HashSet<&str> = stored.split_inclusive(['>', ')']).collect();
        let lost: Vec<&str> =
            seen.split_inclusive(['>', ')']).filter(|word| !stored.contains(word)).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} are gone");
    }
    ana.wait_text(&stored_text(&mut wire, "notes")).await;
    wait_snapshot(&stage.cluster, "notes", &ana.text());
    wait::until("the log is trimmed", || log_length(&stage.cluster, "notes") == 0);
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    let saves = metrics.lines().find_map(|line| line.strip_prefix("rustidocs_snapshots_total ")).unwrap();
    assert!(saves.parse::<u64>().unwrap() >= 3, "{saves} snapshots: too few came between edits");
}

#[tokio::test]
async fn however_many_edits_come_out_of_order_none_is_lost() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "100ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let ben = new_doc();
    let edits = PENDING_UPDATES_MAX + 1_000;
    let mut updates: Vec<Vec<u8>> = (0..edits).map(|_| typed(&ben, "x")).collect();
    updates.reverse();
    let id: DocumentId = "notes".parse().unwrap();
    let mut wire = owner(&stage.cluster, "notes");
    for update in updates {
        wire.call(&[b"XADD", id.log_key().as_bytes(), b"*", b"u", &update]);
        spublish(&mut wire, "notes", &Message::Update(&update).encode());
    }
    let all = "x".repeat(edits);
    ana.wait_text(&all).await;
    wait_snapshot(&stage.cluster, "notes", &all);
    wait::until("the log is trimmed", || log_length(&stage.cluster, "notes") == 0);
}

#[tokio::test]
async fn what_waits_for_a_lost_edit_is_kept_in_the_log_until_that_comes() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "100ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let ghost = new_doc();
    let (lost, waits) = (typed(&ghost, "late "), typed(&ghost, "early "));
    let mut wire = owner(&stage.cluster, "notes");
    let mut log = |update: &[u8]| wire.call(&[b"XADD", &b"doc:{notes}:log"[..], b"*", b"u", update]);
    log(&waits);
    for number in 0..3 {
        ana.type_in(&format!("{number} ")).await;
        wait_snapshot(&stage.cluster, "notes", &ana.text());
    }
    wait::until("the log has what waits, and no more", || log_length(&stage.cluster, "notes") == 1);
    log(&lost);
    ana.type_in("!").await;
    while !ana.text().contains("late early ") {
        ana.hear().await.unwrap();
    }
    wait_snapshot(&stage.cluster, "notes", &ana.text());
    wait::until("nothing waits", || log_length(&stage.cluster, "notes") == 0);
}
