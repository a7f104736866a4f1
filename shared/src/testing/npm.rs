//! Packages of node that tests run.

use std::path::Path;
use std::process::Command;

use crate::rt::fs::File;

/// Installs what the lock file in a folder names, unless it is there.
pub fn install(folder: &Path) {
    let done = folder.join("node_modules/.package-lock.json");
    if done.exists() {
        return;
    }
    // Tests run as parallel processes: one installs, the others wait for it.
    let lock = File::create(folder.join(".install.lock")).expect("a lock");
    lock.lock().expect("a lock");
    if !done.exists() {
        let installed = Command::new("npm").args(["ci", "--silent"]).current_dir(folder).status();
        assert!(installed.expect("npm is installed").success(), "npm ci in {}", folder.display());
    }
}
