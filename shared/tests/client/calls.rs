//! Calls and transactions.

use futures_util::future::join_all;
use shared::client::{Client, ClientError, Command};
use shared::resp::Value;
use shared::rt::time::{Duration, Instant};
use shared::testing::{Cluster, Node, TempFolder, binary};

use crate::proxy::Proxy;
use crate::support::{client, client_of, config, run};

fn get(key: &str) -> Command {
    Command::new("GET").key(key)
}

fn set(key: &str, value: &str) -> Command {
    Command::new("SET").key(key).arg(value)
}

#[test]
fn calls_reach_the_owner_of_their_key_and_fan_out_reaches_all() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        assert_eq!(client.slot_map().shards().len(), 3);
        let written = join_all((0..1_000).map(|n| client.call(set(&format!("k{n}"), &n.to_string())))).await;
        assert!(written.into_iter().all(|answer| answer.unwrap().is_ok()));
        for n in 0..1_000 {
            assert_eq!(client.call(get(&format!("k{n}"))).await.unwrap().as_int(), Some(n));
        }
        assert_eq!(client.dbsize().await.unwrap(), 1_000);
        let mut keys = client.scan("k1*").all().await.unwrap();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 111);
    });
}

#[test]
fn a_transaction_is_one_slot_and_all_or_nothing() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        let replies = client
            .transaction("{d}", vec![set("{d}a", "1"), get("{d}a"), Command::new("PING")])
            .await
            .unwrap();
        assert!(replies[0].is_ok());
        assert_eq!((replies[1].as_str(), replies[2].as_str()), (Some("1"), Some("PONG")));

        let across = client.transaction("{d}", vec![set("{d}a", "2"), set("elsewhere", "2")]).await;
        assert!(matches!(across, Err(ClientError::CrossSlot)));
        let broken = client.transaction("{d}", vec![set("{d}a", "3"), Command::new("SET").key("{d}a")]).await;
        assert!(matches!(broken, Err(ClientError::Discarded(_))), "{broken:?}");
        let replies = client
            .transaction("{d}", vec![Command::new("LPUSH").key("{d}a").arg("x"), get("{d}a")])
            .await
            .unwrap();
        assert_eq!(replies[0].as_error().map(|error| error.code()), Some("WRONGTYPE"));
        assert_eq!(replies[1].as_str(), Some("1"));
    });
}

#[test]
fn a_refusal_is_an_error_and_keys_of_two_slots_are_refused_here() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        client.call(set("k", "text")).await.unwrap();
        let refused = client.call(Command::new("INCR").key("k")).await;
        assert!(matches!(refused, Err(ClientError::Server(error)) if error.code() == "ERR"));
        let across = client.call(Command::new("MGET").key("a").key("b")).await;
        assert!(matches!(across, Err(ClientError::CrossSlot)));
    });
}

#[test]
fn a_stand_alone_server_with_a_password_serves_as_well() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &["--requirepass", "p@ss:word"]);
    run(async {
        let client =
            Client::connect_url(&format!("redis://:p%40ss%3Aword@{}", node.address())).await.unwrap();
        assert!(!client.slot_map().is_cluster());
        assert!(client.call(set("a", "1")).await.unwrap().is_ok());
        let replies = client.transaction("a", vec![set("b", "2"), get("a")]).await.unwrap();
        assert_eq!(replies[1].as_str(), Some("1"));
        let started = Instant::now();
        let refused = Client::connect_url(&format!("redis://:wrong@{}", node.address())).await;
        assert!(matches!(refused, Err(ClientError::Auth { .. })), "{refused:?}");
        let refused = Client::connect_url(&node.url()).await;
        assert!(matches!(refused, Err(ClientError::Auth { .. })), "{refused:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "no waiting for what waiting does not mend");
    });
}

#[test]
fn values_of_many_megabytes_travel_both_ways() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let client = client_of(&node).await;
        let value = "x".repeat(40 * 1024 * 1024);
        assert!(client.call(set("big", &value)).await.unwrap().is_ok());
        assert_eq!(client.call(get("big")).await.unwrap().as_bytes(), Some(value.as_bytes()));
    });
}

#[test]
fn calls_wait_for_a_killed_node_to_come_back() {
    let mut cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        client.call(set("doc:{notes}", "x")).await.unwrap();
        let owner = cluster.owner_of("doc:{notes}");
        cluster.node_mut(owner).kill();
        let reading = tokio::spawn({
            let client = client.clone();
            async move { client.call(get("doc:{notes}")).await }
        });
        cluster.node_mut(owner).start();
        cluster.wait_ok();
        assert_eq!(reading.await.unwrap().unwrap().as_str(), Some("x"));
    });
}

