//! System packages, the test runner, node packages: installs what is missing on Debian 12.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::child::finish;
use crate::repository::root;

/// What the packages are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and running.
    Run,
    /// Running every test too.
    Test,
}

/// To build the workspace.
const BUILD_PACKAGES: &[&str] = &[
    "build-essential",
    "gettext",
    "libadwaita-1-dev",
    "libglib2.0-dev-bin",
    "libgtk-4-dev",
    "libgtksourceview-5-dev",
    "pkg-config",
];

/// To show the window.
const WINDOW_PACKAGES: &[&str] = &["adwaita-icon-theme", "fonts-dejavu-core"];

/// To run the tests: a display, accessibility, networks that can be cut, and the programs of others that we must work with.
const TEST_PACKAGES: &[&str] = &[
    "at-spi2-core",
    "dbus-x11",
    "gir1.2-atspi-2.0",
    "imagemagick",
    "iproute2",
    "python3",
    "python3-gi",
    "python3-redis",
    "redis-server",
    "redis-tools",
    "x11-utils",
    "xauth",
    "xdotool",
    "xvfb",
];

/// The test runner and the version that was tested with.
const NEXTEST: (&str, &str) = ("cargo-nextest", "0.9.143");

/// Installs the system packages that are missing.
pub(crate) fn packages(purpose: Purpose) -> Outcome {
    let mut wanted: Vec<&str> = [BUILD_PACKAGES, WINDOW_PACKAGES].concat();
    if purpose == Purpose::Test {
        wanted.extend(TEST_PACKAGES);
        // Whoever has a newer node than Debian's keeps it.
        for program in ["node", "npm"] {
            if !on_path(program) {
                wanted.push(if program == "node" { "nodejs" } else { "npm" });
            }
        }
    }
    let missing: Vec<&str> = wanted.into_iter().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !on_path("apt-get") {
        return Err(format!(
            "this is no Debian; please install what these packages hold: {}",
            missing.join(" ")
        ));
    }
    println!("xtask: installing {}", missing.join(" "));
    finish(as_root("apt-get", &["update", "--quiet"]))?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(&missing);
    finish(as_root("apt-get", &arguments))
}

/// Installs the test runner where it is missing.
pub(crate) fn nextest() -> Outcome {
    if on_path(NEXTEST.0) || cargo_home().join("bin").join(NEXTEST.0).exists() {
        return Ok(());
    }
    println!("xtask: installing {} {}", NEXTEST.0, NEXTEST.1);
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "--locked", "--quiet", NEXTEST.0, "--version", NEXTEST.1]);
    finish(cargo)
}

/// Installs the node packages of every folder of tests that has a lock file.
pub(crate) fn node_packages() -> Outcome {
    for folder in ["cluster/tests/ioredis", "doc-service/tests/node"] {
        let folder = root().join(folder);
        if !folder.join("package-lock.json").exists() || fresh(&folder) {
            continue;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
        finish(npm)?;
    }
    Ok(())
}

/// Whether the installed node packages are at least as new as their lock file.
fn fresh(folder: &Path) -> bool {
    let modified = |path: PathBuf| path.metadata().and_then(|m| m.modified()).ok();
    match (
        modified(folder.join("node_modules/.package-lock.json")),
        modified(folder.join("package-lock.json")),
    ) {
        (Some(installed), Some(locked)) => installed >= locked,
        _ => false,
    }
}

fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cargo"))
}

/// The command by root, or by sudo for others; never asking a question.
fn as_root(program: &str, arguments: &[&str]) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--preserve-env=DEBIAN_FRONTEND", program]);
        sudo
    };
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
