//! Which faults happen when: all of it from the seed, before the run begins.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use shared::limits::SLOTS;
use shared::rt::rng::Rng;

use crate::world::{DESKS, NODES, PRIMARIES, SERVICES};

/// How long clients write while faults happen, milliseconds.
pub(crate) const LOAD_MS: u64 = 12_000;
/// The first fault does not come before, nor the last one this long before the end, milliseconds.
const QUIET_MS: u64 = 500;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL: what was written to files is there.
    Kill(usize),
    /// The power fails: what was not synced is gone, nobody is told.
    Power(usize),
    /// The power of all nodes fails.
    Blackout,
    /// The power of a primary fails, and its log is gone when it comes back. Only if its replica has everything.
    Wipe(usize),
    /// Writing and syncing fail (EIO) until the node is started anew.
    BrokenDisk(usize),
    /// Writing fails (ENOSPC) until the node is started anew.
    FullDisk(usize),
    /// SIGSTOP.
    Freeze(usize),
    /// A group and the rest hear nothing of each other; clients are with the rest if the group is the smaller part.
    Partition(BTreeSet<usize>),
    /// Nothing of what a group says is heard, or it hears nothing.
    OneWay { group: BTreeSet<usize>, out: bool },
    /// Messages take up to so many milliseconds.
    Latency(u64),
    /// A wall clock jumps by so many milliseconds.
    Clock(usize, i64),
    /// `CLUSTER FAILOVER` to a node, if it is a replica then.
    Failover(usize, &'static str),
    /// `CLUSTER MIGRATESLOTS`: slots from one on, so many, to a node, if it is a primary then.
    Migrate { first: u16, count: u16, to: usize },
    /// The slot of a key goes to a node by the orders of `redis-cli --cluster reshard`, if it is a primary then.
    MoveByHand { key: usize, to: usize },
    /// SIGKILL of a document service.
    KillService(usize),
    /// SIGSTOP of a document service.
    FreezeService(usize),
    /// SIGKILL of a window.
    KillDesk(usize),
}

/// A fault and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    /// After the load began.
    pub(crate) at: Duration,
    /// How long until it is mended.
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} for {:>5} {:?}", self.at.as_millis(), self.lasts.as_millis(), self.fault)
    }
}

/// All faults of a run, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) faults: Vec<Planned>,
    /// Of so many of a hundred writes a part survives a power failure without having been synced.
    pub(crate) written_back: u64,
}

impl Plan {
    /// The plan of a seed: one to six faults, which may overlap.
    pub(crate) fn of(seed: u64) -> Plan {
        let mut rng = Rng::from_seed(seed ^ 0x5EED_0F1A);
        let count = 1 + rng.below(6);
        // What goes wrong in one shard again and again finds other faults than what goes wrong anywhere.
        let shard = (rng.below(3) == 0).then(|| rng.below(PRIMARIES as u64) as usize);
        let mut faults: Vec<Planned> = (0..count).map(|_| planned(&mut rng, shard)).collect();
        if rng.below(5) == 0 {
            faults.extend(there_and_back(&mut rng));
        }
        let written_back = [0, 5, 40][rng.below(3) as usize];
        // Bits of their own: what happens to nodes stays as it is when this changes.
        let mut rng = Rng::from_seed(seed ^ 0x0DE5_C0DE);
        faults.extend((0..rng.below(4)).map(|_| killed(&mut rng)));
        if rng.below(3) == 0 {
            faults.extend(cut_and_back(&mut rng));
        }
        let mut rng = Rng::from_seed(seed ^ 0x0B4A_4D5E);
        for _ in 0..rng.below(4) {
            faults.extend(moved(&mut rng));
        }
        faults.sort_by_key(|fault| fault.at);
        Plan { faults, written_back }
    }
}

/// A fault; of a node that the shard has at first, if there is one.
fn planned(rng: &mut Rng, shard: Option<usize>) -> Planned {
    let at = QUIET_MS + rng.below(LOAD_MS - 2 * QUIET_MS);
    // Around the node timeout, and well beyond it.
    let lasts = if rng.below(2) == 0 { 100 + rng.below(1_400) } else { 1_500 + rng.below(4_000) };
    let node = match shard {
        None => rng.below(NODES as u64) as usize,
        Some(shard) => shard + PRIMARIES * rng.below((NODES / PRIMARIES) as u64) as usize,
    };
    let fault = match rng.below(26) {
        0..=2 => Fault::Kill(node),
        3..=5 => Fault::Power(node),
        6 => Fault::Blackout,
        7..=8 => Fault::Wipe(node),
        9 => Fault::BrokenDisk(node),
        10 => Fault::FullDisk(node),
        11..=13 => Fault::Freeze(node),
        14..=15 => Fault::Partition(group(rng)),
        16..=17 => Fault::OneWay { group: group(rng), out: rng.below(2) == 0 },
        18 => Fault::Latency(20 + rng.below(400)),
        19 => Fault::Clock(node, rng.below(20_000) as i64 - 10_000),
        20..=22 => migrate(rng),
        _ => Fault::Failover(node, ["", "FORCE"][rng.below(2) as usize]),
    };
    Planned { at: Duration::from_millis(at), lasts: Duration::from_millis(lasts), fault }
}

