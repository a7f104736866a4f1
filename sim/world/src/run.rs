//! One run from beginning to end.

use std::cell::Cell;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_local;
use tokio::time::sleep;
use turmoil::{Builder, Sim};

use crate::faults::{Faults, LATENCY_MS_MAX};
use crate::load::{CLIENTS, Client, LATE_CLIENTS};
use crate::plan::{LOAD_MS, Plan};
use crate::world::{NODES, Stage, World};
use crate::{desk, form, invariants, machine, moving, service, trace};

/// The wall clock when a run begins, Unix seconds.
const EPOCH_S: u64 = 1_700_000_000;
/// How long forming may take.
const FORMING: Duration = Duration::from_secs(60);
/// How long it may take until the cluster is whole after everything was mended.
const HEALING: Duration = Duration::from_secs(60);
/// Lines that are shown of a run that failed.
const LAST_LINES: usize = 40;

/// Runs a seed, tells what was found, and writes the record where that is asked for.
pub(crate) fn run(seed: u64, record: Option<&Path>) -> ExitCode {
    trace::start();
    shared::rt::sim::seed(seed);
    let plan = Plan::of(seed);
    trace::line("plan", format_args!("{} of 100 writes are written back", plan.written_back));
    for planned in &plan.faults {
        trace::line("plan", format_args!("{planned}"));
    }
    let world = match World::new(seed, plan) {
        Ok(world) => world,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    watch_panics();
    let began = std::time::Instant::now();
    if let Err(why) = simulate(&world) {
        world.fault(why);
    }
    let (took, simulated) = (began.elapsed(), trace::now());
    let struck = shared::rt::sim::struck();
    if struck > 0 {
        world.counts.borrow_mut().insert("struck", struck);
    }
    let counts: Vec<String> =
        world.counts.borrow().iter().map(|(what, count)| format!("{what} {count}")).collect();
    trace::line("run", format_args!("{}", counts.join(", ")));
    if let Some(path) = record
        && let Err(error) = trace::save(path)
    {
        eprintln!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    let faults = world.faults.borrow();
    println!(
        "seed {seed}: {}, {:.1} s simulated in {:.1} s, digest {:016x}: {}",
        if faults.is_empty() { "good" } else { "BAD" },
        simulated.as_secs_f32(),
        took.as_secs_f32(),
        trace::digest(),
        counts.join(", "),
    );
    if faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("plan:");
    for planned in &world.plan.faults {
        println!("  {planned}");
    }
    println!("last events:\n{}", trace::last(LAST_LINES));
    println!("wrong:");
    for fault in faults.iter() {
        println!("  {fault}");
    }
    ExitCode::FAILURE
}

thread_local! {
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

/// A task that panics is a fault, whoever catches it.
fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.set(PANICS.get() + 1);
        trace::line("PANIC", format_args!("{panic}"));
    }));
}

fn simulate(world: &Rc<World>) -> Result<(), String> {
    let mut sim = Builder::new()
        .rng_seed(world.seed)
        .epoch(SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH_S))
        .simulation_duration(FORMING + 2 * HEALING + Duration::from_millis(LOAD_MS) + Duration::from_secs(60))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::from_micros(200))
        .max_message_latency(Duration::from_millis(LATENCY_MS_MAX))
        .tcp_capacity(1024)
        .enable_random_order()
        .build();
    for (number, machine) in world.machines.iter().enumerate() {
        let world = Rc::clone(world);
        sim.host(machine.name.as_str(), move || {
            let world = Rc::clone(&world);
            async move {
                machine::run(world, number).await;
                Ok(())
            }
        });
    }
    for (number, computer) in world.services.iter().enumerate() {
        let world = Rc::clone(world);
        sim.host(computer.name.as_str(), move || {
            let world = Rc::clone(&world);
            async move {
                service::run(world, number).await;
                Ok(())
            }
        });
    }
    for (number, desk) in world.desks.iter().enumerate() {
        let world = Rc::clone(world);
        sim.host(desk.computer.name.as_str(), move || {
            let world = Rc::clone(&world);
            async move {
                desk::run(world, number).await;
                Ok(())
            }
        });
    }
    for number in 0..CLIENTS {
        let client = Client::new(Rc::clone(world), number);
        sim.client(format!("c{number}"), async move {
            client.run().await;
            Ok(())
        });
    }
    let late: Vec<Client> =
        (CLIENTS..CLIENTS + LATE_CLIENTS).map(|number| Client::new(Rc::clone(world), number)).collect();
    sim.client("late", async move {
        let running: Vec<_> = late.into_iter().map(|client| spawn_local(client.run())).collect();
        for client in running {
            client.await?;
        }
        Ok(())
    });
    let whole = Rc::clone(world);
    sim.client("admin", async move { administrate(whole).await.map_err(Into::into) });
    drive(world, &mut sim)
}

/// Steps the simulation to its end.
fn drive(world: &Rc<World>, sim: &mut Sim<'_>) -> Result<(), String> {
    let machines = world.machines.iter().map(|machine| machine.name.clone());
    let others = world.services.iter().chain(world.desks.iter().map(|desk| &desk.computer));
    let clients = (0..CLIENTS).map(|number| format!("c{number}")).chain(["late".to_owned()]);
    let names: Vec<String> = machines.chain(clients).chain(others.map(|other| other.name.clone())).collect();
    let mut faults: Option<Faults> = None;
    loop {
        let now = sim.elapsed();
        trace::set_now(now);
        match (world.stage.get(), &mut faults) {
            (Stage::Load, None) => faults = Some(Faults::new(Rc::clone(world), names.clone(), now)),
            (Stage::Load, Some(faults)) => faults.step(sim, now),
            (_, Some(faults)) => faults.mend_all(sim),
            _ => {}
        }
        let finished = sim.step().map_err(|error| error.to_string())?;
        if PANICS.get() > 0 {
            return Err("something panicked".into());
        }
        if finished {
            return Ok(());
        }
    }
}

/// The run itself, as one of its clients sees it.
async fn administrate(world: Rc<World>) -> Result<(), String> {
    let formed = tokio::time::timeout(FORMING, form::form(&world)).await;
    formed.map_err(|_| "the cluster was not formed in time")??;
    world.enter(Stage::Load);
    let end = trace::now() + Duration::from_millis(LOAD_MS);
    while trace::now() < end {
        let orders = std::mem::take(&mut *world.orders.borrow_mut());
        for order in orders {
            form::say(&world, &order).await;
        }
        sleep(Duration::from_millis(10)).await;
    }
    world.enter(Stage::Healing);
    // The last answers of clients.
    sleep(Duration::from_secs(4)).await;
    form::heal(&world, HEALING).await?;
    moving::finish(&world).await;
    invariants::equal::check(&world).await;
    if invariants::lag::check(&world).await {
        invariants::equal::check(&world).await;
    }
    invariants::memory::check(&world).await;
    // Saves of documents may still have been written.
    form::heal(&world, HEALING).await?;
    world.enter(Stage::Showing);
    while world.machines.iter().any(|machine| machine.shown.borrow().is_none()) {
        sleep(Duration::from_millis(20)).await;
    }
    invariants::check(&world).await;
    debug_assert!(world.machines.len() == NODES);
    Ok(())
}
