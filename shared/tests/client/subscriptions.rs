//! Subscriptions: they survive what happens to connections, nodes and slots, and tell when messages may be missing.

use shared::client::{Client, ClientError, Command, Event, Subscription};
use shared::resp::Value;
use shared::rt::time::{Duration, timeout};
use shared::testing::{Cluster, Node, TempFolder, binary};

use crate::support::{client, client_of, run};

const PATIENCE: Duration = Duration::from_secs(20);

async fn next(subscription: &mut Subscription) -> Event {
    timeout(PATIENCE, subscription.next()).await.expect("an event in time").expect("the subscription goes on")
}

async fn next_payload(subscription: &mut Subscription) -> String {
    match next(subscription).await {
        Event::Message { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn spublish(client: &Client, channel: &str, payload: &str) -> Value {
    client.call(Command::new("SPUBLISH").key(channel).arg(payload)).await.unwrap()
}

#[test]
fn sharded_plain_and_pattern_subscriptions_get_their_messages() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        let mut sharded = client.subscribe_sharded("doc:{notes}").await.unwrap();
        let mut twin = client.subscribe_sharded("doc:{notes}").await.unwrap();
        let mut plain = client.subscribe("docs:control").await.unwrap();
        let mut pattern = client.psubscribe("docs:*").await.unwrap();
        for n in 0..100 {
            spublish(&client, "doc:{notes}", &n.to_string()).await;
        }
        for n in 0..100 {
            assert_eq!(next_payload(&mut sharded).await, n.to_string());
            assert_eq!(next_payload(&mut twin).await, n.to_string());
        }
        client.call(Command::new("PUBLISH").arg("docs:control").arg("hello")).await.unwrap();
        assert_eq!(next_payload(&mut plain).await, "hello");
        let Event::Message { channel, payload } = next(&mut pattern).await else { panic!("a message") };
        assert_eq!((&channel[..], &payload[..]), (&b"docs:control"[..], &b"hello"[..]));
        assert_eq!((sharded.try_next(), plain.try_next()), (None, None));
    });
}

#[test]
fn a_dropped_subscription_is_given_back_to_the_server() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let client = client_of(&node).await;
        let subscription = client.subscribe("c").await.unwrap();
        assert_eq!(client.call(Command::new("PUBLISH").arg("c").arg("x")).await.unwrap().as_int(), Some(1));
        drop(subscription);
        shared::testing::wait::until_async("nobody is subscribed", || async {
            client.call(Command::new("PUBLISH").arg("c").arg("x")).await.unwrap().as_int() == Some(0)
        })
        .await;
        // And again, on the same connection.
        let mut subscription = client.subscribe("c").await.unwrap();
        client.call(Command::new("PUBLISH").arg("c").arg("again")).await.unwrap();
        assert_eq!(next_payload(&mut subscription).await, "again");
    });
}

#[test]
fn subscriptions_survive_the_death_of_their_node() {
    let mut cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        let mut subscription = client.subscribe_sharded("doc:{notes}").await.unwrap();
        spublish(&client, "doc:{notes}", "before").await;
        assert_eq!(next_payload(&mut subscription).await, "before");
        let owner = cluster.owner_of("doc:{notes}");
        cluster.node_mut(owner).kill();
        assert_eq!(next(&mut subscription).await, Event::Lost);
        cluster.node_mut(owner).start();
        cluster.wait_ok();
        assert_eq!(next(&mut subscription).await, Event::Resumed);
        spublish(&client, "doc:{notes}", "after").await;
        assert_eq!(next_payload(&mut subscription).await, "after");
    });
}

