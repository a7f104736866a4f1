//! Rows with their goals, as Markdown.

use std::fmt::Write as _;
use std::fs;

use crate::Outcome;
use crate::repository::root;

/// What a figure must be.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn reached(self, figure: f64) -> bool {
        match self {
            Goal::AtLeast(bound) => figure >= bound,
            Goal::AtMost(bound) => figure <= bound,
        }
    }

    fn words(self) -> String {
        match self {
            Goal::AtLeast(bound) => format!("≥ {bound}"),
            Goal::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

/// One measured figure.
pub(super) struct Row {
    /// What was measured.
    pub(super) what: String,
    /// Ours, with its unit.
    pub(super) ours: String,
    /// The peer's, with its unit; empty without a peer.
    pub(super) peer: String,
    /// The figure that has a goal: a ratio ours / peer, or ours.
    pub(super) figure: f64,
    /// What it must be.
    pub(super) goal: Goal,
}

/// A table with its heading and how it was measured.
pub(super) struct Section {
    pub(super) title: String,
    pub(super) how: String,
    pub(super) rows: Vec<Row>,
}

/// Prints the sections, and replaces those of the same title in `docs/BENCHMARKS.md`.
pub(super) fn publish(sections: &[Section]) -> Outcome {
    let path = root().join("docs/BENCHMARKS.md");
    let mut parts = read_parts(&fs::read_to_string(&path).unwrap_or_default());
    for section in sections {
        let text = markdown(section);
        println!("{text}");
        match parts.iter_mut().find(|(title, _)| *title == section.title) {
            Some((_, old)) => *old = text,
            None => parts.push((section.title.clone(), text)),
        }
    }
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench [node] [documents] [window] [failover] [losses] [moving] [publish]`; a part that is measured again replaces its tables.\n\
         Ratios are ours / peer, the median of rounds measured in turn on one machine.\n",
    );
    for (_, text) in &parts {
        let _ = write!(page, "\n{text}");
    }
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

fn read_parts(page: &str) -> Vec<(String, String)> {
    page.split("\n## ")
        .skip(1)
        .map(|part| {
            let title = part.lines().next().unwrap_or_default().to_owned();
            (title, format!("## {}\n", part.trim_end()))
        })
        .collect()
}

fn markdown(section: &Section) -> String {
    let mut text = format!(
        "## {}\n\n{}\n\nMachine: {}.\n\n| | ours | peer | figure | goal | |\n|---|---|---|---|---|---|\n",
        section.title,
        section.how,
        machine()
    );
    for row in &section.rows {
        let verdict = if row.goal.reached(row.figure) { "reached" } else { "**missed**" };
        let figure =
            if row.figure >= 100.0 { format!("{:.0}", row.figure) } else { format!("{:.2}", row.figure) };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {figure} | {} | {verdict} |",
            row.what,
            row.ours,
            row.peer,
            row.goal.words()
        );
    }
    text
}

fn machine() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        information.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} cores of {}, Linux {}", cores, model.trim_start_matches([' ', '\t', ':']), kernel.trim())
}

/// A number by its name in what a load generator printed as JSON.
pub(super) fn figure(json: &str, name: &str) -> Result<f64, String> {
    let missing = || format!("no figure {name:?} in: {json}");
    let (_, rest) = json.split_once(&format!("\"{name}\":")).ok_or_else(missing)?;
    let end = rest.find([',', '}', '\n']).unwrap_or(rest.len());
    rest[..end].trim().parse().map_err(|_| missing())
}

/// The middle of some figures.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_name() {
        let json = r#"{"clients":50,"latency_ms":{"p50": 1.25,"p99":7}}"#;
        assert_eq!((figure(json, "p50"), figure(json, "p99")), (Ok(1.25), Ok(7.0)));
        assert!(figure(json, "p95").is_err());
    }

    #[test]
    fn a_section_measured_again_replaces_the_old_one() {
        let page = "# Benchmarks\n\nhow\n\n## A\n\nold a\n\n## B\n\nold b\n";
        let parts = read_parts(page);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], ("A".into(), "## A\n\nold a\n".into()));
    }
}
