//! What tests need to run real servers (feature `testing`, never in a release build).
//!
//! Everything here panics with a clear message instead of returning errors, is blocking unless it says otherwise, and cleans
//! up after itself when dropped: processes are killed, folders removed.
//!
//! ```no_run
//! use shared::testing::{Cluster, wait};
//!
//! let cluster = Cluster::redis(3, 0);                  // three primaries of the installed redis-server
//! let mut ours = Cluster::ours(3, 0);                  // three of our nodes (binary rustidocs-node)
//! let mut wire = cluster.node(0).wire();               // a blocking RESP connection
//! assert_eq!(wire.call(&["PING"]).as_str(), Some("PONG"));
//! ours.node_mut(1).kill();                             // SIGKILL
//! ours.node_mut(1).start();
//! ours.wait_ok();
//! wait::until("the key is there", || wire.call(&["EXISTS", "k"]).as_int() == Some(1));
//! ```
//!
//! # Layout
//!
//! - [`wait`]: polling with a deadline. - [`ports`]: free ports. - [`folder`]: temporary folders.
//! - [`process`]: a child process with its log. - [`binary`]: where our binaries are. - [`wire`]: a blocking RESP connection.
//! - [`node`]: one server. - [`cluster`]: several. - [`service`]: the document service. - [`npm`]: packages of node.
//! - [`laws`]: what must hold for RESP whatever the bytes. - `document_laws` (feature `document`): the same for documents.

// A test helper that cannot go on says so and ends the test.
#![allow(clippy::expect_used, clippy::panic)]

pub mod binary;
pub mod cluster;
#[cfg(feature = "document")]
pub mod document_laws;
pub mod folder;
pub mod laws;
pub mod node;
pub mod npm;
pub mod ports;
pub mod process;
pub mod service;
pub mod wait;
pub mod wire;

pub use cluster::Cluster;
pub use folder::TempFolder;
pub use node::Node;
pub use process::Process;
pub use service::Service;
pub use wire::Wire;
