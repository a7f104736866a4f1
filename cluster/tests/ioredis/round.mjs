// A round of everything, in Cluster mode. Arguments: the port of one node. Prints "all well" at the end.

import assert from 'node:assert/strict'
import { Cluster } from 'ioredis'

const port = Number(process.argv[2])
const cluster = new Cluster([{ host: '127.0.0.1', port }])
cluster.on('error', (error) => { throw error })

// Keys of all slots.
const keys = Array.from({ length: 200 }, (_, number) => `key:${number}`)
await Promise.all(keys.map((key) => cluster.set(key, key)))
assert.deepEqual(await Promise.all(keys.map((key) => cluster.get(key))), keys)
assert.equal(cluster.nodes('master').length, 3)
const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()))
assert.equal(sizes.reduce((sum, size) => sum + size), keys.length)
assert.ok(sizes.every((size) => size > 0), `${sizes}`)

// A pipeline stays in one slot with ioredis.
const pipeline = cluster.pipeline()
pipeline.set('{t}a', '1').incr('{t}a').hset('{t}h', { f: 'v', g: 'ü€😀' }).hgetall('{t}h').lpush('{t}a', 'x')
const piped = await pipeline.exec()
assert.deepEqual(piped.slice(0, 4).map(([error, value]) => [error, value]), [
  [null, 'OK'], [null, 2], [null, 2], [null, { f: 'v', g: 'ü€😀' }],
])
assert.match(piped[4][0].message, /^WRONGTYPE /)

// Transactions on one slot; one over several is refused.
assert.deepEqual(await cluster.multi().set('{t}b', '1').incrby('{t}b', 41).get('{t}b').exec(), [
  [null, 'OK'], [null, 42], [null, '42'],
])
await assert.rejects(cluster.mset('a', '1', 'b', '2'), /CROSSSLOT|slot/)

// Streams, sorted sets, scripts of types.
const id = await cluster.xadd('{t}x', '*', 'u', 'edit')
assert.deepEqual(await cluster.xrange('{t}x', '-', '+'), [[id, ['u', 'edit']]])
assert.deepEqual(await cluster.zadd('{t}z', 2, 'b', 1, 'a'), 2)
assert.deepEqual(await cluster.zrange('{t}z', 0, -1, 'WITHSCORES'), ['a', '1', 'b', '2'])

// Messages: plain ones reach subscribers on any node, sharded ones those on the slot's owner.
const heard = (subscriber, event) => new Promise((resolve) => subscriber.once(event, (...words) => resolve(words)))
const subscriber = new Cluster([{ host: '127.0.0.1', port }])
await subscriber.subscribe('news')
await subscriber.psubscribe('n?ws')
const [message, pmessage] = [heard(subscriber, 'message'), heard(subscriber, 'pmessage')]
await cluster.publish('news', 'hello')
assert.deepEqual(await message, ['news', 'hello'])
assert.deepEqual(await pmessage, ['n?ws', 'news', 'hello'])

const owner = async (channel) => {
  const slot = await cluster.cluster('KEYSLOT', channel)
  const [host, ownerPort] = cluster.slots[slot][0].split(':')
  return cluster.nodes('master').find((node) => node.options.port === Number(ownerPort) && node.options.host === host)
}
for (const channel of ['doc:{notes}', 'doc:{budget}', 'doc:{a}']) {
  const node = (await owner(channel)).duplicate()
  await node.ssubscribe(channel)
  const smessage = heard(node, 'smessage')
  assert.equal(await cluster.spublish(channel, `to ${channel}`), 1)
  assert.deepEqual(await smessage, [channel, `to ${channel}`])
  node.disconnect()
}

subscriber.disconnect()
cluster.disconnect()
console.log('all well')