#[test]
fn a_command_that_may_have_been_executed_is_not_sent_again() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let proxy = Proxy::start(node.port()).await;
        let client = Client::connect(config(&[proxy.address()])).await.unwrap();
        client.call(set("n", "0")).await.unwrap();
        proxy.swallow_answers_to("INCR");
        let lost = client.call(Command::new("INCR").key("n")).await;
        assert!(
            matches!(&lost, Err(error @ ClientError::Unknown(_)) if error.may_have_happened()),
            "{lost:?}"
        );
        assert_eq!(client.call(get("n")).await.unwrap().as_int(), Some(1), "executed once");
        // Where the caller says that twice is as good as once, and where nothing is changed, it is sent again.
        proxy.swallow_answers_to("INCR");
        let again = client.call(Command::new("INCR").key("n").idempotent()).await;
        assert_eq!(again.unwrap().as_int(), Some(3), "executed twice");
        proxy.swallow_answers_to("GET");
        assert_eq!(client.call(get("n")).await.unwrap().as_int(), Some(3));
    });
}

#[test]
fn a_stopped_server_is_given_up_and_found_again() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let mut config = config(&[node.address()]);
        config.reply_deadline = Duration::from_millis(300);
        config.call_deadline = Duration::from_secs(3);
        let client = Client::connect(config).await.unwrap();
        client.call(set("n", "0")).await.unwrap();
        node.process().unwrap().pause();
        let started = Instant::now();
        let lost = client.call(Command::new("INCR").key("n")).await;
        assert!(matches!(lost, Err(ClientError::Unknown(_))), "{lost:?}");
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "known when the reply is late, not at the call's deadline"
        );
        let started = Instant::now();
        let read = client.call(get("n")).await;
        assert!(matches!(read, Err(ClientError::Deadline(_))), "{read:?}");
        assert!(started.elapsed() > Duration::from_secs(2), "reads are tried again until the deadline");
        node.process().unwrap().resume();
        // The stopped server finds the INCR in its socket: once.
        assert_eq!(client.call(get("n")).await.unwrap().as_int(), Some(1));
    });
}

/// A slot stands between two nodes: keys that are still there are served by the old owner, all others by the new one after
/// ASKING.
#[test]
fn a_half_moved_slot_is_served_by_both_nodes() {
    let cluster = Cluster::redis(3, 0);
    let slot = shared::slot::Slot::of_key(b"notes").to_string();
    let (old, new) = (cluster.owner_of("{notes}"), (cluster.owner_of("{notes}") + 1) % 3);
    let id = |n: usize| cluster.node(n).wire().call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned();
    run(async {
        let client = client(&cluster).await;
        client.call(set("{notes}stays", "1")).await.unwrap();
        let mut wires = [cluster.node(old).wire(), cluster.node(new).wire()];
        assert!(wires[1].call(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(old)]).is_ok());
        assert!(wires[0].call(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(new)]).is_ok());

        let started = Instant::now();
        assert_eq!(client.call(get("{notes}stays")).await.unwrap().as_str(), Some("1"));
        assert!(client.call(set("{notes}new", "2")).await.unwrap().is_ok());
        let replies =
            client.transaction("{notes}", vec![set("{notes}t", "3"), get("{notes}t")]).await.unwrap();
        assert_eq!(replies[1].as_str(), Some("3"));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(wires[0].call(&["EXISTS", "{notes}stays", "{notes}stays"]).as_int(), Some(2));
        assert_eq!(wires[0].call(&["GET", "{notes}new"]).as_error().map(|error| error.code()), Some("ASK"));

        // Keys of both nodes at once: TRYAGAIN until the slot has moved.
        let both = tokio::spawn({
            let client = client.clone();
            async move { client.call(Command::new("MGET").key("{notes}stays").key("{notes}new")).await }
        });
        let port = cluster.node(new).port().to_string();
        assert!(wires[0].call(&["MIGRATE", "127.0.0.1", &port, "{notes}stays", "0", "5000"]).is_ok());
        for wire in wires.iter_mut().rev() {
            assert!(wire.call(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(new)]).is_ok());
        }
        let both = both.await.unwrap().unwrap();
        assert_eq!(
            both.elements().unwrap().iter().map(Value::as_int).collect::<Vec<_>>(),
            [Some(1), Some(2)]
        );
    });
}

