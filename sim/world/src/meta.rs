//! The same seed twice, each in a process of its own: what happened must be the same, byte by byte.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Runs the seed twice and compares the records.
pub(crate) fn compare(seed: u64) -> ExitCode {
    match differs(seed) {
        Ok(None) => {
            println!("seed {seed}: both runs are the same");
            ExitCode::SUCCESS
        }
        Ok(Some(where_)) => {
            println!("seed {seed}: the runs differ: {where_}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("seed {seed}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn differs(seed: u64) -> std::io::Result<Option<String>> {
    let folder = std::env::temp_dir();
    let paths: Vec<PathBuf> =
        (1..=2).map(|run| folder.join(format!("sim-{}-{seed}-{run}.trace", std::process::id()))).collect();
    let mut texts = Vec::new();
    for path in &paths {
        let program = std::env::current_exe()?;
        Command::new(program).args(["run", "--seed", &seed.to_string(), "--trace"]).arg(path).output()?;
        texts.push(std::fs::read_to_string(path)?);
    }
    if texts[0] == texts[1] {
        for path in &paths {
            std::fs::remove_file(path)?;
        }
        return Ok(None);
    }
    let place = texts[0].lines().zip(texts[1].lines()).enumerate().find(|(_, (a, b))| a != b);
    Ok(Some(match place {
        Some((line, (a, b))) => format!("line {}:\n  {a}\n  {b}\nrecords: {paths:?}", line + 1),
        None => format!("one record is longer: {paths:?}"),
    }))
}
