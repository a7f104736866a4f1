//! Six nodes become a cluster by the orders that redis-cli gives, and when it is one again.

use std::rc::Rc;
use std::time::Duration;

use shared::limits::SLOTS;
use shared::resp::value::Value;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::link::Link;
use crate::moving;
use crate::plan::Fault;
use crate::trace;
use crate::world::{NODES, PORT, PRIMARIES, World};

const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);

/// Asks a node once, on a connection of its own.
pub(crate) async fn ask(host: &str, words: &[&str]) -> Option<Value> {
    let mut link = Link::open(host, PATIENCE).await.ok()?;
    link.ask(words, PATIENCE).await.ok()
}

/// Asks a node for a text.
pub(crate) async fn text(host: &str, words: &[&str]) -> Option<String> {
    ask(host, words).await?.as_str().map(str::to_owned)
}

/// Forms the cluster and waits until every node sees it whole.
///
/// # Errors
/// A node refuses.
pub(crate) async fn form(world: &Rc<World>) -> Result<(), String> {
    let names: Vec<String> = world.machines.iter().map(|machine| machine.name.clone()).collect();
    for name in &names {
        while ask(name, &["PING"]).await.is_none() {
            sleep(LOOK).await;
        }
    }
    for (index, name) in names.iter().enumerate() {
        let epoch = (index + 1).to_string();
        order(name, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
    }
    for (index, name) in names.iter().take(PRIMARIES).enumerate() {
        let (from, to) = (index * SLOTS / PRIMARIES, (index + 1) * SLOTS / PRIMARIES - 1);
        order(name, &["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]).await?;
    }
    for name in &names[1..] {
        let ip = turmoil::lookup(name.as_str()).to_string();
        order(&names[0], &["CLUSTER", "MEET", &ip, &PORT.to_string()]).await?;
    }
    until(&names, |info, _| info.contains("cluster_known_nodes:6") && info.contains("cluster_state:ok"))
        .await;
    for (index, name) in names.iter().enumerate().skip(PRIMARIES) {
        let id = text(&names[index % PRIMARIES], &["CLUSTER", "MYID"]).await.ok_or("no id")?;
        order(name, &["CLUSTER", "REPLICATE", &id]).await?;
    }
    until(&names, is_settled).await;
    Ok(())
}

/// For how long clients hurry in slots whose move was ordered.
const HURRY: Duration = Duration::from_millis(500);

/// Does what an administrator does in the course of a plan; whoever cannot do it refuses.
pub(crate) async fn say(world: &Rc<World>, order: &Fault) {
    let name = |node: usize| world.machines[node].name.as_str();
    match order {
        Fault::Failover(node, manner) => {
            let words = ["CLUSTER", "FAILOVER", manner].into_iter().filter(|word| !word.is_empty());
            told(name(*node), &words.collect::<Vec<_>>()).await;
        }
        Fault::Migrate { first, count, to } => {
            let Some(id) = text(name(*to), &["CLUSTER", "MYID"]).await else { return };
            let (from, until) = (first.to_string(), (first + count - 1).to_string());
            let words = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &from, &until, "NODE", &id];
            for node in (0..NODES).filter(|node| node != to) {
                if told(name(node), &words).await {
                    world.leaving.set((*first, *count, trace::now() + HURRY));
                    world.count("migrations");
                }
            }
        }
        Fault::MoveByHand { key, to } => {
            // It takes its time, and other orders do not wait for it.
            spawn_local(moving::begin(Rc::clone(world), *key, *to));
        }
        _ => {}
    }
}

/// Whether a node does what it is told.
pub(crate) async fn told(name: &str, words: &[&str]) -> bool {
    let answer = ask(name, words).await;
    trace::line("admin", format_args!("{name}: {words:?}: {answer:?}"));
    matches!(answer, Some(Value::Simple(_)))
}

async fn order(name: &str, words: &[&str]) -> Result<(), String> {
    match ask(name, words).await {
        Some(value) if !matches!(value, Value::Error(_)) => Ok(()),
        answer => Err(format!("{name} answers {words:?}: {answer:?}")),
    }
}

/// Waits until every node says so in `CLUSTER INFO` and `INFO replication`.
async fn until(names: &[String], so: impl Fn(&str, &str) -> bool) {
    loop {
        let mut all = true;
        for name in names {
            let cluster = text(name, &["CLUSTER", "INFO"]).await.unwrap_or_default();
            let replication = text(name, &["INFO", "replication"]).await.unwrap_or_default();
            all &= so(&cluster, &replication);
        }
        if all {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Whether a node sees a whole cluster, and is in sync if it is a replica.
fn is_settled(cluster: &str, replication: &str) -> bool {
    let in_sync = replication.contains("role:master")
        || replication.contains("master_link_status:up") && replication.contains("master_sync_in_progress:0");
    cluster.contains("cluster_state:ok")
        && cluster.contains("cluster_slots_ok:16384")
        && cluster.contains("cluster_known_nodes:6")
        && in_sync
}

/// Waits until the cluster is whole again after everything was mended, and replicas have what their primaries have.
///
/// # Errors
/// It does not become so in this time: what each node says.
pub(crate) async fn heal(world: &Rc<World>, patience: Duration) -> Result<(), String> {
    let names: Vec<String> = world.machines.iter().map(|machine| machine.name.clone()).collect();
    let healed = async {
        loop {
            until(&names, is_settled).await;
            if are_level(&names).await && nobody_fails(&names).await {
                return;
            }
            sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(patience, healed).await.is_ok() {
        trace::line("run", format_args!("healed"));
        return Ok(());
    }
    let mut why = String::new();
    for name in &names {
        let cluster = text(name, &["CLUSTER", "INFO"]).await.unwrap_or_default();
        let replication = text(name, &["INFO", "replication"]).await.unwrap_or_default();
        let nodes = text(name, &["CLUSTER", "NODES"]).await.unwrap_or_default();
        why += &format!(
            "--- {name}\n{}\n{replication}\n{nodes}\n",
            cluster.lines().take(6).collect::<Vec<_>>().join(" ")
        );
    }
    Err(format!("the cluster is not whole {patience:?} after everything was mended:\n{why}"))
}

/// Whether no node thinks that another one fails.
async fn nobody_fails(names: &[String]) -> bool {
    for name in names {
        let nodes = text(name, &["CLUSTER", "NODES"]).await.unwrap_or_default();
        if nodes.is_empty()
            || nodes.lines().any(|line| line.contains("fail") || line.contains("disconnected"))
        {
            return false;
        }
    }
    true
}

/// Whether every primary has as many replicas in sync as there are, at its own offset.
async fn are_level(names: &[String]) -> bool {
    let mut replicas = 0;
    for name in names {
        let Some(replication) = text(name, &["INFO", "replication"]).await else { return false };
        let field = |field: &str| {
            let line = replication.lines().find_map(|line| line.strip_prefix(field));
            line.map(str::trim).map(str::to_owned)
        };
        if !replication.contains("role:master") {
            continue;
        }
        let offset = field("master_repl_offset:").unwrap_or_default();
        for line in replication.lines().filter(|line| line.starts_with("slave") && line.contains("ip=")) {
            if !line.contains("state=online") || !line.contains(&format!("offset={offset},")) {
                return false;
            }
            replicas += 1;
        }
    }
    replicas == NODES - PRIMARIES
}
