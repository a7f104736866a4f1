// One unmodified y-websocket client, driven by a test: a JSON request a line on stdin, a JSON answer a line on stdout.
//
//   node client.mjs SERVER_URL ROOM

import readline from 'node:readline'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'

const [server, room] = process.argv.slice(2)
const doc = new Y.Doc()
const provider = new WebsocketProvider(server, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true, connect: false })
const text = () => doc.getText('content')
let closed = null
provider.on('connection-close', event => { if (event) closed = { code: event.code, reason: event.reason } })

const requests = {
  connect: () => provider.connect(),
  disconnect: () => provider.disconnect(),
  // Whether the provider is connected and has got the server's step 2 since.
  synced: () => provider.wsconnected && provider.synced,
  closed: () => closed,
  stopped: () => !provider.shouldConnect,
  clientId: () => doc.clientID,
  insert: ({ index, text: words }) => text().insert(index, words),
  append: ({ text: words }) => text().insert(text().length, words),
  remove: ({ index, length }) => text().delete(index, length),
  text: () => text().toString(),
  length: () => text().length,
  // A cell of a sheet: a number, a text, or a formula as an object {f}.
  cell: ({ sheet, key, value }) => { doc.getMap('sheets').get(sheet).get('cells').set(key, value) },
  sheets: () => doc.getMap('sheets').toJSON(),
  presence: ({ state }) => provider.awareness.setLocalState(state),
  states: () => Object.fromEntries(provider.awareness.getStates()),
  stateVector: () => Buffer.from(Y.encodeStateVector(doc)).toString('hex'),
  exit: () => process.exit(0)
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  try {
    answer = { ok: requests[request.op](request) ?? null }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
process.exit(0)
