//! When everything was mended and said, what nobody needs any more is held nowhere: queues are empty, maps know those who are there.
//!
//! A run is too short to fill what has a bound of megabytes; what is left behind in it would fill that in a day.

use std::rc::Rc;
use std::time::Duration;

use shared::limits::TRANSFERS_SHOWN_MAX;
use shared::rt::sim::Host;
use tokio::time::{sleep, timeout};

use crate::world::{DESKS, NODES, World};

/// How long it may take: a service gives up waiting for what its channel lost after 30 s.
const PATIENCE: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(100);

/// What a process may hold at rest. What is not named here is of nodes, and at most one for each of them.
const AT_REST: [(&str, usize); 20] = [
    // Some of machines whose power failed: the node was never told.
    ("clients", 48),
    ("blocked clients", 0),
    ("bytes to a subscriber", 0),
    ("links", 4 * NODES),
    // A ping that has just been said.
    ("bytes to a node", 64 * 1024),
    ("bytes not written", 64 * 1024),
    ("slot migrations", TRANSFERS_SHOWN_MAX),
    ("transfers that are driven", 0),
    ("transfers that are refused", TRANSFERS_SHOWN_MAX),
    ("forgotten nodes", 0),
    ("orphans", 0),
    ("copies that join", 0),
    ("edits not seen", 0),
    ("edits not saved", 0),
    ("clients of a room", DESKS),
    ("bytes to a client", 0),
    ("edits that wait for others", 0),
    ("edits since the last save", 0),
    ("bytes not saved", 0),
    ("edits for the page", 0),
];

/// Waits until everybody is at rest.
pub(crate) async fn check(world: &Rc<World>) {
    let at_rest = async {
        while !left_behind(world).is_empty() {
            sleep(LOOK).await;
        }
    };
    if timeout(PATIENCE, at_rest).await.is_err() {
        for left in left_behind(world) {
            world.fault(format!("{PATIENCE:?} after the last edit {left}"));
        }
    }
    world.count("at rest");
}

/// What is held that should not be.
fn left_behind(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    let nodes = world.machines.iter().map(|machine| (&machine.name, &machine.host));
    let others = world.services.iter().chain(world.desks.iter().map(|desk| &desk.computer));
    for (name, host) in nodes.chain(others.map(|computer| (&computer.name, &computer.host))) {
        if host.held().is_empty() {
            left.push(format!("{name} tells nothing of what it holds"));
        }
        left.extend(
            too_much(host)
                .map(|(what, count, most)| format!("{name} holds {what}: {count}, not {most} at most")),
        );
    }
    left
}

fn too_much(host: &Host) -> impl Iterator<Item = (&'static str, usize, usize)> {
    host.held().into_iter().filter_map(|(what, held)| {
        let most = AT_REST.iter().find(|(name, _)| *name == what).map_or(NODES, |(_, most)| *most);
        (held > most).then_some((what, held, most))
    })
}
