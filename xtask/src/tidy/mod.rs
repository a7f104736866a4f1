//! Rules that neither compiler nor clippy know.
//!
//! # Layout
//!
//! - [`crates`]: who may import whom, and that versions stand in one list.
//! - [`sources`]: module docs, file sizes, and names that belong to the runtime façade alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::repository::root;

mod crates;
mod sources;

/// Checks every rule and prints what breaks one.
pub(crate) fn tidy() -> Outcome {
    let mut faults = Vec::new();
    crates::check(&root(), &mut faults)?;
    for path in rust_files(&root())? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        sources::check(&name, &text, &mut faults);
    }
    match faults.len() {
        0 => {
            println!("tidy: every rule holds");
            Ok(())
        }
        count => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            Err(format!("{count} places break a rule of tidy"))
        }
    }
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                let skipped = ["target", "node_modules"].iter().any(|skip| name == *skip);
                if !skipped && !name.to_string_lossy().starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
