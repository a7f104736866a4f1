//! The document's door.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shared::client::document::{DocumentDoor, LogId, State};
use shared::client::{Client, Command, Event};
use shared::limits::LOG_PAGE_ENTRIES;
use shared::names::DocumentId;
use shared::protocol::Message;
use shared::rt::time::{Duration, Instant, timeout};
use shared::testing::node::Program;
use shared::testing::{Cluster, Node, TempFolder};

use crate::support::{client, client_of, run};

const PATIENCE: Duration = Duration::from_secs(20);

fn notes() -> DocumentId {
    "notes".parse().unwrap()
}

async fn saved(door: &DocumentDoor) {
    timeout(PATIENCE, door.saved()).await.expect("saved in time");
    assert_eq!(door.unsaved_edits(), 0);
}

#[test]
fn an_edit_is_in_the_log_on_the_channel_and_saved() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let (writer, reader) = (client(&cluster).await, client(&cluster).await);
        let mut opened = DocumentDoor::open(&reader, &notes()).await.unwrap();
        assert_eq!((opened.content.state, opened.content.entries.len()), (None, 0));

        let door = DocumentDoor::new(&writer, &notes());
        let id = door.publish(&b"edit"[..]).await.unwrap();
        saved(&door).await;
        let Some(Event::Message { payload, .. }) = opened.subscription.next().await else {
            panic!("a message")
        };
        assert_eq!(Message::decode(&payload), Ok(Message::Update(b"edit")));
        door.publish_awareness(b"who").await.unwrap();
        let Some(Event::Message { payload, .. }) = opened.subscription.next().await else {
            panic!("a message")
        };
        assert_eq!(Message::decode(&payload), Ok(Message::Awareness(b"who")));

        let caught = opened.door.read_log_since(LogId::START).await.unwrap();
        assert_eq!((caught.entries.len(), caught.entries[0].id, caught.position), (1, id, id));
        assert_eq!(&caught.entries[0].update[..], b"edit");
        assert!(opened.door.read_log_since(id).await.unwrap().entries.is_empty());
    });
}

#[test]
fn state_and_a_trimmed_log_catch_every_reader_up() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let client = client_of(&node).await;
        let door = DocumentDoor::new(&client, &notes());
        let mut ids = Vec::new();
        for n in 0..10 {
            ids.push(door.publish(format!("edit {n}")).await.unwrap());
        }
        // As a saver does.
        let state = Command::new("SET").key(notes().state_key()).arg(State::encode(ids[5], b"state"));
        let trim = Command::new("XTRIM").key(notes().log_key()).arg("MINID").arg(ids[5].next().to_string());
        client.transaction(notes().log_key(), vec![state, trim]).await.unwrap();

        let caught = door.load().await.unwrap();
        assert_eq!(caught.state.map(|state| state.update), Some("state".into()));
        assert_eq!(caught.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids[6..]);
        let behind = door.read_log_since(ids[2]).await.unwrap();
        assert_eq!((behind.state.is_some(), behind.entries.len(), behind.position), (true, 4, ids[9]));
        let near = door.read_log_since(ids[7]).await.unwrap();
        assert_eq!((near.state.is_some(), near.entries.len()), (false, 2));
        assert_eq!(door.load_state().await.unwrap().map(|state| state.covers), Some(ids[5]));
    });
}

#[test]
fn a_log_of_many_pages_is_read_whole_while_a_saver_trims_it() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let client = client_of(&node).await;
        let door = DocumentDoor::new(&client, &notes());
        const EDITS: usize = 5 * LOG_PAGE_ENTRIES + 7;
        let mut publishing: FuturesUnordered<_> = (0..EDITS).map(|n| door.publish(n.to_string())).collect();
        let mut ids = Vec::new();
        while let Some(id) = publishing.next().await {
            ids.push(id.unwrap());
        }
        drop(publishing);
        ids.sort();
        assert_eq!(door.load().await.unwrap().entries.len(), EDITS);

        let saver = tokio::spawn({
            let (client, ids) = (client.clone(), ids.clone());
            async move {
                for covered in ids.iter().step_by(500) {
                    let state =
                        Command::new("SET").key(notes().state_key()).arg(State::encode(*covered, b"s"));
                    let trim = Command::new("XTRIM")
                        .key(notes().log_key())
                        .arg("MINID")
                        .arg(covered.next().to_string());
                    client.transaction(notes().log_key(), vec![state, trim]).await.unwrap();
                }
            }
        });
        while !saver.is_finished() {
            let caught = door.load().await.unwrap();
            let covers = caught.state.map_or(LogId::START, |state| state.covers);
            let behind: Vec<LogId> = ids.iter().copied().filter(|id| *id > covers).collect();
            assert_eq!(caught.entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), behind);
        }
    });
}

#[test]
fn twenty_thousand_edits_are_published_and_saved_in_order_of_a_second() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        let door = DocumentDoor::new(&client, &notes());
        let started = Instant::now();
        let mut publishing: FuturesUnordered<_> =
            (0..20_000).map(|n| door.publish(format!("edit {n}"))).collect();
        while let Some(id) = publishing.next().await {
            id.unwrap();
        }
        saved(&door).await;
        let length = client.call(Command::new("XLEN").key(notes().log_key())).await.unwrap();
        assert_eq!(length.as_int(), Some(20_000));
        // A debug build on a busy machine; the figure of a release build is in the docs of `client`.
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    });
}

