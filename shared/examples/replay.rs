//! What a document costs: replays a text that people really typed.
//!
//!     gzip -dc TRACE.json.gz | cargo run -p shared --features document --example replay -- STEP [TIMES]
//!
//! A trace is JSON of <https://github.com/josephg/editing-traces>. It is typed TIMES times, so a short trace makes a long document.
//! STEP is what is done with the edits, each one update: `bare` (yrs alone), `live` (the guarded document), `news` (and what was new
//! as an update), `window` (a text with its visible letters), `load` (a window from a snapshot), `snapshot`. Times are printed; under
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
    let updates = edits(&serde_json::from_str(&json)?, times);
    println!("{} edits, {} bytes", updates.len(), updates.iter().map(Vec::len).sum::<usize>());
    let started = Instant::now();
    let calls = run(&step, &updates)?;
    let took = started.elapsed();
    println!("{step}: {} calls, {:.2} µs each", calls, took.as_secs_f64() * 1e6 / calls.max(1) as f64);
    Ok(())
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
            "snapshot" => drop(document.snapshot()?),
            other => return Err(format!("no such step: {other}").into()),
        }
    }
    println!("{:.2} ms each of {ROUNDS}", started.elapsed().as_secs_f64() * 1e3 / ROUNDS as f64);
    Ok(ROUNDS)
}