#[test]
fn a_subscription_moves_with_its_slot() {
    let cluster = Cluster::redis(3, 0);
    run(async {
        let client = client(&cluster).await;
        let mut subscription = client.subscribe_sharded("doc:{notes}").await.unwrap();
        spublish(&client, "doc:{notes}", "before").await;
        assert_eq!(next_payload(&mut subscription).await, "before");
        let owner = cluster.owner_of("doc:{notes}");
        let id = |n: usize| cluster.node(n).wire().call(&["CLUSTER", "MYID"]).as_str().unwrap().to_owned();
        // Every slot of the owner, so the document's is among them.
        let output = tokio::process::Command::new(binary::installed("redis-cli"))
            .args([
                "--cluster",
                "reshard",
                &cluster.node(0).address(),
                "--cluster-slots",
                "5461",
                "--cluster-yes",
            ])
            .args(["--cluster-from", &id(owner), "--cluster-to", &id((owner + 1) % 3)])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(next(&mut subscription).await, Event::Lost);
        assert_eq!(next(&mut subscription).await, Event::Resumed);
        spublish(&client, "doc:{notes}", "after").await;
        assert_eq!(next_payload(&mut subscription).await, "after");
        assert_ne!(cluster.owner_of("doc:{notes}"), owner);
    });
}

#[test]
fn a_silent_server_is_noticed() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &[]);
    run(async {
        let mut config = crate::support::config(&[node.address()]);
        config.ping_interval = Duration::from_millis(300);
        config.reply_deadline = Duration::from_millis(500);
        let client = Client::connect(config).await.unwrap();
        let mut subscription = client.subscribe("c").await.unwrap();
        node.process().unwrap().pause();
        assert_eq!(next(&mut subscription).await, Event::Lost);
        node.process().unwrap().resume();
        assert_eq!(next(&mut subscription).await, Event::Resumed);
    });
}

#[test]
fn a_slow_reader_loses_messages_and_is_told() {
    let folder = TempFolder::new("alone");
    let node = Node::redis(folder.path(), &["--client-output-buffer-limit", "pubsub 0 0 0"]);
    run(async {
        let client = client_of(&node).await;
        let mut slow = client.subscribe("c").await.unwrap();
        let mut fast = client.subscribe("c").await.unwrap();
        const MESSAGES: usize = 3 * shared::limits::SUBSCRIPTION_MESSAGES_MAX;
        let publishing = tokio::spawn({
            let client = client.clone();
            async move {
                for n in 0..MESSAGES {
                    client.call(Command::new("PUBLISH").arg("c").int(n as i64)).await.unwrap();
                }
            }
        });
        for n in 0..MESSAGES {
            assert_eq!(next_payload(&mut fast).await, n.to_string());
        }
        publishing.await.unwrap();
        for n in 0..shared::limits::SUBSCRIPTION_MESSAGES_MAX {
            assert_eq!(next_payload(&mut slow).await, n.to_string());
        }
        assert_eq!((next(&mut slow).await, next(&mut slow).await), (Event::Lost, Event::Resumed));
        client.call(Command::new("PUBLISH").arg("c").arg("after")).await.unwrap();
        assert_eq!(next_payload(&mut slow).await, "after");
    });
}

#[test]
fn a_subscription_without_the_right_to_it_is_refused() {
    let folder = TempFolder::new("alone");
    let user = ["--user", "ana", "on", ">pw", "~*", "+@all", "resetchannels", "&mine"];
    let node = Node::redis(folder.path(), &user);
    run(async {
        let client = Client::connect_url(&format!("redis://ana:pw@{}", node.address())).await.unwrap();
        let refused = client.subscribe("theirs").await;
        assert!(
            matches!(&refused, Err(ClientError::Server(error)) if error.code() == "NOPERM"),
            "{refused:?}"
        );
        // The right is taken away: the server closes the connection, and will not have it again.
        let mut subscription = client.subscribe("mine").await.unwrap();
        node.wire().call(&["ACL", "SETUSER", "ana", "resetchannels"]);
        assert_eq!(next(&mut subscription).await, Event::Lost);
        assert_eq!(timeout(PATIENCE, subscription.next()).await.unwrap(), None);
    });
}
