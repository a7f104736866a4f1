//! Logs that two nodes have of one range, and that are there from the beginning, are the same bytes, as far as the shorter one goes.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::form;
use crate::world::World;

/// Checks the logs that nodes showed.
pub(crate) async fn check(world: &Rc<World>) {
    let mut shards: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, machine) in world.machines.iter().enumerate() {
        let shard = form::text(&machine.name, &["CLUSTER", "MYSHARDID"]).await.unwrap_or_default();
        shards.entry(shard).or_default().push(number);
    }
    for nodes in shards.values() {
        for (index, &a) in nodes.iter().enumerate() {
            for &b in &nodes[index + 1..] {
                compare(world, a, b);
            }
        }
    }
}

fn compare(world: &World, a: usize, b: usize) {
    let (a, b) = (&world.machines[a], &world.machines[b]);
    let (Some(of_a), Some(of_b)) = (&*a.shown.borrow(), &*b.shown.borrow()) else { return };
    for (range, pair) in of_a.iter().zip(of_b).enumerate() {
        let (Some(of_a), Some(of_b)) = pair else { continue };
        let shorter = of_a.len().min(of_b.len());
        if shorter > 0 {
            world.count("ranges compared");
        }
        if let Some(at) = (0..shorter).find(|&at| of_a[at] != of_b[at]) {
            world.fault(format!("range {range}: the logs of {} and {} differ at {at}", a.name, b.name));
        } else if of_a.len() != of_b.len() {
            let (of_a, of_b) = (of_a.len(), of_b.len());
            world.fault(format!("range {range}: {} has {of_a} bytes of log, {} has {of_b}", a.name, b.name));
        }
    }
}
