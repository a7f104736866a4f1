//! One server that speaks RESP: redis-server or our node.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;
use super::wire::Wire;
use super::{binary, ports};
use crate::rt::fs::create_dir_all;

/// Which program a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The installed redis-server.
    Redis,
    /// Our rustidocs-node.
    Ours,
}

/// A server on a port of its own that can be killed and started again on the same files.
#[derive(Debug)]
pub struct Node {
    program: Program,
    port: u16,
    dir: PathBuf,
    options: Vec<String>,
    process: Option<Process>,
}

impl Node {
    /// Starts a server whose files are in a folder of `parent`, with options `--NAME VALUE`, and waits until it answers.
    pub fn start_in(program: Program, parent: &Path, options: &[&str]) -> Node {
        let port = ports::free_port();
        let dir = parent.join(port.to_string());
        create_dir_all(&dir).expect("the folder of a node");
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut node = Node { program, port, dir, options, process: None };
        node.start();
        node
    }

    /// Starts a server on a port of its own and a copy of this one's files, with the same options.
    pub fn copied_in(&self, parent: &Path) -> Node {
        let port = ports::free_port();
        let dir = parent.join(port.to_string());
        let copied = Command::new("cp").arg("-r").args([&self.dir, &dir]).status().expect("cp");
        assert!(copied.success(), "cp -r {} {}", self.dir.display(), dir.display());
        let mut node =
            Node { program: self.program, port, dir, options: self.options.clone(), process: None };
        node.start();
        node
    }

    /// A stand-alone redis-server without persistence; more options may be given.
    pub fn redis(parent: &Path, options: &[&str]) -> Node {
        Node::start_in(Program::Redis, parent, options)
    }

    /// Starts it (again) and waits until it answers.
    pub fn start(&mut self) {
        let program = match self.program {
            Program::Redis => binary::installed("redis-server"),
            Program::Ours => binary::ours(binary::NODE),
        };
        let mut args = vec![
            "--port".to_owned(),
            self.port.to_string(),
            "--bind".to_owned(),
            "127.0.0.1".to_owned(),
            "--dir".to_owned(),
            self.dir.display().to_string(),
        ];
        if self.program == Program::Redis {
            args.extend(["--save", "", "--protected-mode", "no", "--daemonize", "no"].map(str::to_owned));
        }
        args.extend(self.options.iter().cloned());
        let mut process = Process::spawn_patient(&program, &args, &self.log_path());
        let port = self.port;
        process.wait_ready(|| {
            let answer = Wire::try_connect(port).and_then(|mut wire| wire.try_call(&["PING"]));
            // A server with a password answers NOAUTH: it is there. One that loads its files answers LOADING.
            answer.is_some_and(|answer| answer.as_error().is_none_or(|error| error.code() != "LOADING"))
        });
        self.process = Some(process);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// Its process, while it runs.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The folder of its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of what it prints.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// A blocking connection to it.
    pub fn wire(&self) -> Wire {
        Wire::connect(self.port)
    }
}
