//! Module docs, file sizes, and names that belong to the runtime façade alone.

/// A file longer than this has two jobs, lines.
const FILE_LINES_MAX: usize = 600;

/// What only `shared::rt` may name: else a simulation could not swap it.
const FACADE_ONLY: &[&str] = &[
    "tokio::net",
    "tokio::fs",
    "std::fs",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "SystemTime",
    "std::time::Instant",
    "getrandom::",
];

/// Folders under the rule above.
const UNDER_FACADE: &[&str] =
    &["shared/src/", "persistence/src/", "cluster/src/", "doc-service/src/", "desktop-client/src/session/"];

/// Names that stand for a defect wherever they are, and why.
const NOWHERE: &[(&str, &str)] = &[
    ("#[ignore", "a test that does not run is no test"),
    ("unbounded_channel", "every queue has a bound"),
    ("mpsc::channel::<()>()", "every queue has a bound"),
];

/// Checks one file, named by its path in the repository.
pub(super) fn check(name: &str, text: &str, faults: &mut Vec<String>) {
    if name.starts_with("xtask/src/tidy/") {
        return; // the rules name what they forbid
    }
    if !text.starts_with("//!") {
        faults.push(format!("{name}:1: a file opens with what it is for (`//!`)"));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!("{name}: {lines} lines; a file of more than {FILE_LINES_MAX} has two jobs"));
    }
    let product = product_lines(text);
    for (number, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", number + 1);
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (word, why) in NOWHERE {
            if line.contains(word) {
                faults.push(format!("{place}: {word}: {why}"));
            }
        }
        if number < product && under_facade(name) {
            for word in FACADE_ONLY.iter().filter(|word| line.contains(**word)) {
                faults.push(format!("{place}: only shared::rt names {word}"));
            }
        }
        let gtk = ["gtk::", "relm4", "sourceview5", "adw::"].iter().any(|word| line.contains(word));
        if name.starts_with("desktop-client/src/session/") && gtk {
            faults.push(format!("{place}: session knows no gtk"));
        }
    }
}

fn under_facade(name: &str) -> bool {
    let test = name.ends_with("_test.rs") || name.ends_with("/tests.rs") || name.contains("/testing");
    !test && !name.starts_with("shared/src/rt/") && UNDER_FACADE.iter().any(|folder| name.starts_with(folder))
}

/// How many lines stand before the file's tests.
fn product_lines(text: &str) -> usize {
    text.lines().position(|line| line.starts_with("#[cfg(test)]")).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> usize {
        let mut faults = Vec::new();
        check(name, text, &mut faults);
        faults.len()
    }

    #[test]
    fn a_file_without_docs_or_with_two_jobs_is_a_fault() {
        assert_eq!(faults("cluster/src/a.rs", "//! What it is for.\n"), 0);
        assert_eq!(faults("cluster/src/a.rs", "fn main() {}\n"), 1);
        assert_eq!(faults("cluster/src/a.rs", &"//! x\n".repeat(FILE_LINES_MAX + 1)), 1);
    }

    #[test]
    fn the_facade_alone_names_sockets_and_files_outside_of_tests() {
        assert_eq!(faults("cluster/src/a.rs", "//! x\nuse std::fs::File;\n"), 1);
        assert_eq!(faults("shared/src/rt/fs.rs", "//! x\nuse std::fs::File;\n"), 0);
        assert_eq!(faults("cluster/src/a.rs", "//! x\n#[cfg(test)]\nmod tests { use std::fs; }\n"), 0);
        assert_eq!(faults("desktop-client/src/session/a.rs", "//! x\nuse relm4::gtk;\n"), 1);
    }
}