/// A service or a window is killed, and begins anew a while later; or a service stands still so long.
fn killed(rng: &mut Rng) -> Planned {
    let at = QUIET_MS + rng.below(LOAD_MS - 2 * QUIET_MS);
    let fault = match rng.below(3) {
        0 => Fault::KillService(rng.below(SERVICES as u64) as usize),
        1 => Fault::FreezeService(rng.below(SERVICES as u64) as usize),
        _ => Fault::KillDesk(rng.below(DESKS as u64) as usize),
    };
    Planned { at: Duration::from_millis(at), lasts: Duration::from_millis(rng.below(3_000)), fault }
}

/// Slots of a first primary go to another one.
fn migrate(rng: &mut Rng) -> Fault {
    let share = (SLOTS / PRIMARIES) as u64;
    let (from, way) = (rng.below(PRIMARIES as u64), 1 + rng.below(PRIMARIES as u64 - 1));
    let first = rng.below(share);
    let count = 1 + rng.below((share - first).min(3_000));
    let to = (from + way) as usize % PRIMARIES;
    Fault::Migrate { first: (from * share + first) as u16, count: count as u16, to }
}

/// The slot of a key goes to another primary by hand; half of the moves are broken off by a node that is killed.
fn moved(rng: &mut Rng) -> Vec<Planned> {
    let at = QUIET_MS + rng.below(LOAD_MS - 2 * QUIET_MS);
    let planned = |after: u64, lasts: u64, fault| Planned {
        at: Duration::from_millis(at + after),
        lasts: Duration::from_millis(lasts),
        fault,
    };
    let (key, to) = (rng.below(1_000) as usize, rng.below(PRIMARIES as u64) as usize);
    let mut faults = vec![planned(0, 0, Fault::MoveByHand { key, to })];
    if rng.below(2) == 0 {
        let node = if rng.below(2) == 0 { to } else { rng.below(PRIMARIES as u64) as usize };
        faults.push(planned(rng.below(500), 100 + rng.below(2_500), Fault::Kill(node)));
    }
    faults
}

/// The office of a shard goes to its replica and back, while messages are slow: what was written last may be lost, and those who wrote it
/// find the node that they wrote to.
fn there_and_back(rng: &mut Rng) -> [Planned; 3] {
    let node = rng.below(PRIMARIES as u64) as usize;
    let at = QUIET_MS + rng.below(LOAD_MS / 2);
    let planned = |after: u64, lasts: u64, fault| Planned {
        at: Duration::from_millis(at + after),
        lasts: Duration::from_millis(lasts),
        fault,
    };
    [
        planned(0, 3_000, Fault::Latency(500 + rng.below(400))),
        planned(200, 0, Fault::Failover(node + PRIMARIES, "FORCE")),
        planned(1_500 + rng.below(1_500), 0, Fault::Failover(node, "FORCE")),
    ]
}

/// A primary is cut off from all nodes and not from clients, so that it answers what no replica has; its replica is elected, and the
/// office comes back while those who wrote wait.
fn cut_and_back(rng: &mut Rng) -> [Planned; 7] {
    let node = rng.below(PRIMARIES as u64) as usize;
    let at = QUIET_MS + rng.below(LOAD_MS / 2);
    let cut = 600 + rng.below(700);
    let planned = |after: u64, lasts: u64, fault| Planned {
        at: Duration::from_millis(at + after),
        lasts: Duration::from_millis(lasts),
        fault,
    };
    let alone = |out: bool| Fault::OneWay { group: BTreeSet::from([node]), out };
    let back = || Fault::Failover(node, "FORCE");
    [
        planned(0, cut, alone(true)),
        planned(0, cut, alone(false)),
        planned(20, 0, Fault::Failover(node + PRIMARIES, "FORCE")),
        planned(700, 0, Fault::Failover(node + PRIMARIES, "FORCE")),
        // It is a replica again when it has heard of it: too early an order is refused.
        planned(2_200, 0, back()),
        planned(2_900, 0, back()),
        planned(3_600, 0, back()),
    ]
}

/// One to three nodes.
fn group(rng: &mut Rng) -> BTreeSet<usize> {
    (0..=rng.below(3)).map(|_| rng.below(NODES as u64) as usize).collect()
}
