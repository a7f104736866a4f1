//! The unmodified redis-py of the Debian package, in cluster mode and, through `cluster-proxy`, without it.

use std::process::Command;

use shared::testing::cluster::Cluster;
use shared::testing::node::Program;

const ROUND: &str = r#"
import sys
from redis.cluster import RedisCluster

r = RedisCluster(host="127.0.0.1", port=int(sys.argv[1]), decode_responses=True)
for n in range(100):
    assert r.set(f"key:{n}", n)
assert [r.get(f"key:{n}") for n in range(100)] == [str(n) for n in range(100)]
assert r.incr("{t}counter") == 1 and r.expire("{t}counter", 100) and 0 < r.ttl("{t}counter") <= 100
assert r.hset("{t}h", mapping={"a": "1", "b": "2"}) == 2 and r.hgetall("{t}h") == {"a": "1", "b": "2"}
assert r.rpush("{t}l", "x", "y", "z") == 3 and r.lrange("{t}l", 0, -1) == ["x", "y", "z"]
assert r.sadd("{t}s", "m", "n") == 2 and r.smembers("{t}s") == {"m", "n"}
assert r.zadd("{t}z", {"ana": 2, "bo": 1}) == 2 and r.zrange("{t}z", 0, -1, withscores=True) == [("bo", 1.0), ("ana", 2.0)]
first = r.xadd("{t}x", {"u": "edit"})
assert r.xlen("{t}x") == 1 and r.xrange("{t}x") == [(first, {"u": "edit"})]
assert r.delete("{t}h", "{t}l") == 2 and r.exists("{t}s", "{t}z") == 2

pipe = r.pipeline()
for n in range(50):
    pipe.get(f"key:{n}")
assert pipe.execute() == [str(n) for n in range(50)]

p = r.pubsub()
p.subscribe("news")
assert p.get_message(timeout=5)["type"] == "subscribe"
r.publish("news", "hello")
assert p.get_message(timeout=5)["data"] == "hello"

assert len(r.get_primaries()) == 3 and r.cluster_info()["cluster_state"] == "ok"
assert r.cluster_keyslot("foo") == 12182
print("all well")
"#;

#[test]
fn it_does_a_round_of_everything() {
    let cluster = Cluster::with_options(Program::Ours, 3, 0, &[]);
    let port = cluster.node(1).port().to_string();
    let ran = Command::new("/usr/bin/python3").args(["-c", ROUND, &port]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("all well"), "{said}");
}

const PLAIN: &str = r#"
import sys, threading
import redis

first, other = (redis.Redis(port=int(port), decode_responses=True) for port in sys.argv[1:3])
values = {f"key:{n}": str(n) for n in range(100)}
assert first.mset(values)
assert other.mget(list(values)) == list(values.values())
assert other.exists(*values) == 100 and other.touch(*values) == 100
pipe = first.pipeline(transaction=False)
for n in range(200):
    pipe.incr(f"counter:{n % 7}")
    pipe.get(f"key:{n % 100}")
assert pipe.execute()[1::2] == [str(n % 100) for n in range(200)]
for tag in "abcdef":
    key = "{%s}n" % tag
    with first.pipeline() as pipe:
        assert pipe.set(key, 1).incr(key).get(key).execute() == [True, 2, "2"]
    def add(pipe):
        value = int(pipe.get(key))
        pipe.multi()
        pipe.set(key, value + 1)
    threads = [threading.Thread(target=lambda r=r: [r.transaction(add, key) for _ in range(20)]) for r in (first, other)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert first.get(key) == "42", first.get(key)
    timer = threading.Timer(0.1, lambda: other.rpush("{%s}queue" % tag, "job"))
    timer.start()
    assert first.blpop("{%s}queue" % tag, 20) == ("{%s}queue" % tag, "job")
    entry = first.xadd("{%s}x" % tag, {"u": "edit"})
    assert other.xread({"{%s}x" % tag: 0}) == [["{%s}x" % tag, [(entry, {"u": "edit"})]]]
    assert other.delete("{%s}x" % tag) == 1
    with first.client() as one:
        assert one.set(key, 1) and one.wait(1, 10000) == 1
assert first.delete(*values) + other.unlink(*values) == 100
print("all well")
"#;

#[test]
fn without_cluster_mode_it_does_a_round_of_everything() {
    let cluster = crate::cluster_proxy::with_replicas();
    for (first, other) in [(0, 1), (3, 2)] {
        let ports = [first, other].map(|index: usize| cluster.node(index).port().to_string());
        let ran = Command::new("/usr/bin/python3").args(["-c", PLAIN]).args(&ports).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.contains("all well"), "{said}");
    }
}
