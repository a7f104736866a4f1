//! An unmodified y-websocket client in node, driven line by line (`tests/node/client.mjs`).

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use shared::testing::{npm, wait};

/// A node process with one Yjs document and its provider.
pub(crate) struct Yjs {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Yjs {
    /// Starts the process; the provider is not connected yet.
    pub(crate) fn start(address: &str, room: &str) -> Yjs {
        let folder = node_folder();
        let mut child = Command::new("node")
            .arg("client.mjs")
            .arg(format!("ws://{address}/ws"))
            .arg(room)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed (apt-get install nodejs, or cargo xtask setup)");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Yjs { child, requests, answers }
    }

    /// Starts the process, connects, and waits until it is synced.
    pub(crate) fn join(address: &str, room: &str) -> Yjs {
        let mut yjs = Yjs::start(address, room);
        yjs.ask("connect", json!({}));
        yjs.synced();
        yjs
    }

    /// Waits until the provider says it is synced.
    pub(crate) fn synced(&mut self) {
        wait::until("the provider is synced", || self.ask("synced", json!({})) == Value::Bool(true));
    }

    /// Sends one request and reads its answer.
    pub(crate) fn ask(&mut self, op: &str, mut request: Value) -> Value {
        request["op"] = op.into();
        writeln!(self.requests, "{request}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{op}: answer {line:?}"));
        assert!(answer["error"].is_null(), "{op}: {answer}");
        answer["ok"].take()
    }

    /// The text as this client has it.
    pub(crate) fn text(&mut self) -> String {
        self.ask("text", json!({})).as_str().unwrap().to_owned()
    }

    /// Waits until its text is this.
    pub(crate) fn wait_text(&mut self, text: &str) {
        wait::until(&format!("the Yjs client reads {text:?}"), || self.text() == text);
    }

    /// Inserts at the end.
    pub(crate) fn append(&mut self, text: &str) {
        self.ask("append", json!({ "text": text }));
    }
}

impl Drop for Yjs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder with the scripts, its packages installed.
fn node_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    npm::install(&folder);
    folder
}
