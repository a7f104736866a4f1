//! A node in this process, and a command that only tests have: it panics.

use shared::slot::Slot;
use shared::testing::{TempFolder, Wire, wait};

use crate::command::{Args, CommandError, CommandSpec, Group, Handler, KeyContext, KeySpec, Reply, flag};
use crate::config::Settings;
use crate::node::Node;

/// The rows of this module.
pub(crate) const COMMANDS: &[CommandSpec] = &[CommandSpec {
    name: "test.panic",
    arity: 1,
    flags: flag::READ,
    keys: KeySpec::None,
    group: Group::Server,
    since: "7.0.0",
    summary: "Panics.",
    handler: Handler::Keys(panics),
}];

fn panics(_: &mut KeyContext<'_>, _: Args<'_>, _: &mut Reply<'_>) -> Result<(), CommandError> {
    panic!("as the test wants it");
}

#[test]
fn who_ran_into_a_panic_is_forgotten_and_others_are_served() {
    let folder = TempFolder::new("panic");
    let mut settings = Settings::default();
    settings.put("port", &["0"]).unwrap();
    settings.put("dir", &[&folder.path().display().to_string()]).unwrap();
    settings.put("io-threads", &["1"]).unwrap();
    let node = Node::start(settings).unwrap();
    let shared = node.shared();
    let (mut fallen, mut other) = (Wire::connect(shared.port), Wire::connect(shared.port));
    assert_eq!(other.call(&["SET", "k", "v"]).as_str(), Some("OK"));
    assert_eq!(fallen.call(&["WATCH", "k"]).as_str(), Some("OK"));
    assert!(fallen.try_call(&["TEST.PANIC"]).is_none(), "its connection ends");
    wait::until("the client is forgotten", || shared.clients.len() == 1);
    let partition = shared.keyspace.lock(Slot::of_key(b"k").partition());
    assert_eq!(partition.watched.keys().count(), 0);
    drop(partition);
    assert_eq!(other.call(&["GET", "k"]).as_str(), Some("v"));
    node.stop().unwrap();
}
