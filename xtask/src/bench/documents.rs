//! One keystroke's way from WebSocket to WebSocket, and how many edits a second the service applies.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::report::{Goal, Row, Section, figure};
use super::server::free_port;
use crate::repository::built;

const NODES: u16 = 3;
const CLIENTS: &str = "50";
const SECONDS: &str = "10";
/// Keystrokes of each client a second: a fast typist.
const PER_SECOND: &str = "8";
const FLOOD_EDITS: &str = "200000";
const START_DEADLINE: Duration = Duration::from_secs(20);

/// Every table of this part.
pub(super) fn measure() -> Result<Vec<Section>, String> {
    let house = House::start()?;
    let typing = house.load(&["--clients", CLIENTS, "--seconds", SECONDS, "--per-second", PER_SECOND])?;
    let flood = house.load(&["--cluster", &house.cluster, "--flood", FLOOD_EDITS])?;
    let rows = vec![
        Row {
            what: format!("one keystroke, window to window, {CLIENTS} people in one document: p99"),
            ours: format!("p50 {} ms, p99 {} ms", figure(&typing, "p50")?, figure(&typing, "p99")?),
            peer: String::new(),
            figure: figure(&typing, "p99")?,
            goal: Goal::AtMost(10.0),
        },
        Row {
            what: "edits a second that the service applies and relays, one document".into(),
            ours: format!("{:.0}", figure(&flood, "edits_per_second")?),
            peer: String::new(),
            figure: figure(&flood, "edits_per_second")?,
            goal: Goal::AtLeast(20_000.0),
        },
    ];
    Ok(vec![Section {
        title: "Documents through the service".into(),
        how: format!(
            "Three nodes with appendonly and the service, release builds. Keystrokes: {CLIENTS} WebSocket clients each type {PER_SECOND} letters a \
             second for {SECONDS} s, every letter is timed at every client (`cargo run --release -p doc-service --example load`). \
             Edits: {FLOOD_EDITS} published on the document's channel, counted when a WebSocket client has them."
        ),
        rows,
    }])
}

/// Three nodes and a service in a folder of their own.
struct House {
    processes: Vec<Child>,
    folder: std::path::PathBuf,
    service: String,
    cluster: String,
}

impl House {
    fn start() -> Result<House, String> {
        let folder = std::env::temp_dir().join(format!("rustidocs-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let ports = neighbours()?;
        let mut house = House {
            processes: Vec::new(),
            cluster: format!("redis://127.0.0.1:{ports}"),
            service: format!("127.0.0.1:{}", free_port()?),
            folder,
        };
        let dir = house.folder.to_string_lossy().into_owned();
        let (first, nodes) = (ports.to_string(), NODES.to_string());
        house.spawn(
            "rustidocs-node",
            &["local", "--nodes", &nodes, "--port", &first, "--dir", &dir, "--appendonly", "yes"],
        )?;
        for port in ports..ports + NODES {
            listens(SocketAddr::from(([127, 0, 0, 1], port)))?;
        }
        let (listen, cluster) = (house.service.clone(), house.cluster.clone());
        house.spawn("rustidocs-server", &["--listen", &listen, "--cluster", &cluster])?;
        listens(listen.parse().map_err(|error| format!("{listen}: {error}"))?)?;
        Ok(house)
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let log = fs::File::create(self.folder.join(format!("{program}.log")))
            .map_err(|error| error.to_string())?;
        let child = Command::new(built("release").join(program))
            .args(arguments)
            .stdout(log)
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        self.processes.push(child);
        Ok(())
    }

    /// Runs the load generator; the JSON that it prints.
    fn load(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(built("release").join("examples/load"))
            .args(["--server", &self.service])
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("load: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The first of some neighbouring free ports.
fn neighbours() -> Result<u16, String> {
    for _ in 0..100 {
        let first = free_port()?;
        // The bus of a node listens 10,000 above its port.
        let fits =
            first < 50_000 && (first..first + NODES).all(|port| !is_taken(port) && !is_taken(port + 10_000));
        if fits {
            return Ok(first);
        }
    }
    Err("no neighbouring ports are free".into())
}

fn is_taken(port: u16) -> bool {
    std::net::TcpListener::bind(("127.0.0.1", port)).is_err()
}

fn listens(address: SocketAddr) -> Result<(), String> {
    let deadline = Instant::now() + START_DEADLINE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nothing listens on {address}"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
