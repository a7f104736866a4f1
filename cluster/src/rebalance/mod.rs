//! `rustidocs-node rebalance --cluster HOST:PORT [--add HOST:PORT]… [--drain NODE]… [--plan]`: spreads the slots of a cluster evenly
//! over its primaries, moving only as many as must move.
//!
//! A client like any other: everything is said to the nodes with `CLUSTER …`. What is to be done is found anew from what is so, so a
//! run that was stopped is taken up by the next one.
//!
//! # Layout
//!
//! - [`arguments`]: what is typed.
//! - [`survey`]: which nodes there are, and which slots they have.
//! - [`plan`]: which slots go where.
//! - [`mover`]: has them go there, and shows how far it is.

pub mod arguments;
mod mover;
pub mod plan;
pub mod survey;

use shared::rt::time::{self, Duration, Instant};

pub use self::arguments::Arguments;
use self::mover::Mover;
use self::plan::Step;
use self::survey::Survey;

/// How long a node that is added may take to be known to all, milliseconds.
const JOIN_MS: u64 = 30_000;
/// How long the node that is asked may take to hear where slots went, milliseconds.
const KNOWN_MS: u64 = 10_000;
/// How often is looked, milliseconds.
const LOOK_MS: u64 = 100;

/// Spreads the slots, or says how they would be.
///
/// # Errors
/// In words for the person at the terminal. Slots that have moved until then have moved; the others are where they were.
pub async fn run(arguments: Arguments) -> Result<(), String> {
    let mut survey = Survey::of(&arguments).await?;
    for new in &arguments.added {
        survey.meet(new).await?;
    }
    if !arguments.added.is_empty() {
        let until = Instant::now() + Duration::from_millis(JOIN_MS);
        while !(survey.knows(&arguments.added) && survey.is_known_to_all().await) {
            if Instant::now() >= until {
                return Err("not all nodes have come to know the new ones in time".into());
            }
            time::sleep(Duration::from_millis(LOOK_MS)).await;
            survey = Survey::of(&arguments).await?;
        }
    }
    let moves = plan::plan(&survey.primaries, &survey.drained(&arguments.drained)?)?;
    let slots: usize = moves.iter().map(|step| step.slots.len()).sum();
    if slots == 0 {
        println!("{} primaries, every slot is where it belongs: nothing moves", survey.primaries.len());
        return Ok(());
    }
    println!("{} primaries, {slots} of 16384 slots move:", survey.primaries.len());
    for step in &moves {
        let (from, to) = (survey.address(step.from), survey.address(step.to));
        println!("  {} slots from {from} to {to}", step.slots.len());
    }
    if arguments.only_plan {
        return Ok(());
    }
    Mover::new(&arguments, &survey, slots).run(&moves).await?;
    wait_until_known(&arguments, &moves).await?;
    println!("{slots} slots have moved");
    for id in survey.drained(&arguments.drained)? {
        println!("{} owns no slot any more and can leave: CLUSTER FORGET {id}", survey.address(id));
    }
    Ok(())
}

/// Waits until the node that is asked knows where the slots went: who looks there next finds what was said here.
async fn wait_until_known(arguments: &Arguments, moves: &[Step]) -> Result<(), String> {
    let until = Instant::now() + Duration::from_millis(KNOWN_MS);
    loop {
        let survey = Survey::of(arguments).await?;
        let has = |step: &Step| {
            let owner = survey.primaries.iter().find(|primary| primary.id == step.to);
            owner.is_some_and(|owner| step.slots.minus(&owner.slots).is_empty())
        };
        if moves.iter().all(has) {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err("the slots have moved, but the node that was asked does not know it yet".into());
        }
        time::sleep(Duration::from_millis(LOOK_MS)).await;
    }
}
