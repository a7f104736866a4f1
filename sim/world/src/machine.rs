//! A node on a simulated machine: started whenever its machine is up, started anew when it ends, and looked at all the time.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use cluster::bus::Bus;
use cluster::config::Settings;
use cluster::node::{Node, Shared};
use shared::limits::RANGES;
use shared::rt::fs;
use shared::rt::sim::Disk;
use tokio::time::sleep;

use crate::invariants::digests;
use crate::trace;
use crate::world::{Machine, PORT, ShownLog, Stage, World};

/// Where the log of a node is.
const LOG: &str = "/data/appendonlydir";
/// How often a node is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long it takes until a node that ended is started anew.
const AGAIN: Duration = Duration::from_millis(500);
/// How long writes wait for the disk at most.
const DISK: Duration = Duration::from_millis(3);
/// The node timeout, milliseconds.
const NODE_TIMEOUT_MS: &str = "1000";
/// How long a link to a replica may be silent, seconds: what a partition dropped never comes.
const REPL_TIMEOUT_S: &str = "3";

/// How long it takes at least until a replica has compared all slots with its primary, seconds.
const DIGEST_PERIOD_S: &str = "2";

/// Everything that a machine does from when it is switched on; it never ends by itself.
pub(crate) async fn run(world: Rc<World>, number: usize) {
    let machine = &world.machines[number];
    let host = machine.host.clone();
    host.booted();
    host.set_disk_delay(DISK);
    host.set_written_back(world.plan.written_back);
    host.run(live(&world, machine)).await;
}

async fn live(world: &World, machine: &Machine) {
    while trace::now() < machine.down_until.get() {
        sleep(Duration::from_millis(1)).await;
    }
    while machine.wipe.get() {
        match wipe(Path::new(LOG)) {
            // Half a log that is gone is damage, which a node rightly does not start on: its disk has to be mended first.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                trace::line(&machine.name, format_args!("its log cannot be removed: {error}"));
                sleep(AGAIN).await;
            }
            _ => machine.wipe.set(false),
        }
    }
    loop {
        machine.boots.set(machine.boots.get() + 1);
        trace::line(&machine.name, format_args!("starts"));
        match settings().map(Node::start) {
            Ok(Ok(node)) => watch(world, machine, node.shared()).await,
            Ok(Err(error)) => trace::line(&machine.name, format_args!("does not start: {error}")),
            Err(why) => world.fault(why),
        }
        sleep(AGAIN).await;
    }
}

fn settings() -> Result<Settings, String> {
    let mut settings = Settings::default();
    let port = PORT.to_string();
    let pairs = [
        ("port", &*port),
        ("bind", "0.0.0.0"),
        ("dir", "/data"),
        ("io-threads", "2"),
        ("appendonly", "yes"),
        ("protected-mode", "no"),
        ("cluster-enabled", "yes"),
        ("cluster-node-timeout", NODE_TIMEOUT_MS),
        ("repl-timeout", REPL_TIMEOUT_S),
        ("repl-digest-period", DIGEST_PERIOD_S),
    ];
    for (name, value) in pairs {
        settings.put(name, &[value]).map_err(|why| format!("{name} {value}: {why}"))?;
    }
    Ok(settings)
}

/// Removes all files under a folder. The folders stay: turmoil mixes up what goes and comes again under one name.
fn wipe(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if fs::metadata(&path)?.is_dir() { wipe(&path)? } else { fs::remove_file(&path)? }
    }
    fs::sync_dir(folder)
}

/// Looks at a node until it wants to stop.
async fn watch(world: &World, machine: &Machine, node: &Shared) {
    let stopping = node.workers.stopping();
    let mut compared = digests::Seen::default();
    while !*stopping.borrow() {
        sleep(LOOK).await;
        compared.look(world, &machine.name, node);
        if machine.host.disk() != Disk::Healthy {
            // What it remembers it could not write, and so has told nobody.
            continue;
        }
        if let Some(bus) = &node.bus {
            bus.look(|engine| {
                world.epochs.borrow_mut().look(world, &machine.name, engine);
                let leased = node.view.is_leased();
                world.writers.borrow_mut().look(world, &machine.name, engine, leased);
                machine.in_sync.set(engine.in_sync_to_show().map_or(0, |(_, copies)| copies));
                engine.held().into_iter().for_each(|(what, count)| machine.host.holds(what, count));
            });
            tell_held(machine, node, bus);
        }
        if world.stage.get() == Stage::Showing && machine.shown.borrow().is_none() {
            match shown(node) {
                Ok(log) => *machine.shown.borrow_mut() = Some(log),
                Err(error) => world.fault(format!("{} cannot show its log: {error}", machine.name)),
            }
        }
    }
}

/// Notes how much a node holds of what others make it hold.
fn tell_held(machine: &Machine, node: &Shared, bus: &Bus) {
    let clients = node.clients.all();
    let unsent = clients.iter().map(|client| client.outbox.bytes());
    let links = bus.links.all();
    let unsaid = links.iter().map(|link| link.queue.bytes());
    let pending = node.log.store().map_or(0, |store| store.status().pending_bytes);
    for (what, count) in [
        ("clients", clients.len()),
        ("blocked clients", clients.iter().filter(|client| client.blocked()).count()),
        ("bytes to a subscriber", unsent.max().unwrap_or(0)),
        ("links", links.len()),
        ("bytes to a node", unsaid.max().unwrap_or(0)),
        ("replicas", node.replication.feeds.all().len()),
        ("slot migrations", node.slot_migrations.all().len()),
        ("bytes not written", usize::try_from(pending).unwrap_or(usize::MAX)),
    ] {
        machine.host.holds(what, count);
    }
}

/// The log of a node, as far as it is there from the beginning.
fn shown(node: &Shared) -> Result<ShownLog, Box<dyn std::error::Error>> {
    let Some(store) = node.log.store() else { return Ok(vec![None; RANGES]) };
    let ends = store.written_ends();
    let mut log = Vec::new();
    for (range, end) in ends.into_iter().enumerate() {
        let mut bytes = Vec::new();
        let piece = if end == 0 { None } else { store.read_log(range, 0, end)? };
        let whole = piece.is_some();
        if let Some(mut piece) = piece {
            while piece.read(&mut bytes, 1 << 16)? {}
        }
        log.push(whole.then_some(bytes));
    }
    Ok(log)
}
