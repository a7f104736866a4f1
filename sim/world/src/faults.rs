//! Makes the planned faults happen, and mends them.

use std::rc::Rc;
use std::time::Duration;

use shared::rt::sim::Disk;
use turmoil::Sim;

use crate::network::{self, Network};
use crate::plan::{Fault, Planned};
use crate::trace;
use crate::world::{Computer, NODES, World};

/// How long messages take at most while nothing is wrong, milliseconds.
pub(crate) const LATENCY_MS_MAX: u64 = 4;

/// Everything that happens to machines from outside.
pub(crate) struct Faults {
    world: Rc<World>,
    /// Nodes, then clients, services, desks.
    names: Vec<String>,
    network: Network,
    /// When the load began.
    began: Duration,
    /// The next one of the plan.
    next: usize,
    /// What is to be mended, and when.
    mends: Vec<(Duration, u64, Fault)>,
    number: u64,
}

impl Faults {
    pub(crate) fn new(world: Rc<World>, names: Vec<String>, began: Duration) -> Faults {
        Faults { world, names, network: Network::default(), began, next: 0, mends: Vec::new(), number: 0 }
    }

    /// Does what is due.
    pub(crate) fn step(&mut self, sim: &mut Sim<'_>, now: Duration) {
        while let Some(at) = self.mends.iter().position(|(when, ..)| *when <= now) {
            let (_, number, fault) = self.mends.remove(at);
            self.mend(sim, number, &fault);
        }
        let world = Rc::clone(&self.world);
        while let Some(planned) =
            world.plan.faults.get(self.next).filter(|fault| self.began + fault.at <= now)
        {
            self.next += 1;
            self.begin(sim, planned, now);
        }
    }

    /// Mends everything.
    pub(crate) fn mend_all(&mut self, sim: &mut Sim<'_>) {
        for (_, number, fault) in std::mem::take(&mut self.mends) {
            self.mend(sim, number, &fault);
        }
    }

    fn begin(&mut self, sim: &mut Sim<'_>, planned: &Planned, now: Duration) {
        trace::line("plan", format_args!("{:?} for {:?}", planned.fault, planned.lasts));
        self.number += 1;
        let machine = |node: usize| &self.world.machines[node];
        match &planned.fault {
            Fault::Kill(node) => return self.kill(sim, *node, now + planned.lasts),
            Fault::KillService(number) => {
                return stop(sim, &self.world.services[*number], now + planned.lasts);
            }
            Fault::KillDesk(number) => {
                let desk = &self.world.desks[*number];
                desk.settled.set(false);
                return stop(sim, &desk.computer, now + planned.lasts);
            }
            Fault::FreezeService(number) => self.world.services[*number].host.freeze(),
            Fault::Power(node) => {
                if !self.power_fails(sim, &[*node]) {
                    return;
                }
            }
            Fault::Blackout => {
                if !self.power_fails(sim, &std::array::from_fn::<usize, NODES, _>(|node| node)) {
                    return;
                }
            }
            Fault::Wipe(node) => {
                if machine(*node).in_sync.get() < 2 || !self.power_fails(sim, &[*node]) {
                    return;
                }
                self.world.count("wiped");
                self.world.machines[*node].wipe.set(true);
            }
            Fault::BrokenDisk(node) => machine(*node).host.set_disk(Disk::Broken),
            Fault::FullDisk(node) => machine(*node).host.set_disk(Disk::Full),
            Fault::Freeze(node) => machine(*node).host.freeze(),
            Fault::Partition(group) => {
                let everybody = if group.len() * 2 > NODES { NODES } else { self.names.len() };
                self.network.block(self.number, network::apart(group, everybody), sim, &self.names);
            }
            Fault::OneWay { group, out } => {
                self.network.block(self.number, network::one_way(group, *out), sim, &self.names);
            }
            Fault::Latency(ms) => sim.set_max_message_latency(Duration::from_millis(*ms)),
            Fault::Clock(node, ms) => machine(*node).host.set_ahead_ms(*ms),
            Fault::Failover(..) | Fault::Migrate { .. } | Fault::MoveByHand { .. } => {
                self.world.orders.borrow_mut().push(planned.fault.clone());
                return;
            }
        }
        self.mends.push((now + planned.lasts, self.number, planned.fault.clone()));
    }

    fn mend(&mut self, sim: &mut Sim<'_>, number: u64, fault: &Fault) {
        trace::line("plan", format_args!("mended: {fault:?}"));
        match fault {
            Fault::Power(node) | Fault::Wipe(node) => self.power_returns(sim, number, &[*node]),
            Fault::Blackout => {
                self.power_returns(sim, number, &std::array::from_fn::<usize, NODES, _>(|node| node));
            }
            Fault::BrokenDisk(node) | Fault::FullDisk(node) => {
                self.world.machines[*node].host.set_disk(Disk::Healthy);
                self.kill(sim, *node, Duration::ZERO);
            }
            Fault::Freeze(node) => self.world.machines[*node].host.thaw(),
            Fault::FreezeService(number) => self.world.services[*number].host.thaw(),
            Fault::Partition(_) | Fault::OneWay { .. } => self.network.mend(number, sim, &self.names),
            Fault::Latency(_) => sim.set_max_message_latency(Duration::from_millis(LATENCY_MS_MAX)),
            Fault::Clock(node, _) => self.world.machines[*node].host.set_ahead_ms(0),
            Fault::Kill(_)
            | Fault::KillService(_)
            | Fault::KillDesk(_)
            | Fault::Failover(..)
            | Fault::Migrate { .. }
            | Fault::MoveByHand { .. } => {}
        }
    }

    /// Kills a process; it is started anew at this time.
    fn kill(&self, sim: &mut Sim<'_>, node: usize, down_until: Duration) {
        let machine = &self.world.machines[node];
        if !machine.host.is_dead() {
            machine.host.killed();
            machine.in_sync.set(0);
            machine.down_until.set(down_until);
            sim.bounce(self.names[node].as_str());
        }
    }

    /// Switches nodes off that are on, all at once; false if one is off already.
    fn power_fails(&mut self, sim: &mut Sim<'_>, nodes: &[usize]) -> bool {
        if nodes.iter().any(|node| self.world.machines[*node].host.is_dead()) {
            return false;
        }
        // Nobody hears that connections end.
        let ways = network::apart(&nodes.iter().copied().collect(), self.names.len());
        self.network.block(self.number, ways, sim, &self.names);
        for node in nodes {
            let machine = &self.world.machines[*node];
            machine.host.killed();
            machine.in_sync.set(0);
            sim.crash(self.names[*node].as_str());
        }
        true
    }

    fn power_returns(&mut self, sim: &mut Sim<'_>, number: u64, nodes: &[usize]) {
        self.network.mend(number, sim, &self.names);
        for node in nodes {
            self.world.machines[*node].down_until.set(Duration::ZERO);
            sim.bounce(self.names[*node].as_str());
        }
    }
}

/// Kills what runs on a computer; it is started anew at this time.
fn stop(sim: &mut Sim<'_>, computer: &Computer, down_until: Duration) {
    computer.host.killed();
    computer.down_until.set(down_until);
    sim.bounce(computer.name.as_str());
}
