//! All that a node holds, to be compared before and after.

use std::collections::BTreeMap;

use crate::raw::{Frame, Raw};

/// Every key with its type, deadline and value; what has no order is sorted.
pub(crate) fn contents(client: &mut Raw) -> BTreeMap<Vec<u8>, String> {
    let keys = client.call(&["KEYS", "*"]).items;
    keys.into_iter().filter_map(|key| Some((key.text.clone(), content(client, &key.text)?))).collect()
}

/// `None`: its deadline has passed since it was listed.
fn content(client: &mut Raw, key: &[u8]) -> Option<String> {
    let mut ask = |words: &[&str]| {
        let words: Vec<_> =
            words.iter().map(|word| if *word == "K" { key } else { word.as_bytes() }).collect();
        client.call(&words)
    };
    let kind = String::from_utf8_lossy(&ask(&["TYPE", "K"]).text).into_owned();
    let value = match &*kind {
        "string" => ask(&["GET", "K"]),
        "hash" => sorted(ask(&["HGETALL", "K"]), 2),
        "list" => ask(&["LRANGE", "K", "0", "-1"]),
        "set" => sorted(ask(&["SMEMBERS", "K"]), 1),
        "zset" => ask(&["ZRANGE", "K", "0", "-1", "WITHSCORES"]),
        "stream" => {
            let mut all = ask(&["XRANGE", "K", "-", "+"]);
            // Its last id, how many were ever added, the highest deleted.
            let info = ask(&["XINFO", "STREAM", "K"]);
            let counted = info
                .items
                .into_iter()
                .filter(|item| item.kind != '*')
                .skip_while(|item| item.text != b"last-generated-id");
            all.items.extend(counted.take(8));
            all
        }
        "none" => return None,
        other => panic!("a key of type {other}"),
    };
    Some(format!("{kind} {:?} {value:?}", ask(&["PEXPIRETIME", "K"])))
}

fn sorted(mut frame: Frame, step: usize) -> Frame {
    let mut groups: Vec<Vec<Frame>> = frame.items.chunks(step).map(<[Frame]>::to_vec).collect();
    groups.sort_by(|a, b| a[0].text.cmp(&b[0].text));
    frame.items = groups.concat();
    frame
}
