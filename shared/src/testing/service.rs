//! The document service (binary rustidocs-server).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use super::process::Process;
use super::{binary, ports};
use crate::rt::time::Duration;

/// A running document service that can be killed and started again.
#[derive(Debug)]
pub struct Service {
    port: u16,
    cluster: String,
    options: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Service {
    /// Starts the service on the cluster at this URL (`redis://127.0.0.1:7000`) with options `--NAME VALUE`, and waits until
    /// `/healthz` answers 200. Its log goes to a file in `folder`.
    pub fn start_on(cluster: &str, folder: &Path, options: &[&str]) -> Service {
        let port = ports::free_port();
        let mut service = Service {
            port,
            cluster: cluster.to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            log: folder.join(format!("service-{port}.log")),
            process: None,
        };
        service.start();
        service
    }

    /// Starts it (again) on the same port and waits until it is healthy.
    pub fn start(&mut self) {
        let mut args =
            vec!["--listen".to_owned(), self.address(), "--cluster".to_owned(), self.cluster.clone()];
        args.extend(self.options.iter().cloned());
        let mut process = Process::spawn(&binary::ours(binary::SERVER), &args, &self.log);
        process.wait_ready(|| self.get("/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
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

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Head and body of the answer to GET, as they came; `None` if nobody answers.
    pub fn get(&self, path: &str) -> Option<String> {
        self.request("GET", path, "")
    }

    /// Head and body of the answer to a request with a JSON body; `None` if nobody answers.
    pub fn request(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address(),
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}
