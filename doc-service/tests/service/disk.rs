//! The disk of the node that has the document is full: nothing is called saved, and it goes on when there is room.

use shared::names::DocumentId;
use shared::rt::time::{Duration, Instant};
use shared::testing::wait;

use crate::support::http::request;
use crate::support::resp::{owner, stored_text};
use crate::support::stage::Stage;
use crate::support::ws::Ws;

/// What a file of the node may hold, bytes.
const ROOM: u64 = 128 * 1024;

/// One edit, bytes; and more of them than there is room for.
const EDIT: usize = 8 * 1024;
const EDITS: usize = 40;

/// Ana has filled the disk of the node that owns her document; the service says so.
async fn filled(stage: &Stage) -> Ws {
    let mut ana = Ws::join(&stage.address(), "notes?saved=1").await;
    ana.type_in("before ").await;
    let (client, before) = ana.own();
    ana.wait_saved(client, before).await;
    stage.cluster.node(owner_of(stage)).process().unwrap().limit_files(Some(ROOM));
    for _ in 0..EDITS {
        ana.type_in(&"x".repeat(EDIT)).await;
    }
    wait::until("the service says that a disk is full", || {
        let health = request(&stage.service, "GET", "/healthz", None);
        health.status == 503 && health.error().contains("disk")
    });
    ana
}

fn owner_of(stage: &Stage) -> usize {
    let id: DocumentId = "notes".parse().unwrap();
    stage.cluster.owner_of(&id.snapshot_key())
}

#[tokio::test]
async fn what_is_called_saved_on_a_full_disk_is_there_when_all_is_started_again() {
    let mut stage = Stage::ours();
    let mut ana = filled(&stage).await;
    ana.hear_until(Instant::now() + Duration::from_secs(1)).await;
    let (client, end) = ana.own();
    let told = ana.saved.clock(client);
    assert!(told < end, "more is called saved than the disk holds");
    // Nobody is left who could hand in again what the node did not keep.
    stage.service.kill();
    let node = owner_of(&stage);
    stage.cluster.node_mut(node).kill();
    stage.cluster.node_mut(node).start();
    stage.cluster.wait_ok();
    let kept = stored_text(&mut owner(&stage.cluster, "notes"), "notes").len();
    assert!(kept >= told as usize, "{told} letters are called saved, {kept} are there");
    stage.service.start();
    let mut back = Ws::with_doc(&stage.address(), "notes?saved=1", ana.into_doc()).await;
    back.sync().await;
    back.wait_saved(client, end).await;
    assert_eq!(stored_text(&mut owner(&stage.cluster, "notes"), "notes").len(), end as usize);
}

#[tokio::test]
async fn edits_wait_for_room_on_the_disk_and_their_author_stays() {
    // A redis-server takes writes again by itself.
    let stage = Stage::redis();
    let mut ana = filled(&stage).await;
    stage.cluster.node(owner_of(&stage)).process().unwrap().limit_files(None);
    let (client, end) = ana.own();
    ana.wait_saved(client, end).await;
    assert_eq!(stored_text(&mut owner(&stage.cluster, "notes"), "notes").len(), end as usize);
    wait::until("the service is well again", || {
        request(&stage.service, "GET", "/healthz", None).status == 200
    });
}
