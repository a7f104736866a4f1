//! A local cluster, the document service and a window.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::child::{Service, finish};
use crate::repository::{built, root};
use crate::setup;

/// Where the first node listens; the others follow.
const NODE_PORT: u16 = 7000;
const NODES: u16 = 3;
/// Where the document service listens.
const SERVICE_PORT: u16 = 8080;
/// The document that opens when none is named.
const FIRST_DOCUMENT: &str = "notes";
/// How long a server may take until it accepts connections.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Installs, builds, starts; returns when the window is closed or a server ends.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let document = match arguments {
        [] => FIRST_DOCUMENT,
        [document] if !document.starts_with('-') => document,
        other => return Err(format!("run takes one document's name at most, not: {}", other.join(" "))),
    };
    setup::packages(setup::Purpose::Run)?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--workspace", "--bins", "--locked"]);
    build.current_dir(root());
    finish(build)?;

    let (node, service) =
        (built("release").join("rustidocs-node"), built("release").join("rustidocs-server"));
    let window = built("release").join("rustidocs");
    for port in (NODE_PORT..NODE_PORT + NODES).chain([SERVICE_PORT]) {
        if TcpStream::connect(local(port)).is_ok() {
            return Err(format!(
                "something listens on port {port} already; is another `cargo xtask run` open?"
            ));
        }
    }

    let data = root().join(".local/cluster");
    std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let (data, node_port, nodes) = (data.to_string_lossy(), NODE_PORT.to_string(), NODES.to_string());
    let mut cluster = Service::start(
        "the cluster",
        &node,
        &["local", "--nodes", &nodes, "--port", &node_port, "--dir", &data, "--appendonly", "yes"],
    )?;
    for port in NODE_PORT..NODE_PORT + NODES {
        reachable(&mut cluster, port)?;
    }
    let (listen, seed) = (format!("127.0.0.1:{SERVICE_PORT}"), format!("redis://127.0.0.1:{NODE_PORT}"));
    let mut documents =
        Service::start("the document service", &service, &["--listen", &listen, "--cluster", &seed])?;
    reachable(&mut documents, SERVICE_PORT)?;

    let server = format!("ws://127.0.0.1:{SERVICE_PORT}");
    println!(
        "\n  The document service listens on {server}, the cluster on ports {NODE_PORT} to {}.\n\
         \n  A second window:     {} --server {server} --name Ben {document}\
         \n  What people wrote:   redis-cli -c -p {NODE_PORT} GET 'doc:{{{document}}}'\
         \n  A Yjs program:       new WebsocketProvider('{server}/ws', '{document}', doc)\n",
        NODE_PORT + NODES - 1,
        window.display(),
    );
    let mut editor = None;
    if has_display() {
        let name = std::env::var("USER").unwrap_or_else(|_| "Ana".into());
        editor =
            Some(Service::start("the window", &window, &["--server", &server, "--name", &name, document])?);
    } else {
        println!("  There is no display here, so no window was opened. Ctrl+C stops.\n");
    }
    loop {
        for server in [&mut cluster, &mut documents] {
            if let Some(how) = server.ended() {
                return Err(how);
            }
        }
        if editor.as_mut().is_some_and(|window| window.ended().is_some()) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn reachable(server: &mut Service, port: u16) -> Outcome {
    let deadline = Instant::now() + START_DEADLINE;
    while TcpStream::connect(local(port)).is_err() {
        if let Some(how) = server.ended() {
            return Err(how);
        }
        if Instant::now() > deadline {
            return Err(format!("nothing listens on port {port} after {} s", START_DEADLINE.as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
