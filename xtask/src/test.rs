//! Every test.

use std::process::Command;

use crate::Outcome;
use crate::child::finish;
use crate::repository::root;
use crate::setup;
use crate::sim;

/// Installs what tests need, builds everything once, runs all tests and the simulation's first seeds, or the tests that match the filters.
pub(crate) fn test(filters: &[String]) -> Outcome {
    setup::packages(setup::Purpose::Test)?;
    setup::nextest()?;
    setup::node_packages()?;
    // Tests of one crate start the programs of others, which the test runner alone would not build.
    let mut build = Command::new("cargo");
    build.args(["build", "--workspace", "--all-targets", "--locked"]).current_dir(root());
    finish(build)?;
    let mut nextest = Command::new("cargo");
    nextest.args(["nextest", "run", "--workspace", "--locked"]).args(filters).current_dir(root());
    finish(nextest)?;
    if filters.is_empty() { model().and_then(|()| sim::test()) } else { Ok(()) }
}

/// The model of failover: a workspace of its own, and millions of states, so optimised.
fn model() -> Outcome {
    let mut model = Command::new("cargo");
    model.args(["test", "--release", "--locked", "--manifest-path", "sim/Cargo.toml"]);
    model.args(["--package", "failover-model"]).current_dir(root());
    finish(model)
}
