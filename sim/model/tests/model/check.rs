//! Running the checker, and saying what it did.

use std::num::NonZeroUsize;
use std::time::Instant;

use failover_model::action::Action;
use failover_model::config::{Config, Fault};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// A fault that is not found on a way through so many states counts as not found.
const STATES_MAX: usize = 30;

/// Looks at every state within the bounds: no invariant may be broken, and each goal must be reached.
pub(crate) fn holds(name: &str, config: Config, goals: &[&str]) {
    let began = Instant::now();
    let checker = config.checker().spawn_dfs().join();
    println!(
        "| {name} | {} | {} | {:.1} s |",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f32()
    );
    let found = checker.discoveries();
    for property in checker.model().properties() {
        if property.expectation == Expectation::Always
            && let Some(path) = found.get(property.name)
        {
            let actions = path.clone().into_actions();
            assert!(actions.is_empty(), "{name}: broken: {}\n{}", property.name, listed(&actions));
        }
    }
    let missed: Vec<_> = goals.iter().filter(|goal| !found.contains_key(**goal)).collect();
    assert!(missed.is_empty(), "{name}: never happened: {missed:?}");
}

/// The shortest way on which a fault breaks an invariant.
pub(crate) fn breaks(fault: Fault, config: Config, invariant: &'static str) -> Vec<Action> {
    let began = Instant::now();
    let (mut shortest, mut states) = (None, 0);
    let mut depth = STATES_MAX;
    // The checker hands out one of the first ways it finds, not the first: it is asked again for a shorter one.
    while let Some(depth_max) = NonZeroUsize::new(depth) {
        let checker = config
            .with(fault)
            .checker()
            .finish_when(HasDiscoveries::AnyOf([invariant].into()))
            .target_max_depth(depth_max.get())
            .spawn_bfs()
            .join();
        let Some(path) = checker.discovery(invariant) else { break };
        let actions = path.into_actions();
        states = checker.unique_state_count();
        depth = actions.len() + 1;
        shortest = Some(actions);
    }
    let shortest = shortest.unwrap_or_default();
    println!(
        "| {fault:?} | {invariant} | {} | {states} | {:.1} s |",
        shortest.len(),
        began.elapsed().as_secs_f32()
    );
    println!("{}", listed(&shortest));
    assert!(!shortest.is_empty(), "{fault:?} was not found");
    shortest
}

fn listed(actions: &[Action]) -> String {
    actions.iter().enumerate().map(|(at, action)| format!("    {:2}. {action:?}\n", at + 1)).collect()
}
