//! Names of files and folders.

use std::path::{Path, PathBuf};

use shared::limits::RANGES;

/// The directory of a store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Layout {
        Layout { dir: dir.to_path_buf() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Locked by the process that has the store open.
    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// Written last when a store is made.
    pub(crate) fn format(&self) -> PathBuf {
        self.dir.join("format")
    }

    /// Who wrote the logs.
    pub(crate) fn history(&self) -> PathBuf {
        self.dir.join("history")
    }

    /// What is durable there only.
    pub(crate) fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    pub(crate) fn journal_new(&self) -> PathBuf {
        self.dir.join("journal.new")
    }

    /// The name of the store.
    pub(crate) fn id(&self) -> PathBuf {
        self.dir.join("id")
    }

    pub(crate) fn range(&self, range: usize) -> RangeFolder {
        debug_assert!(range < RANGES);
        RangeFolder { path: self.dir.join(format!("range-{range:02}")), range }
    }
}

/// The folder of one range.
#[derive(Debug, Clone)]
pub(crate) struct RangeFolder {
    pub(crate) path: PathBuf,
    pub(crate) range: usize,
}

impl RangeFolder {
    pub(crate) fn manifest(&self) -> PathBuf {
        self.path.join("manifest")
    }

    pub(crate) fn manifest_new(&self) -> PathBuf {
        self.path.join("manifest.new")
    }

    pub(crate) fn base(&self, number: u64) -> PathBuf {
        self.path.join(format!("base.{number}"))
    }

    pub(crate) fn log(&self, number: u64) -> PathBuf {
        self.path.join(format!("log.{number}"))
    }
}

/// What a name in the folder of a range stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Manifest,
    ManifestNew,
    Base(u64),
    Log(u64),
    /// Not ours: left alone.
    Foreign,
}

impl Named {
    pub(crate) fn of(name: &str) -> Named {
        match name.split_once('.') {
            None if name == "manifest" => Named::Manifest,
            Some(("manifest", "new")) => Named::ManifestNew,
            Some(("base", number)) => canonical(number).map_or(Named::Foreign, Named::Base),
            Some(("log", number)) => canonical(number).map_or(Named::Foreign, Named::Log),
            _ => Named::Foreign,
        }
    }
}

/// A decimal number as it would be printed: digits only, no leading zeros.
pub(crate) fn canonical(text: &str) -> Option<u64> {
    let number = text.parse().ok()?;
    (u64::to_string(&number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_range_are_told_from_foreign_ones() {
        let folder = Layout::new(Path::new("/d")).range(3);
        assert_eq!(folder.log(7), Path::new("/d/range-03/log.7"));
        for (name, named) in [
            ("manifest", Named::Manifest),
            ("manifest.new", Named::ManifestNew),
            ("base.0", Named::Base(0)),
            ("log.12", Named::Log(12)),
            ("log.012", Named::Foreign),
            ("log.+1", Named::Foreign),
            ("log.", Named::Foreign),
            ("log.7.bak", Named::Foreign),
            ("notes", Named::Foreign),
        ] {
            assert_eq!(Named::of(name), named, "{name}");
        }
    }
}
