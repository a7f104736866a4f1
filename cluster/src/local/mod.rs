//! `rustidocs-node local --nodes 3 --port 7000 --dir D [--NAME VALUE]…`: several nodes in one process that form a cluster by
//! themselves. Node number `i` listens on port `P + i` and keeps its files in `D/PORT`. From six nodes on half are replicas.
//!
//! - [`arguments`]: what is typed; [`form`]: how the nodes become a cluster.

pub mod arguments;
pub mod form;

use crate::node::{Node, NodeError};

pub use arguments::Arguments;

/// Starts all nodes; if one does not start, none stays.
///
/// # Errors
/// Why the first one that failed did.
pub fn start(arguments: &Arguments) -> Result<Vec<Node>, NodeError> {
    let mut nodes = Vec::new();
    for settings in &arguments.settings {
        nodes.push(Node::start(settings.clone())?);
    }
    Ok(nodes)
}
