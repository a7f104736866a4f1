//! The unmodified redis-py of the Debian package, in cluster mode.

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
