//! A local cluster, the document service and a window.
//!
//! - [`cluster`]: the nodes.

mod cluster;

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::child::{Service, finish};
use crate::repository::{built, root};
use crate::setup;

/// Where the document service listens.
const SERVICE_PORT: u16 = 8080;
/// The document that opens when none is named.
const FIRST_DOCUMENT: &str = "notes";
/// How long a server may take until it accepts connections, and the nodes until they are a cluster.
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
    for port in cluster::ports().chain([SERVICE_PORT]) {
        if TcpStream::connect(local(port)).is_ok() {
            return Err(format!(
                "something listens on port {port} already; is another `cargo xtask run` open?"
            ));
        }
    }

    let mut nodes = cluster::start(&node, &root().join(".local/cluster"))?;
    let (listen, seed) =
        (format!("127.0.0.1:{SERVICE_PORT}"), format!("redis://127.0.0.1:{}", cluster::PORT));
    let mut documents =
        Service::start("the document service", &service, &["--listen", &listen, "--cluster", &seed])?;
    reachable(&mut documents, SERVICE_PORT)?;

    let server = format!("ws://127.0.0.1:{SERVICE_PORT}");
    let (first, last) = (cluster::PORT, cluster::ports().next_back().unwrap_or(cluster::PORT));
    println!(
        "\n  The document service listens on {server}, the cluster on ports {first} to {last}.\n\
         \n  A second window:     {} --server {server} --name Ben {document}\
         \n  What people wrote:   redis-cli -c -p {first} GET 'doc:{{{document}}}'\
         \n  A Yjs program:       new WebsocketProvider('{server}/ws', '{document}', doc)\n",
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
        // While a node is away, its replica takes over: that is what they are for.
        nodes.iter_mut().try_for_each(Service::keep_alive)?;
        if let Some(how) = documents.ended() {
            return Err(how);
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
