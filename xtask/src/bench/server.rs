//! A server under measurement: ours or redis-server, with its CPU time and memory as the kernel counts them.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::repository::built;

const START_DEADLINE: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Redis,
}

/// A running server with a folder of its own; ended and removed with this value.
pub(super) struct Server {
    pub(super) port: u16,
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts one server that serves every key alone.
    pub(super) fn start(kind: Kind, appendonly: bool) -> Result<Server, String> {
        let port = free_port()?;
        let folder = std::env::temp_dir().join(format!("rustidocs-bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let program = match kind {
            Kind::Ours => built("release").join("rustidocs-node"),
            Kind::Redis => PathBuf::from("redis-server"),
        };
        let child = Command::new(&program)
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--cluster-enabled",
                "no",
            ])
            .args(["--appendonly", if appendonly { "yes" } else { "no" }, "--appendfsync", "everysec"])
            .arg("--dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let server = Server { port, child, folder };
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(server.address()).is_err() {
            if Instant::now() > deadline {
                return Err(format!("{} does not listen on port {port}", program.display()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// CPU time spent so far, user and system, seconds.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(self.proc("stat")).unwrap_or_default();
        // Fields 14 and 15 (proc(5)); the name in field 2 may hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / rustix::param::clock_ticks_per_second() as f64
    }

    /// Resident memory, bytes.
    pub(super) fn resident_bytes(&self) -> f64 {
        let statm = fs::read_to_string(self.proc("statm")).unwrap_or_default();
        let pages: f64 = statm.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0.0);
        pages * rustix::param::page_size() as f64
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }

    /// SETs `key:000000000000` and its followers (16 bytes each) to 100 bytes.
    pub(super) fn fill(&self, keys: usize) -> Result<(), String> {
        const BATCH: usize = 1_000;
        const REPLY: &[u8] = b"+OK\r\n";
        let failed = |error: std::io::Error| format!("filling port {}: {error}", self.port);
        let stream = TcpStream::connect(self.address()).map_err(failed)?;
        let mut replies = BufReader::new(stream.try_clone().map_err(failed)?);
        let mut writer = stream;
        let value = "x".repeat(100);
        for start in (0..keys).step_by(BATCH) {
            let count = BATCH.min(keys - start);
            let requests: String = (start..start + count)
                .map(|key| format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n$100\r\n{value}\r\n"))
                .collect();
            writer.write_all(requests.as_bytes()).map_err(failed)?;
            let mut answer = vec![0; REPLY.len() * count];
            replies.read_exact(&mut answer).map_err(failed)?;
            if !answer.chunks(REPLY.len()).all(|reply| reply == REPLY) {
                return Err(format!("port {} refused a SET", self.port));
            }
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
