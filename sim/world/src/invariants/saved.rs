//! Every saved write is in every copy after everything was mended; nothing was invented, nothing done twice; what one author wrote
//! is in its order.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use shared::resp::value::Value;

use crate::link::Link;
use crate::load::number;
use crate::oracle::{Key, Kind};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(2);

/// Reads every key from every node that has it.
pub(crate) async fn check(world: &Rc<World>) {
    let keys: Vec<Key> = world.oracle.borrow().keys.values().cloned().collect();
    let mut found: Vec<Vec<(String, Value)>> = vec![Vec::new(); keys.len()];
    for machine in &world.machines {
        let Ok(mut link) = Link::open(&machine.name, PATIENCE).await else {
            return world.fault(format!("{} takes no connection", machine.name));
        };
        let _readonly = link.ask(&["READONLY"], PATIENCE).await;
        for (key, found) in keys.iter().zip(&mut found) {
            let words = match key.kind {
                Kind::Register | Kind::Counter => vec!["GET", &key.name],
                Kind::Stream => vec!["XRANGE", &key.name, "-", "+"],
            };
            match link.ask(&words, PATIENCE).await {
                Ok(Value::Error(error)) if error.code() == "MOVED" => {}
                Ok(value) => found.push((machine.name.clone(), value)),
                Err(_) => return world.fault(format!("{} does not answer", machine.name)),
            }
        }
    }
    for (key, found) in keys.iter().zip(found) {
        if found.len() < 2 {
            world.fault(format!("{} is on {} nodes", key.name, found.len()));
        }
        for (node, value) in found {
            world.count("keys checked");
            if let Err(why) = check_key(key, &value) {
                world.fault(format!("{node}: {why}"));
            }
        }
    }
}

fn check_key(key: &Key, value: &Value) -> Result<(), String> {
    match key.kind {
        Kind::Register => check_register(key, number(value)),
        Kind::Counter => check_counter(key, number(value)),
        Kind::Stream => check_stream(key, value),
    }
}

/// A register holds the last saved write or a later one, or one of which nobody knows when it was done.
pub(crate) fn check_register(key: &Key, value: Option<u64>) -> Result<(), String> {
    let last = key.saved.last().copied().unwrap_or(0);
    let is_known = |value: u64| {
        value == last
            || key.unknown.contains(&value)
            || value > last && key.answered.contains(&value)
            || value == 0 && key.saved.is_empty()
    };
    match value {
        Some(value) if is_known(value) => Ok(()),
        value => Err(format!("{} holds {value:?}, saved was {last}, sent {}", key.name, key.sent)),
    }
}

/// A counter counts every saved write, and none that was not sent.
fn check_counter(key: &Key, value: Option<u64>) -> Result<(), String> {
    let least = key.saved.len() as u64;
    let most = least + (key.answered.len() + key.unknown.len()) as u64;
    match value {
        Some(value) if (least..=most).contains(&value) => Ok(()),
        value => Err(format!("{} counts {value:?}, not {least} to {most}", key.name)),
    }
}

/// A stream has every saved entry, each once, those that were answered in their order, and none that was not sent.
fn check_stream(key: &Key, value: &Value) -> Result<(), String> {
    let entries = value.elements().ok_or_else(|| format!("{} is no stream: {value:?}", key.name))?;
    let numbers: Option<Vec<u64>> =
        entries.iter().map(|entry| number(entry.elements()?.get(1)?.elements()?.get(1)?)).collect();
    let numbers = numbers.ok_or_else(|| format!("{} has strange entries", key.name))?;
    let held: BTreeSet<u64> = numbers.iter().copied().collect();
    if held.len() != numbers.len() {
        return Err(format!("{} has an entry twice: {numbers:?}", key.name));
    }
    if let Some(lost) = key.saved.iter().find(|saved| !held.contains(saved)) {
        return Err(format!("{} has lost entry {lost}, which was saved: {numbers:?}", key.name));
    }
    let known = |number: &u64| {
        key.saved.contains(number) || key.answered.contains(number) || key.unknown.contains(number)
    };
    if let Some(invented) = held.iter().find(|number| !known(number)) {
        return Err(format!("{} has entry {invented}, which was refused or never sent", key.name));
    }
    let answered: Vec<u64> = numbers.into_iter().filter(|number| !key.unknown.contains(number)).collect();
    if !answered.is_sorted() {
        return Err(format!("{} is out of order: {answered:?}", key.name));
    }
    Ok(())
}