#[test]
fn saved_waits_for_a_replica() {
    let cluster = Cluster::redis(3, 1);
    run(async {
        let client = client(&cluster).await;
        assert_eq!(
            client.saved_meaning().await.unwrap().to_string(),
            "on a replica, and on the disk of its primary soon after (appendfsync everysec)"
        );
        let door = DocumentDoor::new(&client, &notes());
        door.publish(&b"first"[..]).await.unwrap();
        saved(&door).await;
        // The replica of the document's shard stands still: nothing is saved, though published.
        let replica = 3 + cluster.owner_of("doc:{notes}");
        cluster.node(replica).process().unwrap().pause();
        door.publish(&b"second"[..]).await.unwrap();
        assert!(timeout(Duration::from_millis(700), door.saved()).await.is_err());
        // Edits go on meanwhile: a blocked barrier does not hold them up.
        let started = Instant::now();
        door.publish(&b"third"[..]).await.unwrap();
        assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
        cluster.node(replica).process().unwrap().resume();
        saved(&door).await;
    });
}

#[test]
fn edits_that_a_killed_primary_forgot_are_published_again() {
    // Without an append-only log a primary that is started again has forgotten everything.
    let mut cluster = Cluster::with_options(Program::Redis, 3, 1, &[]);
    run(async {
        let client = client(&cluster).await;
        let door = DocumentDoor::new(&client, &notes());
        let owner = cluster.owner_of("doc:{notes}");
        // With the replica standing still edits are published and not saved.
        cluster.node(3 + owner).process().unwrap().pause();
        for n in 0..100 {
            door.publish(n.to_string()).await.unwrap();
        }
        assert_eq!(door.unsaved_edits(), 100);
        cluster.node_mut(owner).kill();
        cluster.node_mut(owner).start();
        cluster.node(3 + owner).process().unwrap().resume();
        saved(&door).await;
        let entries = door.load().await.unwrap().entries;
        let mut there: Vec<u32> = entries
            .iter()
            .map(|entry| String::from_utf8(entry.update.to_vec()).unwrap().parse().unwrap())
            .collect();
        there.sort_unstable();
        there.dedup();
        assert_eq!(there, (0..100).collect::<Vec<_>>());
    });
}

/// A barrier speaks for what its own connection wrote: one that comes too late, on a new connection, would be answered at
/// once and say nothing.
#[test]
fn a_barrier_on_a_new_connection_saves_nothing() {
    let cluster = Cluster::redis(3, 1);
    run(async {
        let client = client(&cluster).await;
        let door = DocumentDoor::new(&client, &notes());
        let owner = cluster.owner_of("doc:{notes}");
        let mut wire = cluster.node(owner).wire();
        cluster.node(3 + owner).process().unwrap().pause();
        // The first edit's barrier blocks one connection; the second edit goes over the other.
        door.publish(&b"first"[..]).await.unwrap();
        let listed = |wire: &mut shared::testing::Wire, what: &str| {
            let list = wire.call(&["CLIENT", "LIST"]);
            let line = list.as_str().unwrap().lines().find(|line| line.contains(what)).map(str::to_owned);
            line.map(|line| line.split(' ').next().unwrap().trim_start_matches("id=").to_owned())
        };
        shared::testing::wait::until("a barrier blocks", || listed(&mut wire, "cmd=wait").is_some());
        door.publish(&b"second"[..]).await.unwrap();
        // That connection is lost, and the server forgets what came over it.
        let other = listed(&mut wire, "cmd=exec").unwrap();
        assert_eq!(wire.call(&["CLIENT", "KILL", "ID", &other]).as_int(), Some(1));
        assert_eq!(wire.call(&["XTRIM", &notes().log_key(), "MAXLEN", "1"]).as_int(), Some(1));
        assert_eq!(wire.call(&["XTRIM", &notes().log_key(), "MAXLEN", "0"]).as_int(), Some(1));
        cluster.node(3 + owner).process().unwrap().resume();
        saved(&door).await;
        let entries = door.load().await.unwrap().entries;
        assert_eq!(entries.iter().map(|entry| &entry.update[..]).collect::<Vec<_>>(), [b"second"]);
    });
}

#[test]
fn two_clients_of_one_document_see_the_same_log_and_all_messages() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let clients: Vec<Client> = vec![client(&cluster).await, client(&cluster).await];
        let mut opened = Vec::new();
        for client in &clients {
            opened.push(DocumentDoor::open(client, &notes()).await.unwrap());
        }
        for n in 0..50 {
            for one in &opened {
                one.door.publish(format!("{n}")).await.unwrap();
            }
        }
        for one in &mut opened {
            for _ in 0..100 {
                assert!(matches!(one.subscription.next().await, Some(Event::Message { .. })));
            }
            assert_eq!(one.subscription.try_next(), None);
            saved(&one.door).await;
            assert_eq!(one.door.load().await.unwrap().entries.len(), 100);
        }
    });
}
