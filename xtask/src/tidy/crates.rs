//! Who may import whom, and that versions stand in one list.

use std::fs;
use std::path::Path;

/// The table of ARCHITECTURE.md: a crate, and which of ours it may depend on.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("persistence", &["shared"]),
    ("cluster", &["shared", "persistence"]),
    ("doc-service", &["shared"]),
    ("desktop-client", &["shared"]),
    ("xtask", &[]),
];

/// Checks the manifest of every crate.
pub(super) fn check(root: &Path, faults: &mut Vec<String>) -> Result<(), String> {
    for (name, allowed) in MAY_IMPORT {
        let path = root.join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        check_manifest(name, allowed, &manifest, faults);
    }
    Ok(())
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
    fn a_forbidden_import_and_a_version_of_its_own_are_faults() {
        assert!(faults("cluster", &["shared"], "[dependencies]\nshared = { workspace = true }\n").is_empty());
        assert_eq!(faults("doc-service", &["shared"], "[dependencies]\ncluster.workspace = true\n").len(), 1);
        assert_eq!(faults("shared", &[], "[dev-dependencies]\nbytes = \"1\"\n").len(), 1);
    }
}
