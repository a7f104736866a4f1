//! Another service writes the document in the middle of a save: both believe to have the lease.

use std::sync::Arc;

use doc_service::room::{Effects, Room};
use doc_service::save::basis::Basis;
use doc_service::save::job::{Ask, Job, Saved};
use doc_service::save::load::NOBODY;
use shared::client::document::{DocumentDoor, LogId, State};
use shared::client::{Client, Command};
use shared::document::{Document, Kind};
use shared::names::DocumentId;
use shared::protocol::Message;
use shared::rt::time::Instant;
use shared::testing::Cluster;
use tokio::sync::mpsc;

use crate::support::resp::{owner, stored_text};
use crate::support::ws::{new_doc, typed};

#[tokio::test]
async fn a_state_that_was_written_meanwhile_is_merged_before_it_is_replaced() {
    let cluster = Cluster::ours(3, 0);
    let client = Client::connect_url(&cluster.url()).await.unwrap();
    let id: DocumentId = "notes".parse().unwrap();
    let now = Instant::now();
    let mut room = Room::new(Document::new(Kind::Text, NOBODY), 0, Arc::default(), now);
    let heard = Message::Update(&typed(&new_doc(), "ours ")).encode().into();
    room.heard(&[heard], now, &mut Effects::default());
    let (asks, mut asked) = mpsc::channel(1);
    let job = Job {
        client: client.clone(),
        door: DocumentDoor::new(&client, &id),
        id: id.clone(),
        kind: Kind::Text,
        holder: "one of two".into(),
        basis: Basis::default(),
        covers: LogId::START,
        is_last: false,
        room: asks,
    };
    let save = tokio::spawn(job.run());
    let (mut handed_over, mut merged) = (0, 0);
    while let Some(ask) = asked.recv().await {
        match ask {
            Ask::HandOver(reply) => {
                handed_over += 1;
                if handed_over == 2 {
                    // The last question before the save writes: it has read the log, and the state was not there.
                    let theirs = State::encode(LogId { ms: 7, sequence: 0 }, &typed(&new_doc(), "theirs "));
                    client.call(Command::new("SET").key(id.state_key()).arg(theirs)).await.unwrap();
                }
                reply.send(room.hand_over()).unwrap();
            }
            Ask::MergeState(state, reply) => {
                merged += 1;
                room.read_state(&state, &mut Effects::default());
                reply.send(()).unwrap();
            }
            Ask::Merge(updates, reply) => {
                room.read(&updates, now, &mut Effects::default());
                reply.send(()).unwrap();
            }
        }
    }
    let (saved, _) = save.await.unwrap();
    assert!(matches!(saved, Saved::Written { covers: LogId { ms: 7, sequence: 0 } }), "{saved:?}");
    assert_eq!(merged, 1);
    let text = stored_text(&mut owner(&cluster, "notes"), "notes");
    assert!(text.contains("ours ") && text.contains("theirs "), "{text}");
}
