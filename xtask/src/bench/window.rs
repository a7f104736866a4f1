//! A sheet's frames and opening a long document.

use std::process::Command;

use super::report::{Goal, Row, Section, figure};
use crate::repository::built;

/// Every table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let scroll = window("scroll")?;
    let open = window("open")?;
    let rows = vec![
        Row {
            what: "a frame of a sheet of 10,000 × 200 cells that is scrolled, p95".into(),
            ours: format!("p50 {} ms, p95 {} ms", figure(&scroll, "p50")?, figure(&scroll, "p95")?),
            peer: String::new(),
            figure: figure(&scroll, "p95")?,
            goal: Goal::AtMost(8.0),
        },
        Row {
            what: "opening a document of 260,000 edits, until it is drawn".into(),
            ours: format!("{} ms", figure(&open, "median")?),
            peer: String::new(),
            figure: figure(&open, "median")?,
            goal: Goal::AtMost(300.0),
        },
    ];
    Ok(vec![Section {
        title: "The window".into(),
        how: "Under Xvfb with `GSK_RENDERER=cairo`, 1280 × 800, `cargo run --release -p desktop-client --example frames -- scroll` and `-- open`."
            .into(),
        rows,
    }])
}

fn window(what: &str) -> Result<String, String> {
    let output = Command::new("xvfb-run")
        .args(["--auto-servernum", "--server-args=-screen 0 1280x800x24", "dbus-run-session", "--"])
        .arg(built("release").join("examples/frames"))
        .arg(what)
        .env("GSK_RENDERER", "cairo")
        .output()
        .map_err(|error| format!("xvfb-run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
