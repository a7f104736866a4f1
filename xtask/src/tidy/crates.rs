//! Who may import whom, and that versions stand in one list.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The table of ARCHITECTURE.md: a crate, and which of ours it may depend on.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("persistence", &["shared"]),
    ("cluster", &["shared", "persistence"]),
    ("doc-service", &["shared"]),
    ("desktop-client", &["shared"]),
    ("xtask", &[]),
];

/// Crates that are built where there is no window system.
const WINDOWLESS: [&str; 4] = ["shared", "persistence", "cluster", "doc-service"];

/// Crates that need a window system's libraries begin so.
const WINDOW_LIBRARIES: [&str; 6] = ["adw", "gdk", "gtk", "libadwaita", "relm4", "sourceview"];

/// Checks the manifest of every crate, and what it pulls in.
pub(super) fn check(root: &Path, faults: &mut Vec<String>) -> Result<(), String> {
    for (name, allowed) in MAY_IMPORT {
        let path = root.join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        check_manifest(name, allowed, &manifest, faults);
    }
    for name in WINDOWLESS {
        check_tree(name, &tree(root, name)?, faults);
    }
    Ok(())
}

/// Every crate that this one of ours is built with, a line each.
fn tree(root: &Path, name: &str) -> Result<String, String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["tree", "--locked", "--package", name, "--edges", "normal,build", "--prefix", "none"]);
    let output = cargo.current_dir(root).output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check_tree(name: &str, tree: &str, faults: &mut Vec<String>) {
    let needs_window = |line: &&str| WINDOW_LIBRARIES.iter().any(|library| line.starts_with(library));
    if let Some(library) = tree.lines().find(needs_window) {
        faults.push(format!(
            "{name}/Cargo.toml: {name} is built without a window system, but pulls in {library}"
        ));
    }
}

fn check_manifest(name: &str, allowed: &[&str], manifest: &str, faults: &mut Vec<String>) {
    let mut section = "";
    for (number, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
            continue;
        }
        let Some((dependency, value)) = line.split_once('=') else { continue };
        if !section.contains("dependencies") || line.starts_with('#') {
            continue;
        }
        let dependency = dependency.trim().trim_end_matches(".workspace");
        let place = format!("{name}/Cargo.toml:{}", number + 1);
        let ours = MAY_IMPORT.iter().any(|(known, _)| *known == dependency);
        if ours && dependency != name && !allowed.contains(&dependency) {
            faults.push(format!("{place}: {name} may not import {dependency}"));
        }
        if !line.contains(".workspace") && !value.contains("workspace = true") {
            faults.push(format!("{place}: the version of {dependency} belongs in the workspace's list"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, allowed: &[&str], manifest: &str) -> Vec<String> {
        let mut faults = Vec::new();
        check_manifest(name, allowed, manifest, &mut faults);
        faults
    }

    #[test]
    fn a_window_library_in_a_server_is_a_fault_wherever_it_comes_from() {
        let mut faults = Vec::new();
        check_tree("cluster", "cluster v0.1.0\nbytes v1.10.0\n", &mut faults);
        assert_eq!(faults.len(), 0);
        check_tree("cluster", "cluster v0.1.0\npretty v1.0.0\ngtk4 v0.11.5\n", &mut faults);
        assert_eq!(faults.len(), 1);
    }

    #[test]
    fn a_forbidden_import_and_a_version_of_its_own_are_faults() {
        assert!(faults("cluster", &["shared"], "[dependencies]\nshared = { workspace = true }\n").is_empty());
        assert_eq!(faults("doc-service", &["shared"], "[dependencies]\ncluster.workspace = true\n").len(), 1);
        assert_eq!(faults("shared", &[], "[dev-dependencies]\nbytes = \"1\"\n").len(), 1);
    }
}
