//! `nodes.conf` on disk: replaced whole.

use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use shared::rt::fs;

use super::{BadNodesConf, parse};
use crate::topology::Topology;

/// Why there is no cluster to be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is damaged.
    #[error("{path} is damaged: {source}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: BadNodesConf,
    },
}

/// What the file tells; `None` if there is none, or an empty one as an interrupted first start of Redis leaves.
///
/// # Errors
/// A file that is there but cannot be read or understood: a node that forgot its name and slots must not join under another.
pub fn load(path: &Path) -> Result<Option<Topology>, LoadError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Read { path: path.to_owned(), source }),
    };
    if text.is_empty() {
        return Ok(None);
    }
    parse(&text).map(Some).map_err(|source| LoadError::Damaged { path: path.to_owned(), source })
}

/// Replaces the file by this text: after a crash it holds the old text or the new one, and once this returns, the new one.
///
/// # Errors
/// What the system says; the old file then still stands.
pub fn store(path: &Path, text: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::sync_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::describe::WallClock;
    use crate::topology::nodes_conf::render;
    use crate::topology::tests::three_nodes;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("nodes-conf-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_stored_file_is_loaded_and_a_missing_one_is_none() {
        let folder = folder("stored");
        let path = folder.join("nodes.conf");
        assert!(load(&path).unwrap().is_none());
        let text = render(&three_nodes(), WallClock { started_unix_ms: 0 });
        store(&path, "old").unwrap();
        store(&path, &text).unwrap();
        assert_eq!(load(&path).unwrap().unwrap().len(), 3);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = folder("damaged");
        let path = folder.join("nodes.conf");
        store(&path, "nonsense").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("nodes.conf is damaged: line 1"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
