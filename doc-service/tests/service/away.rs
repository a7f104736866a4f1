//! The cluster is away for a while: short, and clients only wait; long, and they are told, and come back by themselves.

use shared::names::DocumentId;
use shared::rt::time::{Duration, Instant};
use shared::testing::{Cluster, wait};

use crate::support::http::request;
use crate::support::resp::{owner, stored_text, wait_snapshot};
use crate::support::stage::Stage;
use crate::support::ws::{Ws, new_doc, typed};
use crate::support::yjs::Yjs;

/// What a supervisor would wait for `/healthz`: more than 2 s, because this machine is busy, and less than the service itself tries.
const HEALTH_MAX: Duration = Duration::from_secs(10);

/// Longer than one reply may take (5 s): connections are given up. Shorter than an edit waits (15 s).
const SHORT: Duration = Duration::from_secs(7);

#[tokio::test]
async fn while_the_nodes_stand_still_edits_wait_and_nothing_is_called_saved() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes?saved=1").await;
    let mut ben = Ws::join(&stage.address(), "notes").await;
    ana.type_in("before ").await;
    let (client, before) = ana.own();
    ana.wait_saved(client, before).await;
    ben.wait_text("before ").await;

    stage.cluster.nodes().iter().for_each(|node| node.process().unwrap().pause());
    let back_at = Instant::now() + SHORT;
    for number in 0..20 {
        ana.type_in(&format!("{number} ")).await;
    }
    ana.hear_until(back_at - Duration::from_secs(1)).await;
    ben.hear_until(back_at).await;
    assert_eq!((ana.saved.clock(client), ben.text().as_str()), (before, "before "), "nobody has it");
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    assert!(metrics.contains("\nrustidocs_edits_waiting 20\n"), "{metrics}");
    stage.cluster.nodes().iter().for_each(|node| node.process().unwrap().resume());

    let (_, end) = ana.own();
    ana.wait_saved(client, end).await;
    ben.wait_text(&ana.text()).await;
    wait_snapshot(&stage.cluster, "notes", &ana.text());
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    assert!(metrics.contains("\nrustidocs_edits_waiting 0\n"), "{metrics}");
    assert!(metrics.contains("\nrustidocs_away_total 0\n"), "{metrics}");
}

#[tokio::test]
async fn nodes_that_are_killed_and_started_again_within_seconds_cost_no_client_its_connection_on_redis() {
    nodes_that_are_killed_and_started_again(Stage::redis()).await;
}

#[tokio::test]
async fn nodes_that_are_killed_and_started_again_within_seconds_cost_no_client_its_connection_on_our_nodes() {
    nodes_that_are_killed_and_started_again(Stage::ours()).await;
}

async fn nodes_that_are_killed_and_started_again(mut stage: Stage) {
    let mut ana = Ws::join(&stage.address(), "notes?saved=1").await;
    let mut ben = Ws::join(&stage.address(), "notes").await;
    ana.type_in("before ").await;
    let (client, before) = ana.own();
    ana.wait_saved(client, before).await;
    for node in 0..3 {
        stage.cluster.node_mut(node).kill();
    }
    for number in 0..20 {
        ana.type_in(&format!("{number} ")).await;
    }
    for node in 0..3 {
        stage.cluster.node_mut(node).start();
    }
    let (_, end) = ana.own();
    ana.wait_saved(client, end).await;
    ben.wait_text(&ana.text()).await;
    wait_snapshot(&stage.cluster, "notes", &ana.text());
}

#[tokio::test]
async fn a_cluster_that_stays_away_closes_documents_and_clients_come_back_by_themselves() {
    let mut stage = Stage::ours();
    let address = stage.address();
    let (mut ana, mut ben) = (Yjs::join(&address, "trip"), Yjs::join(&address, "trip"));
    // Nobody types here: only the channel tells that the cluster is away.
    let mut quiet = Yjs::join(&address, "quiet");
    ana.append("before ");
    ben.wait_text("before ");
    wait_snapshot(&stage.cluster, "trip", "before ");
    for node in 0..3 {
        stage.cluster.node_mut(node).kill();
    }
    ana.append("typed into silence ");
    wait::until("the service says that the cluster is away", || {
        let asked_at = Instant::now();
        let health = request(&stage.service, "GET", "/healthz", None);
        let took = asked_at.elapsed();
        assert!(took < HEALTH_MAX, "{took:?}: longer than who asks waits");
        health.status == 503 && !health.error().is_empty()
    });
    for client in [&mut ana, &mut ben, &mut quiet] {
        wait::until("a client is told to come again", || {
            client.ask("closed", serde_json::json!({}))["code"] == 1013
        });
    }
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    assert!(!metrics.contains("\nrustidocs_away_total 0\n"), "{metrics}");
    ben.append("typed offline ");
    for node in 0..3 {
        stage.cluster.node_mut(node).start();
    }
    wait::until("both read what both wrote", || {
        let (a, b) = (ana.text(), ben.text());
        a == b && a.contains("typed into silence ") && a.contains("typed offline ")
    });
    wait_snapshot(&stage.cluster, "trip", &ana.text());
    quiet.synced();
    wait::until("the service is well again", || {
        request(&stage.service, "GET", "/healthz", None).status == 200
    });
}

#[tokio::test]
async fn what_was_missed_while_the_channel_was_lost_is_read_from_the_log() {
    // No save: nothing but the end of the loss makes the room read the log.
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "1h"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("heard ").await;
    ana.seen().await;
    let id: DocumentId = "notes".parse().unwrap();
    let mut wire = owner(&stage.cluster, "notes");
    for missed in ["once ", "twice "] {
        let update = typed(&new_doc(), missed);
        wire.call(&[b"XADD", id.log_key().as_bytes(), b"*", b"u", &update]);
        let killed = wire.call(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert!(killed.as_int() >= Some(1), "{killed}");
        while !ana.text().contains(missed) {
            ana.hear().await.unwrap();
        }
    }
    assert_eq!(ana.text(), stored_text(&mut wire, "notes"));
}
