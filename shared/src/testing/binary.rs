//! Where our binaries are: beside the test that runs.

use std::path::PathBuf;

/// The node, of crate `cluster`.
pub const NODE: &str = "rustidocs-node";

/// The document service, of crate `doc-service`.
pub const SERVER: &str = "rustidocs-server";

/// The window, of crate `desktop-client`.
pub const DESKTOP: &str = "rustidocs";

/// The path of one of our binaries, built in the same profile as the running test.
pub fn ours(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    // target/PROFILE/deps/test-HASH
    let profile = test.parent().and_then(|deps| deps.parent()).expect("the folder of the profile");
    let path = profile.join(name);
    let package = match name {
        NODE => "cluster",
        SERVER => "doc-service",
        _ => "desktop-client",
    };
    assert!(path.exists(), "{} is missing: cargo build -p {package}", path.display());
    path
}

/// The path of an installed program, as `redis-server`.
pub fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("{name} is not installed: cargo xtask test installs it"))
}