#[test]
fn nobody_there_is_an_error_in_time() {
    run(async {
        let mut config = config(&[format!("127.0.0.1:{}", shared::testing::ports::free_port())]);
        config.call_deadline = Duration::from_millis(300);
        let started = Instant::now();
        assert!(matches!(Client::connect(config).await, Err(ClientError::Unreachable(_))));
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_server_that_knows_no_resp3_is_spoken_to_in_resp2() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &["--rename-command", "HELLO", "HALLO", "--requirepass", "secret"]);
    run(async {
        let client = Client::connect_url(&format!("redis://:secret@{}", node.address())).await.unwrap();
        client.call(Command::new("HSET").key("h").arg("a").arg("1").arg("b").arg("2")).await.unwrap();
        let all = client.call(Command::new("HGETALL").key("h")).await.unwrap();
        assert!(matches!(all, Value::Array(_)), "a flat array is RESP2: {all:?}");
        assert_eq!(all.field("b").and_then(Value::as_int), Some(2));
        let mut subscription = client.subscribe("c").await.unwrap();
        client.call(Command::new("PUBLISH").arg("c").arg("x")).await.unwrap();
        assert!(matches!(subscription.next().await, Some(shared::client::Event::Message { .. })));
        let refused = Client::connect_url(&format!("redis://:wrong@{}", node.address())).await;
        assert!(matches!(refused, Err(ClientError::Auth { .. })), "{refused:?}");
    });
}

#[test]
fn a_call_that_blocks_holds_up_no_other() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let client = client_of(&node).await;
        let pop = Command::new("BLPOP").key("list").arg("20").blocks(Duration::from_secs(20));
        let blocked = tokio::spawn({
            let client = client.clone();
            async move { client.call(pop).await }
        });
        shared::testing::wait::until_async("the call blocks", || async {
            let info = client.call(Command::new("INFO").arg("clients")).await.unwrap();
            info.as_str().unwrap().contains("blocked_clients:1")
        })
        .await;
        client.call(Command::new("RPUSH").key("list").arg("x")).await.unwrap();
        assert_eq!(blocked.await.unwrap().unwrap().elements().unwrap()[1].as_str(), Some("x"));
    });
}

/// A primary dies for good, its replica takes over: calls and subscriptions go on there.
#[test]
fn calls_and_subscriptions_follow_a_failover() {
    let mut cluster = Cluster::redis(3, 1);
    run(async {
        let client = client(&cluster).await;
        let mut subscription = client.subscribe_sharded("doc:{notes}").await.unwrap();
        client.call(set("doc:{notes}", "before")).await.unwrap();
        client
            .call(Command::new("WAIT").arg("1").arg("1000").in_slot(shared::slot::Slot::of_key(b"notes")))
            .await
            .unwrap();
        let owner = cluster.owner_of("doc:{notes}");
        cluster.node_mut(owner).kill();
        assert_eq!(client.call(get("doc:{notes}")).await.unwrap().as_str(), Some("before"));
        assert!(client.call(set("doc:{notes}", "after")).await.unwrap().is_ok());
        let mut events = Vec::new();
        while events.last() != Some(&shared::client::Event::Resumed) {
            events.push(
                shared::rt::time::timeout(Duration::from_secs(20), subscription.next())
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
        client.call(Command::new("SPUBLISH").key("doc:{notes}").arg("x")).await.unwrap();
        assert!(matches!(subscription.next().await, Some(shared::client::Event::Message { .. })));
    });
}

/// A writer goes on while `redis-cli --cluster reshard` moves the slots under it: no error, no write lost or doubled.
#[test]
fn resharding_under_a_writer_loses_and_doubles_nothing() {
    const COUNTERS: usize = 300;
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        for n in 0..COUNTERS {
            client.call(set(&format!("c{n}"), "0")).await.unwrap();
        }
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writer = tokio::spawn({
            let (client, stop) = (client.clone(), stop.clone());
            async move {
                let mut rounds = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let round = (0..COUNTERS).map(|n| client.call(Command::new("INCR").key(format!("c{n}"))));
                    for answer in join_all(round).await {
                        answer.unwrap();
                    }
                    // Also keys that are not there yet: those are answered by ASK while their slot moves.
                    let fresh = (0..20).map(|n| {
                        let keys = [format!("{{f{rounds}-{n}}}a"), format!("{{f{rounds}-{n}}}b")];
                        let client = client.clone();
                        async move {
                            client.transaction(&keys[0], vec![set(&keys[0], "1"), set(&keys[1], "2")]).await
                        }
                    });
                    for answer in join_all(fresh).await {
                        assert!(answer.unwrap().iter().all(Value::is_ok));
                    }
                    rounds += 1;
                }
                rounds
            }
        });
        let ids: Vec<String> = (0..3)
            .map(|n| cluster.node(n).wire().call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned())
            .collect();
        let address = cluster.node(0).address();
        for (from, to) in [(0, 1), (1, 2)] {
            let output = tokio::process::Command::new(binary::installed("redis-cli"))
                .args([
                    "--cluster",
                    "reshard",
                    &address,
                    "--cluster-from",
                    &ids[from],
                    "--cluster-to",
                    &ids[to],
                ])
                .args(["--cluster-slots", "1500", "--cluster-yes"])
                .output()
                .await
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let rounds: i64 = writer.await.unwrap();
        assert!(rounds > 10, "only {rounds} rounds: too few to meet a moving slot");
        for n in 0..COUNTERS {
            assert_eq!(client.call(get(&format!("c{n}"))).await.unwrap().as_int(), Some(rounds), "c{n}");
        }
        assert_eq!(client.dbsize().await.unwrap(), COUNTERS as u64 + rounds as u64 * 40);
    });
}
