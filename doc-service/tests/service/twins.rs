//! Two services on one document.

use shared::testing::{Cluster, wait};

use crate::support::resp::{log_length, wait_snapshot};
use crate::support::stage::{Stage, service_on};
use crate::support::ws::Ws;

#[tokio::test]
async fn two_services_hold_one_document_and_one_of_them_saves() {
    let stage = Stage::on(Cluster::redis(3, 0), &["--save-every", "300ms"]);
    let mut second = service_on(&stage.cluster, &["--save-every", "300ms"]);
    let (mut ana, mut ben) =
        (Ws::join(&stage.address(), "notes").await, Ws::join(&second.address(), "notes").await);
    ana.type_in("ana ").await;
    ben.wait_text("ana ").await;
    ben.type_in("ben ").await;
    ana.wait_text("ana ben ").await;
    wait_snapshot(&stage.cluster, "notes", "ana ben ");
    ana.type_in("more").await;
    ben.wait_text("ana ben more").await;
    wait_snapshot(&stage.cluster, "notes", "ana ben more");
    // Whoever has the lease, the other takes over when it stops.
    second.terminate();
    ana.type_in("!").await;
    ana.seen().await;
    wait_snapshot(&stage.cluster, "notes", "ana ben more!");
    assert_eq!(log_length(&stage.cluster, "notes"), 0);
}

#[tokio::test]
async fn a_late_saver_merges_before_it_writes() {
    let stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "300ms"]);
    let second = service_on(&stage.cluster, &["--save-every", "300ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("first ").await;
    wait_snapshot(&stage.cluster, "notes", "first ");
    let mut ben = Ws::join(&second.address(), "notes").await;
    assert_eq!(ben.text(), "first ");
    // The first service has the lease. It stands still; the second takes over, saves and trims.
    stage.service.process().unwrap().pause();
    ben.type_in("second ").await;
    ben.seen().await;
    wait_snapshot(&stage.cluster, "notes", "first second ");
    // The first wakes up with an old view and something to save.
    ana.type_in("third").await;
    stage.service.process().unwrap().resume();
    wait_snapshot(&stage.cluster, "notes", &{
        let text = loop {
            ben.hear().await.unwrap();
            if ben.text().contains("third") {
                break ben.text();
            }
        };
        assert!(text.contains("second") && text.contains("first"), "{text}");
        text
    });
}

#[tokio::test]
async fn when_the_service_that_saves_is_killed_the_other_one_saves() {
    let mut stage = Stage::on(Cluster::ours(3, 0), &["--save-every", "300ms"]);
    let second = service_on(&stage.cluster, &["--save-every", "300ms"]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("ana ").await;
    wait_snapshot(&stage.cluster, "notes", "ana ");
    let mut ben = Ws::join(&second.address(), "notes").await;
    ben.type_in("ben ").await;
    ana.wait_text("ana ben ").await;
    ana.type_in("last words ").await;
    ana.seen().await;
    // It has the lease, and does not give it back.
    stage.service.kill();
    ben.wait_text("ana ben last words ").await;
    ben.type_in("and on").await;
    ben.seen().await;
    wait_snapshot(&stage.cluster, "notes", "ana ben last words and on");
    wait::until("the log is trimmed", || log_length(&stage.cluster, "notes") == 0);
    // Who was with the dead one comes back with the other.
    let mut back = Ws::with_doc(&second.address(), "notes", ana.into_doc()).await;
    back.sync().await;
    assert_eq!(back.text(), "ana ben last words and on");
}
