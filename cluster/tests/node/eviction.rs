//! `maxmemory`: what each policy refuses or gives up.

use crate::raw::Raw;
use crate::server::Server;

/// Room for some thousands of the keys that are written here.
const MAXMEMORY: &str = "2mb";

/// Keys that fit easily.
const KEPT: usize = 500;

fn start(policy: &str) -> Server {
    Server::start(&["--maxmemory", MAXMEMORY, "--maxmemory-policy", policy, "--maxmemory-samples", "10"])
}

/// Writes so many keys `NAMEnumber`, several with one write to the socket; how many writes were refused.
fn fill(client: &mut Raw, name: &str, count: usize, more: &[&str]) -> usize {
    let value = "x".repeat(200);
    let mut refused = 0;
    for first in (0..count).step_by(100) {
        let numbers = first..count.min(first + 100);
        for number in numbers.clone() {
            client.send(&[&["SET", &format!("{name}{number}"), &value], more].concat());
        }
        refused += numbers.filter(|_| client.read().kind == '-').count();
    }
    refused
}

/// How many of these keys are there; asking counts as no use.
fn there(client: &mut Raw, name: &str, count: usize) -> usize {
    (0..count).for_each(|number| client.send_line(&format!("TTL {name}{number}")));
    (0..count).filter(|_| format!("{:?}", client.read()) != ":-2").count()
}

/// Uses these keys, all at once: on a slow machine too they are used later than what was written before.
fn touch(client: &mut Raw, name: &str, count: usize) {
    (0..count).for_each(|number| client.send_line(&format!("GET {name}{number}")));
    (0..count).for_each(|_| drop(client.read()));
}

