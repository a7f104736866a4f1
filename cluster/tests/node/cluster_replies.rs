//! What CLUSTER answers has the shape of redis-server's answer: clients that read one read the other.

use std::collections::BTreeSet;

use shared::testing::cluster::Cluster;
use shared::testing::node::Program;

use crate::raw::{Frame, Raw};

/// Kinds, sizes that all have, and names of fields; what stands in them is each server's own.
fn shape(frame: &Frame) -> String {
    let inside = match frame.kind {
        '%' => {
            let fields = frame.items.chunks(2).map(|pair| format!("{:?} {}", pair[0], shape(&pair[1])));
            // Fields are found by their names.
            fields.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        }
        _ => {
            let mut items: Vec<String> = frame.items.iter().map(shape).collect();
            // Any number of things that look alike.
            items.dedup();
            items
        }
    };
    if inside.is_empty() { frame.kind.to_string() } else { format!("{}{inside:?}", frame.kind) }
}

fn names(frame: &Frame) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(&frame.text).into_owned();
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn answers_about_the_cluster_have_the_shape_of_those_of_redis() {
    let theirs = Cluster::with_options(Program::Redis, 3, 0, &[]);
    let ours = Cluster::with_options(Program::Ours, 3, 0, &[]);
    for resp3 in [false, true] {
        let mut raws = [&theirs, &ours].map(|cluster| Raw::connect(cluster.node(0).port(), resp3));
        let mut ask = |words: &[&str]| raws.each_mut().map(|raw| raw.call(words));
        for asked in ["SHARDS", "SLOTS", "LINKS", "MYID", "INFO", "NODES", "COUNT-FAILURE-REPORTS"] {
            let mut words = vec!["CLUSTER", asked];
            let id = "0".repeat(40);
            if asked == "COUNT-FAILURE-REPORTS" {
                words.push(&id);
            }
            let [redis, own] = ask(&words);
            assert_eq!(shape(&own), shape(&redis), "{asked}, RESP3 {resp3}: {own:?}\nredis: {redis:?}");
        }
        let [redis, own] = ask(&["CLUSTER", "INFO"]).map(|frame| names(&frame));
        // Messages of kinds that were not sent yet have no line.
        let fixed = |names: &BTreeSet<String>| -> BTreeSet<String> {
            names.iter().filter(|name| !name.starts_with("cluster_stats_messages_")).cloned().collect()
        };
        assert_eq!(fixed(&own), fixed(&redis));

        let [redis, own] = ask(&["CLUSTER", "NODES"]).map(|frame| {
            let text = String::from_utf8_lossy(&frame.text).into_owned();
            text.lines().map(|line| line.split(' ').count()).collect::<BTreeSet<_>>()
        });
        assert_eq!(own, redis, "fields of a line");
    }
}
