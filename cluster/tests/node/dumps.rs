//! DUMP and RESTORE as a client uses them: a value goes out as bytes and comes back the same, on this node or another one.

use shared::testing::folder::TempFolder;
use shared::testing::node::{Node, Program};

use crate::raw::{Frame, Raw};

/// What makes a key of every type, small and beyond what is packed, and what reads it.
fn samples() -> Vec<(Vec<String>, &'static str)> {
    let many = |command: &str, item: &dyn Fn(usize) -> String| {
        (0..300).map(|number| format!("{command} key {}", item(number))).collect::<Vec<_>>()
    };
    vec![
        (vec!["SET key -12345".into()], "GET key"),
        (vec![format!("SET key {}", "text".repeat(10_000))], "GET key"),
        (vec!["RPUSH key a b c".into()], "LRANGE key 0 -1"),
        (many("RPUSH", &|number| "x".repeat(number + 1)), "LRANGE key 0 -1"),
        (vec!["SADD key 3 1 2".into()], "SMEMBERS key"),
        (many("SADD", &|number| format!("member{number}")), "SMEMBERS key"),
        (vec!["HSET key f v g w".into()], "HGETALL key"),
        (many("HSET", &|number| format!("field{number} {number}")), "HGETALL key"),
        (vec!["ZADD key 1.5 a -inf b 3 c".into()], "ZRANGE key 0 -1 WITHSCORES"),
        (many("ZADD", &|number| format!("{number}.25 member{number}")), "ZRANGE key 0 -1 WITHSCORES"),
        (many("XADD", &|number| format!("{}-1 field {number}", number + 1)), "XRANGE key - +"),
        (vec!["PFADD key a".into(), "SETBIT key 7000 1".into()], "GET key"),
    ]
}

fn raw(node: &Node) -> Raw {
    Raw::connect(node.port(), false)
}

fn items(answer: Frame) -> Vec<String> {
    let mut items: Vec<String> = answer.items.iter().map(|item| format!("{item:?}")).collect();
    items.push(String::from_utf8_lossy(&answer.text).into_owned());
    items.sort_unstable();
    items
}

#[test]
fn a_value_of_every_type_comes_back_from_its_dump_here_and_elsewhere() {
    let folder = TempFolder::new("dumps");
    let nodes = [0, 1].map(|_| Node::start_in(Program::Ours, folder.path(), &["--appendonly", "yes"]));
    let [mut here, mut there] = [raw(&nodes[0]), raw(&nodes[1])];
    for (makes, reads) in samples() {
        here.say("DEL key");
        for line in &makes {
            let made = here.say(line);
            assert!(!made.starts_with('-') || line.starts_with("PFADD"), "{line}: {made}");
        }
        let before = items(here.call(&reads.split(' ').collect::<Vec<_>>()));
        let dump = here.call(&["DUMP", "key"]).text;
        for node in [&mut here, &mut there] {
            assert_eq!(node.call(&[b"RESTORE".as_slice(), b"key", b"0", &dump, b"REPLACE"]).text, b"OK");
            assert_eq!(items(node.call(&reads.split(' ').collect::<Vec<_>>())), before, "{reads}");
            assert_eq!(node.call(&["DUMP", "key"]).text, dump, "{reads}");
            assert_eq!(node.say("TTL key"), ":-1");
        }
        // Whichever byte is another one, it is no value any more, and what is there stays.
        for at in [0, dump.len() / 2, dump.len() - 1] {
            let mut damaged = dump.clone();
            damaged[at] ^= 1;
            let refused = here.call(&[b"RESTORE".as_slice(), b"key", b"0", &damaged, b"REPLACE"]);
            assert_eq!(format!("{refused:?}"), "-ERR DUMP payload version or checksum are wrong");
        }
        assert_eq!(here.call(&["DUMP", "key"]).text, dump);
    }
}

#[test]
fn a_key_is_restored_with_its_time_and_not_over_another_one() {
    let folder = TempFolder::new("dumps");
    let node = Node::start_in(Program::Ours, folder.path(), &[]);
    let mut client = raw(&node);
    client.say("SET key value");
    let dump = client.call(&["DUMP", "key"]).text;
    assert_eq!(client.say("DUMP nobody"), "$null");
    let mut restore = |key: &str, time: &str, words: &[&str]| {
        let mut all = vec![b"RESTORE".as_slice(), key.as_bytes(), time.as_bytes(), &dump];
        all.extend(words.iter().map(|word| word.as_bytes()));
        format!("{:?}", client.call(&all))
    };
    assert_eq!(restore("key", "0", &[]), "-BUSYKEY Target key name already exists.");
    assert_eq!(restore("key", "-1", &["REPLACE"]), "-ERR Invalid TTL value, must be >= 0");
    assert_eq!(restore("key", "0", &["SOON"]), "-ERR syntax error");
    assert_eq!(restore("soon", "100000", &[]), "+OK");
    assert_eq!(restore("then", "4102444800000", &["ABSTTL"]), "+OK");
    assert_eq!(restore("gone", "1000", &["ABSTTL"]), "+OK");
    assert_eq!(restore("key", "0", &["REPLACE", "IDLETIME", "5"]), "+OK");
    let left = client.say("PTTL soon");
    let left: u64 = left.trim_start_matches(':').parse().unwrap();
    assert!((90_000..=100_000).contains(&left), "{left}");
    assert_eq!(client.say("PEXPIRETIME then"), ":4102444800000");
    assert_eq!(client.say("EXISTS gone"), ":0");
    assert_eq!(client.say("TTL key"), ":-1");
}