#[test]
fn noeviction_refuses_writes_and_keeps_everything() {
    let server = start("noeviction");
    let mut client = server.connect();
    let refused = fill(&mut client, "k", 20_000, &[]);
    let kept = 20_000 - refused;
    assert!(refused > 5_000 && kept > 3_000, "{refused} of 20,000 were refused");
    let oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    for line in
        ["SET other v", "APPEND k0 v", "LPUSH l v", "SETRANGE k0 5 v", "INCR n", "MSET a 1 b 2", "COPY k0 l"]
    {
        assert_eq!(client.say(line), oom, "{line}");
    }
    assert_eq!(client.say("DBSIZE"), format!(":{kept}"));
    assert_eq!(client.say("STRLEN k0"), ":200");
    assert_eq!(client.say("MULTI"), "+OK");
    assert_eq!(client.say("SET other v"), oom);
    assert_eq!(client.say("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(server.number("stats", "evicted_keys"), 0);
    for number in 0..2_000 {
        assert_eq!(client.say(&format!("DEL k{number}")), ":1");
    }
    assert_eq!(client.say("SET other v"), "+OK", "there is room again");
}

#[test]
fn each_policy_stays_near_the_bound_and_refuses_nothing() {
    for policy in
        ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl", "volatile-lru", "volatile-random"]
    {
        let server = start(policy);
        let mut client = server.connect();
        let more: &[&str] = if policy.starts_with("volatile") { &["EX", "10000"] } else { &[] };
        assert_eq!(fill(&mut client, "k", 20_000, more), 0, "{policy}");
        let used = server.number("memory", "used_memory");
        assert!((1_000_000..2_300_000).contains(&used), "{policy}: {used} bytes");
        let (size, evicted) = (client.say("DBSIZE"), server.number("stats", "evicted_keys"));
        assert_eq!(size, format!(":{}", 20_000 - evicted), "{policy}");
        assert!(evicted > 8_000, "{policy}: {evicted}");
    }
}

#[test]
fn volatile_policies_spare_keys_without_a_deadline_and_refuse_when_only_such_are_left() {
    let server = start("volatile-random");
    let mut client = server.connect();
    assert_eq!(fill(&mut client, "keep", KEPT, &[]), 0);
    assert_eq!(fill(&mut client, "k", 10_000, &["EX", "10000"]), 0);
    assert_eq!(there(&mut client, "keep", KEPT), KEPT);
    assert!(fill(&mut client, "more", 10_000, &[]) > 0, "writes without a deadline fill it up in the end");
    assert_eq!(there(&mut client, "keep", KEPT), KEPT);
}

#[test]
fn lru_gives_up_what_was_not_used_for_long() {
    let server = start("allkeys-lru");
    let mut client = server.connect();
    fill(&mut client, "old", KEPT, &[]);
    fill(&mut client, "used", KEPT, &[]);
    // The clock of a key counts seconds: what is used is younger than all others in each round.
    let idle = |client: &mut Raw, key: &str, seconds: u64| {
        shared::testing::wait::until("the other keys have been idle", || {
            touch(client, "used", KEPT);
            let said = client.say(&format!("OBJECT IDLETIME {key}"));
            said.trim_start_matches(':').parse::<u64>().is_ok_and(|found| found >= seconds)
        });
    };
    idle(&mut client, "old0", 3);
    let mut number = 0;
    while there(&mut client, "old", KEPT) > KEPT / 5 {
        assert_eq!(fill(&mut client, &format!("new{number}-"), 1_500, &[]), 0);
        idle(&mut client, &format!("new{number}-1499"), 1);
        number += 1;
        assert!(number < 200);
    }
    let used = there(&mut client, "used", KEPT);
    assert!(used > KEPT * 9 / 10, "{used} of {KEPT} that were used are left");
}

#[test]
fn lfu_gives_up_what_was_seldom_used() {
    let server = start("allkeys-lfu");
    let mut client = server.connect();
    fill(&mut client, "often", KEPT, &[]);
    for _ in 0..60 {
        touch(&mut client, "often", KEPT);
    }
    fill(&mut client, "seldom", 20_000, &[]);
    let (often, seldom) = (there(&mut client, "often", KEPT), there(&mut client, "seldom", KEPT));
    assert!(often > KEPT * 9 / 10, "{often} of {KEPT} that were used often are left");
    assert!(seldom < KEPT / 2, "{seldom} of the first {KEPT} that were used once are left");
}

#[test]
fn volatile_ttl_gives_up_the_nearest_deadline() {
    let server = start("volatile-ttl");
    let mut client = server.connect();
    fill(&mut client, "far", KEPT, &["EX", "100000"]);
    fill(&mut client, "near", KEPT, &["EX", "1000"]);
    fill(&mut client, "k", 14_000, &["EX", "50000"]);
    let (far, near) = (there(&mut client, "far", KEPT), there(&mut client, "near", KEPT));
    assert!(far > KEPT * 9 / 10 && near < KEPT / 5, "{far} far and {near} near of {KEPT} are left");
}

#[test]
fn volatile_ttl_compares_keys_of_the_whole_node_also_where_each_partition_has_few() {
    // A few large values: hardly two keys with a deadline lie in one partition.
    let server = start("volatile-ttl");
    let mut client = server.connect();
    let value = "x".repeat(10_000);
    for number in 0..100 {
        assert_eq!(client.call(&["SET", &format!("far{number}"), &value, "EX", "100000"]).kind, '+');
        assert_eq!(client.call(&["SET", &format!("near{number}"), &value, "EX", "1000"]).kind, '+');
    }
    for number in 0..70 {
        assert_eq!(client.call(&["SET", &format!("k{number}"), &value]).kind, '+', "k{number}");
    }
    let (far, near) = (there(&mut client, "far", 100), there(&mut client, "near", 100));
    assert!(far >= 95 && near < 70, "{far} far and {near} near of 100 are left");
}

#[test]
fn an_eviction_is_logged_and_a_lower_bound_takes_effect_at_the_next_write() {
    let options = ["--appendonly", "yes", "--maxmemory-policy", "allkeys-random"];
    let mut server = Server::start(&options);
    let mut client = server.connect();
    fill(&mut client, "k", 5_000, &[]);
    assert_eq!(client.say("CONFIG SET maxmemory 500000"), "+OK");
    shared::testing::wait::until("there is room", || {
        client.say("SET k0 v");
        server.number("memory", "used_memory") < 600_000
    });
    let size = client.say("DBSIZE");
    assert_eq!(client.say("WAITAOF 1 0 0"), "*[:1, :0]");
    server.node.kill();
    server.node.start();
    assert_eq!(server.connect().say("DBSIZE"), size);
}
