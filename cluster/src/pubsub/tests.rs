//! Who gets which message, in which order, and what happens to who does not take it.

use std::net::SocketAddr;
use std::sync::Arc;

use shared::resp::Protocol;
use shared::slot::Slot;

use super::{PubSub, Scope, Subscription};
use crate::config::high::OutputLimit;
use crate::server::clients::{Client, Clients};

const NO_LIMIT: OutputLimit = OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 };

struct Listener {
    client: Arc<Client>,
    subscription: Subscription,
}

impl Listener {
    /// What came since the last look, as text.
    fn heard(&self) -> String {
        self.client.outbox.take().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

fn listeners(pubsub: &Arc<PubSub>, count: usize) -> Vec<Listener> {
    let clients = Clients::default();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    (0..count)
        .map(|_| {
            let client = clients.add(nowhere, nowhere, 0);
            let subscription = Subscription::new(Arc::clone(pubsub), Arc::clone(&client), Protocol::Resp2);
            Listener { client, subscription }
        })
        .collect()
}

fn registry(limit: OutputLimit) -> Arc<PubSub> {
    Arc::new(PubSub::new(limit))
}

#[test]
fn a_message_goes_to_its_channel_and_to_patterns_that_match() {
    let pubsub = registry(NO_LIMIT);
    let all = listeners(&pubsub, 3);
    all[0].subscription.subscribe(Scope::Channel, b"news");
    all[1].subscription.subscribe(Scope::Pattern, b"n*");
    all[2].subscription.subscribe(Scope::Channel, b"other");
    assert_eq!(pubsub.deliver(b"news", b"hi"), 2);
    assert_eq!(all[0].heard(), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    assert_eq!(all[1].heard(), "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    assert_eq!(all[2].heard(), "");
    assert_eq!(pubsub.deliver_sharded(b"news", b"hi"), 0, "a sharded channel is another one");
}

#[test]
fn each_subscriber_gets_the_protocol_it_speaks_now() {
    let pubsub = registry(NO_LIMIT);
    let all = listeners(&pubsub, 2);
    for listener in &all {
        listener.subscription.subscribe(Scope::Channel, b"c");
    }
    all[1].subscription.speaks(Protocol::Resp3);
    pubsub.deliver(b"c", b"m");
    assert!(all[0].heard().starts_with('*') && all[1].heard().starts_with('>'));
}

#[test]
fn counts_are_of_channels_and_patterns_together_and_of_sharded_channels_apart() {
    let pubsub = registry(NO_LIMIT);
    let listener = listeners(&pubsub, 1).remove(0);
    let subscription = &listener.subscription;
    assert_eq!(subscription.subscribe(Scope::Channel, b"a"), 1);
    assert_eq!(subscription.subscribe(Scope::Channel, b"a"), 1, "twice is once");
    assert_eq!(subscription.subscribe(Scope::Pattern, b"a*"), 2);
    assert_eq!(subscription.subscribe(Scope::Shard, b"a"), 1);
    assert_eq!(subscription.count(), 3);
    assert_eq!(subscription.unsubscribe(Scope::Channel, b"never"), 2);
    assert_eq!(subscription.unsubscribe(Scope::Channel, b"a"), 1);
}

#[test]
fn who_leaves_leaves_nothing_behind() {
    let pubsub = registry(NO_LIMIT);
    let all = listeners(&pubsub, 2);
    for listener in &all {
        for scope in [Scope::Channel, Scope::Pattern, Scope::Shard] {
            listener.subscription.subscribe(scope, b"x");
        }
    }
    let mut all = all.into_iter();
    drop(all.next());
    assert_eq!((pubsub.listeners(Scope::Channel, b"x"), pubsub.patterns()), (1, 1));
    drop(all.next());
    for scope in [Scope::Channel, Scope::Pattern, Scope::Shard] {
        assert!(pubsub.active(scope, None).is_empty(), "{scope:?}");
    }
    assert_eq!(pubsub.patterns(), 0);
}

#[test]
fn active_channels_are_listed_in_order_and_by_pattern() {
    let pubsub = registry(NO_LIMIT);
    let listener = listeners(&pubsub, 1).remove(0);
    for name in ["b", "a1", "a2"] {
        listener.subscription.subscribe(Scope::Channel, name.as_bytes());
    }
    assert_eq!(pubsub.active(Scope::Channel, None), ["a1", "a2", "b"]);
    assert_eq!(pubsub.active(Scope::Channel, Some(b"a?")), ["a1", "a2"]);
}

#[test]
fn subscribers_of_a_slot_that_left_are_told_and_the_others_stay() {
    let pubsub = registry(NO_LIMIT);
    let listener = listeners(&pubsub, 1).remove(0);
    listener.subscription.subscribe(Scope::Shard, b"{gone}.1");
    listener.subscription.subscribe(Scope::Shard, b"{gone}.2");
    listener.subscription.subscribe(Scope::Shard, b"stays");
    pubsub.slots_lost(&[Slot::of_key(b"gone")].into_iter().collect());
    assert_eq!(
        listener.heard(),
        "*3\r\n$12\r\nsunsubscribe\r\n$8\r\n{gone}.1\r\n:2\r\n*3\r\n$12\r\nsunsubscribe\r\n$8\r\n{gone}.2\r\n:1\r\n"
    );
    assert_eq!(pubsub.deliver_sharded(b"{gone}.1", b"m"), 0);
    assert_eq!(pubsub.deliver_sharded(b"stays", b"m"), 1);
}

#[test]
fn all_subscribers_see_the_messages_of_many_publishers_in_one_order() {
    let pubsub = registry(NO_LIMIT);
    let all = listeners(&pubsub, 8);
    for listener in &all {
        listener.subscription.subscribe(Scope::Channel, b"c");
    }
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            let pubsub = &pubsub;
            scope.spawn(move || {
                for number in 0..500 {
                    pubsub.deliver(b"c", format!("{publisher}:{number}").as_bytes());
                }
            });
        }
    });
    let first = all[0].heard();
    assert_eq!(first.matches("message").count(), 2_000);
    assert!(all[1..].iter().all(|listener| listener.heard() == first));
}

#[test]
fn who_does_not_take_messages_is_disconnected_and_the_others_are_not() {
    let pubsub = registry(OutputLimit { hard_bytes: 1_000, soft_bytes: 0, soft_s: 0 });
    let all = listeners(&pubsub, 2);
    for listener in &all {
        listener.subscription.subscribe(Scope::Channel, b"c");
    }
    let mut taken = 0;
    for _ in 0..20 {
        pubsub.deliver(b"c", &[b'x'; 100]);
        taken += all[1].client.outbox.take().len();
    }
    assert_eq!(taken, 20);
    assert_eq!(all[0].client.outbox.bytes(), 0, "what it did not take is given back");
    assert_eq!(all[0].client.outbox.push("late".into()), 0, "a closed outbox takes nothing");
}
