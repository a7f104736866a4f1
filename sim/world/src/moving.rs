//! A slot that goes to another node by the orders of `redis-cli --cluster reshard`: key by key, and broken off by whatever goes wrong.
//! What was broken off is brought to its end when everything was mended, as `redis-cli --cluster fix` does.

use std::rc::Rc;
use std::time::Duration;

use shared::resp::value::Value;
use shared::slot::Slot;
use tokio::time::sleep;

use crate::form::{ask, text, told};
use crate::world::{PORT, Stage, World};

/// How long an administrator rests between two orders: long enough for something to go wrong there.
const REST: Duration = Duration::from_millis(100);
/// So many keys go with one order.
const KEYS_AT_ONCE: &str = "1";
/// How long a node waits for the other one, milliseconds.
const MIGRATE_MS: &str = "1000";
/// A move is given up when there is no end of keys.
const ORDERS_MAX: usize = 100;
/// How often a move that was broken off is taken up again.
const ATTEMPTS_MAX: usize = 20;

/// Moves the slot of a key to a node while the load lasts.
pub(crate) async fn begin(world: Rc<World>, key: usize, to: usize) {
    let name = {
        let oracle = world.oracle.borrow();
        let count = oracle.keys.len().max(1);
        oracle.keys.keys().nth(key % count).cloned()
    };
    let Some(name) = name else { return };
    if !world.moved.borrow().contains(&name) {
        world.moved.borrow_mut().push(name.clone());
        let done = go(&world, &name, to, || world.stage.get() == Stage::Load).await;
        world.count(if done { "moved by hand" } else { "moves broken off" });
    }
}

/// Brings every move to its end: a slot whose keys are on two nodes goes to where some have arrived.
pub(crate) async fn finish(world: &Rc<World>) {
    let moved = world.moved.borrow().clone();
    for name in moved {
        let mut ended = false;
        for _ in 0..ATTEMPTS_MAX {
            ended = end(world, &name).await;
            if ended {
                break;
            }
            sleep(REST).await;
        }
        if !ended {
            world.fault(format!("the slot of {name} cannot be moved to an end"));
        }
    }
}

/// One attempt to close a slot.
async fn end(world: &Rc<World>, key: &str) -> bool {
    let slot = Slot::of_key(key.as_bytes()).number().to_string();
    let Some(owner) = owner(world, key).await else { return false };
    let mut others = Vec::new();
    for (number, machine) in world.machines.iter().enumerate() {
        let role = text(&machine.name, &["INFO", "replication"]).await.unwrap_or_default();
        if number == owner || !role.contains("role:master") {
            continue;
        }
        match ask(&machine.name, &["CLUSTER", "COUNTKEYSINSLOT", &slot]).await {
            Some(Value::Int(0)) => others.push((number, false)),
            Some(Value::Int(_)) => others.push((number, true)),
            _ => return false,
        }
    }
    let holder = others.iter().find(|(_, holds)| *holds).map(|(number, _)| *number);
    if let Some(holder) = holder {
        world.count("moves taken up");
        return go(world, key, holder, || true).await;
    }
    let mut stable = told(&world.machines[owner].name, &["CLUSTER", "SETSLOT", &slot, "STABLE"]).await;
    for (number, _) in others {
        stable &= told(&world.machines[number].name, &["CLUSTER", "SETSLOT", &slot, "STABLE"]).await;
    }
    stable
}

/// The orders of a move, as long as they are obeyed and it may go on. True if the slot and its keys are there.
async fn go(world: &Rc<World>, key: &str, to: usize, may_go_on: impl Fn() -> bool) -> bool {
    let slot = Slot::of_key(key.as_bytes()).number().to_string();
    let Some(from) = owner(world, key).await.filter(|from| *from != to) else { return false };
    let (source, target) = (&world.machines[from].name, &world.machines[to].name);
    let Some(source_id) = text(source, &["CLUSTER", "MYID"]).await else { return false };
    let Some(target_id) = text(target, &["CLUSTER", "MYID"]).await else { return false };
    if !told(target, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id]).await
        || !told(source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id]).await
    {
        return false;
    }
    let (ip, port) = (turmoil::lookup(target.as_str()).to_string(), PORT.to_string());
    for _ in 0..ORDERS_MAX {
        sleep(REST).await;
        if !may_go_on() {
            return false;
        }
        let keys = ask(source, &["CLUSTER", "GETKEYSINSLOT", &slot, KEYS_AT_ONCE]).await;
        let Some(Value::Array(keys)) = keys else { return false };
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        if keys.is_empty() {
            break;
        }
        let mut words = vec!["MIGRATE", &ip, &port, "", "0", MIGRATE_MS, "REPLACE", "KEYS"];
        words.extend(keys);
        if !told(source, &words).await {
            return false;
        }
    }
    // The new owner first: else the slot would have none for a moment.
    let node = ["CLUSTER", "SETSLOT", &slot, "NODE", &target_id];
    told(target, &node).await && told(source, &node).await
}

/// Which node serves the slot of a key, as they say.
async fn owner(world: &Rc<World>, key: &str) -> Option<usize> {
    let address = |number: usize| turmoil::lookup(world.machines[number].name.as_str()).to_string();
    let (mut node, mut asked) = (0, 0);
    while asked < 4 {
        asked += 1;
        match ask(&world.machines[node].name, &["EXISTS", key]).await {
            Some(Value::Error(error)) if error.code() == "MOVED" => {
                let ip = error.detail().split(' ').nth(1)?.rsplit_once(':')?.0.to_owned();
                node = (0..world.machines.len()).find(|number| address(*number) == ip)?;
            }
            // ASK says it too: the slot is still this one's.
            Some(Value::Error(error)) if error.code() != "ASK" => return None,
            Some(_) => return Some(node),
            None => node = (node + 1) % world.machines.len(),
        }
    }
    None
}
