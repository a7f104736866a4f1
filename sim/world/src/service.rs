//! The document service on simulated machines: started whenever its machine is up, started anew when it ends.

use std::rc::Rc;
use std::time::Duration;

use doc_service::config::Settings;
use doc_service::service;
use shared::client::{Address, ClientConfig};
use tokio::time::sleep;

use crate::trace;
use crate::world::{PORT, World};

/// Where services listen.
pub(crate) const SERVICE_PORT: u16 = 8_080;
/// How long it takes until a service that ended is started anew.
const AGAIN: Duration = Duration::from_millis(500);
/// How long after a change a document is saved as a snapshot: often, as a run is short.
const SAVE_EVERY: Duration = Duration::from_millis(700);
/// How long a document without clients and news stays open.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// Everything that the machine of a service does from when it is switched on.
pub(crate) async fn run(world: Rc<World>, number: usize) {
    let computer = &world.services[number];
    computer.host.booted();
    let serving = async {
        computer.wait_until_up().await;
        loop {
            trace::line(&computer.name, format_args!("starts"));
            let ended = service::live(settings(&world), std::future::pending()).await;
            trace::line(&computer.name, format_args!("ended: {ended:?}"));
            sleep(AGAIN).await;
        }
    };
    computer.host.run(serving).await;
}

fn settings(world: &World) -> Settings {
    Settings {
        listen: ([0, 0, 0, 0], SERVICE_PORT).into(),
        cluster: cluster(world),
        save_every: SAVE_EVERY,
        idle_after: IDLE_AFTER,
        log: String::new(),
    }
}

/// The nodes, as a cluster client is told of them.
pub(crate) fn cluster(world: &World) -> ClientConfig {
    ClientConfig::new(world.machines.iter().map(|machine| Address::new(&machine.name, PORT)).collect())
}
