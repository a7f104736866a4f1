//! What a document costs: replays a text that people really typed.
//!
//!     gzip -dc TRACE.json.gz | cargo run -p shared --features document --example replay -- STEP [TIMES]
//!
//! A trace is JSON of <https://github.com/josephg/editing-traces>. It is typed TIMES times, so a short trace makes a long document.
//! Without a trace (`< /dev/null`) one is made up from a seed, which is printed; SEED in the environment makes it again.
//! STEP is what is done with the edits, each one update: `bare` (yrs alone), `live` (the guarded document), `news` (and what was new
//! as an update), `window` (a text with its visible letters), `load` (a window from a snapshot), `loadbare` (yrs alone from one), `snapshot`, `crowd` (the dearest update that the guard takes). Times are printed; under
//! `perf stat -e instructions:u` the difference between two steps says more on a busy machine.

use std::io::Read as _;
use std::time::Instant;

use shared::document::{Document, Kind, TextDocument};
use yrs::updates::decoder::Decode;
use yrs::{Text, Transact};

/// Rounds of what takes one call.
const ROUNDS: usize = 20;

#[derive(serde::Deserialize)]
struct Trace {
    txns: Vec<Typed>,
}

#[derive(serde::Deserialize)]
struct Typed {
    patches: Vec<(u32, u32, String)>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let step = args.next().unwrap_or_else(|| "live".to_owned());
    let times: usize = args.next().map_or(Ok(1), |times| times.parse())?;
    let mut json = String::new();
    std::io::stdin().read_to_string(&mut json)?;
    if step == "crowd" {
        return crowd();
    }
    let trace = if json.is_empty() { made_up() } else { serde_json::from_str(&json)? };
    let updates = edits(&trace, times);
    println!("{} edits, {} bytes", updates.len(), updates.iter().map(Vec::len).sum::<usize>());
    let before = resident_kib();
    let started = Instant::now();
    let calls = run(&step, &updates)?;
    let took = started.elapsed();
    println!("{step}: {} calls, {:.2} µs each", calls, took.as_secs_f64() * 1e6 / calls.max(1) as f64);
    println!("memory: {before} KiB before, {} KiB at most", peak_kib());
    Ok(())
}

/// A person who types words, goes elsewhere now and then, and takes letters back.
fn made_up() -> Trace {
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64);
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock);
    println!("SEED={seed}");
    let mut state = seed | 1;
    let mut random = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % u64::from(below.max(1))) as u32
    };
    let (mut length, mut at) = (0, 0);
    let typed = (0..100_000).map(|_| {
        if random(30) == 0 {
            at = random(length + 1);
        }
        if random(10) == 0 && at > 0 {
            (at, length) = (at - 1, length - 1);
            return Typed { patches: vec![(at, 1, String::new())] };
        }
        (at, length) = (at + 1, length + 1);
        let letter = char::from(b'a' + random(26) as u8);
        Typed { patches: vec![(at - 1, 0, letter.to_string())] }
    });
    Trace { txns: typed.collect() }
}

/// Two people insert at the start of a text again and again without seeing each other; how long the second one's edits take, and
/// how many the guard still takes in one update.
fn crowd() -> Result<(), Box<dyn std::error::Error>> {
    for edits in [500, 1_000, 2_000, 3_000, 4_000] {
        let [ana, ben] = [1, 2].map(|client| {
            let doc = yrs::Doc::with_client_id(client);
            let content = doc.get_or_insert_text("content");
            for _ in 0..edits {
                content.insert(&mut doc.transact_mut(), 0, "x");
            }
            let all = yrs::StateVector::default();
            yrs::ReadTxn::encode_state_as_update_v1(&doc.transact(), &all)
        });
        let mut document = Document::new(Kind::Text, 3);
        document.apply(&ana)?;
        let started = Instant::now();
        let taken = document.apply(&ben);
        println!("{edits} edits: {:.1} ms, {taken:?}", started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

fn resident_kib() -> String {
    status("VmRSS:")
}

fn peak_kib() -> String {
    status("VmHWM:")
}

/// A line of `/proc/self/status`.
fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
    line.trim().trim_end_matches(" kB").to_owned()
}

/// The updates of a client of unmodified yrs that types the trace again and again, each time at the start.
fn edits(trace: &Trace, times: usize) -> Vec<Vec<u8>> {
    let doc = yrs::Doc::with_client_id(1);
    let content = doc.get_or_insert_text("content");
    let mut updates = Vec::new();
    for typed in (0..times).flat_map(|_| &trace.txns) {
        let mut txn = doc.transact_mut();
        for (at, deleted, inserted) in &typed.patches {
            if *deleted > 0 {
                content.remove_range(&mut txn, *at, *deleted);
            }
            if !inserted.is_empty() {
                content.insert(&mut txn, *at, inserted);
            }
        }
        updates.push(txn.encode_update_v1());
    }
    updates
}

fn run(step: &str, updates: &[Vec<u8>]) -> Result<usize, Box<dyn std::error::Error>> {
    let mut document = Document::new(Kind::Text, 2);
    match step {
        "none" => return Ok(0),
        "bare" => {
            let doc = yrs::Doc::new();
            for update in updates {
                doc.transact_mut().apply_update(yrs::Update::decode_v1(update)?)?;
            }
            return Ok(updates.len());
        }
        "news" => {
            for update in updates {
                document.apply_for_news(update)?;
            }
            return Ok(updates.len());
        }
        "window" => {
            let mut text = TextDocument::of(document)?;
            for update in updates {
                text.apply(&[update]);
            }
            return Ok(updates.len());
        }
        _ => {}
    }
    for update in updates {
        document.apply(update)?;
    }
    let snapshot = document.snapshot()?;
    println!("snapshot of {} bytes", snapshot.len());
    let started = Instant::now();
    for _ in 0..ROUNDS {
        match step {
            "live" => return Ok(updates.len()),
            "load" => drop(TextDocument::load(3, &snapshot)?),
            "loadbare" => {
                let doc = yrs::Doc::new();
                doc.transact_mut().apply_update(yrs::Update::decode_v1(&snapshot)?)?;
            }
            "snapshot" => drop(document.snapshot()?),
            other => return Err(format!("no such step: {other}").into()),
        }
    }
    println!("{:.2} ms each of {ROUNDS}", started.elapsed().as_secs_f64() * 1e3 / ROUNDS as f64);
    Ok(ROUNDS)
}
