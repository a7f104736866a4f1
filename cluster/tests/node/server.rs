//! One node without cluster mode, in a folder of its own.

use shared::testing::node::Program;
use shared::testing::{Node, TempFolder};

use crate::raw::Raw;

/// One node without cluster mode, in a folder of its own.
pub(crate) struct Server {
    pub(crate) node: Node,
    _folder: TempFolder,
}

impl Server {
    /// Starts a node; it keeps nothing on disk unless the options say so.
    pub(crate) fn start(options: &[&str]) -> Server {
        let folder = TempFolder::new("server");
        let node = Node::start_in(Program::Ours, folder.path(), options);
        Server { node, _folder: folder }
    }

    /// A connection, RESP2.
    pub(crate) fn connect(&self) -> Raw {
        Raw::connect(self.node.port(), false)
    }

    /// What INFO says of a field.
    pub(crate) fn info(&self, section: &str, field: &str) -> String {
        let info = self.connect().call(&["INFO", section]);
        let text = String::from_utf8_lossy(&info.text).into_owned();
        let value =
            text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned));
        value.unwrap_or_else(|| panic!("{field} in {text}"))
    }

    /// A number that INFO tells.
    pub(crate) fn number(&self, section: &str, field: &str) -> u64 {
        self.info(section, field).parse().expect("a number")
    }
}
