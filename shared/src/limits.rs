//! Every bound of the system by name, unit last. Relations between them are asserted at compile time.
//!
//! A module that needs a new bound adds it here, with the reason for its size.

/// Slots of a cluster (Redis Cluster specification, key distribution model).
pub const SLOTS: usize = 16_384;

/// Partitions of a node's keyspace, each behind one lock: slot >> 6.
pub const PARTITIONS: usize = 256;

/// Slots that one folder on disk holds.
pub const SLOTS_PER_RANGE: usize = 1_024;

/// Slot ranges, and so folders, of a node.
pub const RANGES: usize = SLOTS / SLOTS_PER_RANGE;

/// Most nodes of a cluster: the specification's "up to 1000 nodes".
pub const CLUSTER_NODES_MAX: usize = 1_000;

/// Transfers of slots between shards that a node takes part in or waits to begin, at most.
pub const TRANSFERS_MAX: usize = 64;

/// Transfers of slots that a shard has taken and still remembers, at most: the oldest are forgotten.
pub const TRANSFERS_TAKEN_MAX: usize = 64;

/// Transfers of slots that `nodes.conf` holds, at most.
pub const TRANSFERS_NOTED_MAX: usize = TRANSFERS_MAX + TRANSFERS_TAKEN_MAX;

/// Length of the journal of `nodes.conf`, bytes: some fifty changes of a small cluster before the file is replaced. What does not fit
/// in replaces the file at once.
pub const NODES_CONF_JOURNAL_BYTES: usize = 128 * 1024;

/// Transfers of slots that are over and still shown by `CLUSTER GETSLOTMIGRATIONS`, at most.
pub const TRANSFERS_SHOWN_MAX: usize = 16;

/// How long a request waits for a slot that changes hands, milliseconds; mostly it is some ten.
pub const TRANSFER_WAIT_MS: u64 = 5_000;

/// Names of transfers that a node has said it will never take, at most; the oldest are forgotten.
pub const TRANSFERS_REFUSED_MAX: usize = 1_024;

/// Most copies of a shard that are waited for before something is called saved, its primary's included. Further replicas follow
/// without being waited for.
pub const IN_SYNC_COPIES_MAX: usize = 16;

/// Highest epoch that is believed: one forged packet must not use up the numbers that elections count with.
pub const EPOCH_MAX: u64 = 1 << 48;

/// Largest packet of the cluster bus, bytes: a published message with its channel is one packet.
pub const BUS_PACKET_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What may wait in the queue of one link of the cluster bus, bytes: a peer that stopped reading is cut off before its messages
/// take the memory of the node.
pub const BUS_QUEUE_BYTES_MAX: usize = 2 * BUS_PACKET_BYTES_MAX;

/// Most changes of what a node listens to that are told one by one; who missed more is told all, which is 2 KiB.
pub const INTEREST_CHANGES_MAX: usize = 256;

/// How long the confirmation of a SUBSCRIBE waits at most for peers to hear of it, milliseconds: they answer within their turn on a
/// worker. Who has not by then is told everything anew, on another link.
pub const INTEREST_HEARD_MS_MAX: u64 = 500;

/// How long peers go on sending what nobody listens to any more, milliseconds: who comes back in this time waits for nobody.
pub const INTEREST_KEPT_MS_MAX: u64 = 1_000;

/// Incoming links of the cluster bus: one from each peer, and some for peers that reconnect.
pub const BUS_LINKS_MAX: usize = 2 * CLUSTER_NODES_MAX;

/// Requests of one client that a node forwards together before it answers any of them; fewer while their replies are long.
pub const PROXY_BATCH_REQUESTS_MAX: usize = 1_024;

/// Bytes of requests of one client after which a node forwards them: beyond them by one request at most.
pub const PROXY_BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Connections over which the clients of one worker share a peer: two, so that one long reply holds up half of them.
pub const PROXY_LINKS_PER_PEER: usize = 2;

/// Orders (what one client sends at once) that wait for one connection to a peer.
pub const PROXY_ORDERS_MAX: usize = 4_096;

/// Replies that may be due on one connection to a peer before more requests are sent on it.
pub const PROXY_IN_FLIGHT_REQUESTS_MAX: usize = 64 * 1024;

/// Most bytes of requests that wait for one connection to a peer or for their replies on it; one longer order goes alone.
pub const PROXY_IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Connections of a node to its peers that belong to one client each, for as long as it waits for keys or watches some.
pub const PROXY_PRIVATE_MAX: usize = 1_024;

/// Of those, how many a worker keeps when nobody needs them.
pub const PROXY_PRIVATE_IDLE_MAX: usize = 32;

/// Longest bulk string of a request or reply, bytes: Redis's `proto-max-bulk-len`.
pub const BULK_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Most arguments of one request: Redis's bound on a multi bulk length.
pub const REQUEST_ARGS_MAX: usize = 1024 * 1024;

/// Longest inline request, bytes: Redis's `PROTO_INLINE_MAX_SIZE`.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// What a client may have sent without its reply being due, bytes: Redis's `client-query-buffer-limit`.
pub const QUERY_BUFFER_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Most arguments of a request before the AUTH that a client owes: redis-server's bound.
pub const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Longest argument before the AUTH that a client owes, bytes: redis-server's bound.
pub const UNAUTHENTICATED_BULK_BYTES_MAX: usize = 16 * 1024;

/// Longest reply that the cluster client reads, bytes: what redis-server would buffer of a request.
pub const REPLY_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Deepest nesting of a reply that the cluster client reads.
pub const REPLY_NESTING_MAX: usize = 16;

/// Most requests of the cluster client that one connection carries at once: two milliseconds of a server's full speed.
pub const IN_FLIGHT_REQUESTS_MAX: usize = 4_096;

/// Most bytes of requests that wait for one connection or for their replies on it.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the cluster client gathers for one write to a socket, bytes; one longer request goes alone.
pub const WRITE_GATHER_BYTES: usize = 256 * 1024;

/// Most messages that wait in one subscription for its reader: a fifth of a second of the fastest document.
pub const SUBSCRIPTION_MESSAGES_MAX: usize = 4_096;

/// Most bytes of messages that wait in one subscription for its reader, the last one not counted.
pub const SUBSCRIPTION_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long a *saved* barrier gathers edits before the next one on the same shard, milliseconds.
pub const BARRIER_INTERVAL_MS: u64 = 20;

/// Most bytes of edits of one client that are published and not yet saved.
pub const UNSAVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Edits that are read from a document's log in one request.
pub const LOG_PAGE_ENTRIES: usize = 4_096;

/// Longest log of a document that a reader takes in, bytes: two million edits that no service has saved.
pub const LOG_BYTES_MAX: usize = 4 * DOCUMENT_BYTES_MAX;

/// Longest document id, bytes.
pub const DOCUMENT_ID_BYTES_MAX: usize = 200;

/// Longest title of a document, bytes.
pub const DOCUMENT_TITLE_BYTES_MAX: usize = 1_000;

/// Most bytes that wait to be written to one WebSocket client before it counts as too slow: some seconds of a busy document.
pub const OUTBOX_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Messages per second that one WebSocket client may send on average: more than any typist, enough for a pasting program.
pub const CLIENT_MESSAGES_PER_SECOND_MAX: u32 = 5_000;

/// Messages that one WebSocket client may send at once.
pub const CLIENT_MESSAGES_BURST_MAX: u32 = 10_000;

/// Most connections of the document service, HTTP and WebSocket.
pub const CONNECTIONS_MAX: usize = 20_000;

/// Most documents that the document service holds open.
pub const ROOMS_MAX: usize = 10_000;

/// Most WebSocket clients of one document.
pub const ROOM_CLIENTS_MAX: usize = 2_000;

/// Most requests that wait for one document's room; then its clients are no longer read.
pub const ROOM_INBOX_MESSAGES_MAX: usize = 1_024;

/// Most edits of one document that were published and not yet answered; then its clients are no longer read.
pub const ROOM_PUBLISHING_MAX: usize = 4_096;

/// Most awareness messages of one document that were published and not yet answered; then more are left out.
pub const ROOM_PRESENCE_PUBLISHING_MAX: usize = 4_096;

/// Most messages that one document's room handles at once, and relays as one.
pub const ROOM_BATCH_MESSAGES: usize = 256;

/// Longest body of an HTTP request, bytes.
pub const HTTP_BODY_BYTES_MAX: usize = 64 * 1024;

/// Longest name of a workspace, bytes.
pub const WORKSPACE_BYTES_MAX: usize = 200;

/// Most documents that one answer lists.
pub const DOCUMENTS_LISTED_MAX: usize = 1_000;

/// Longest request on the control channel, bytes.
pub const CONTROL_REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Longest id or reply channel of a request on the control channel, bytes.
pub const CONTROL_NAME_BYTES_MAX: usize = 200;

/// Most requests of the control channel that are worked on at once.
pub const CONTROL_REQUESTS_MAX: usize = 64;

/// Longest message of the sync protocol (one update, state or awareness), bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest awareness state of one client, bytes of JSON.
pub const AWARENESS_STATE_BYTES_MAX: usize = 16 * 1024;

/// Most clients that one awareness message may speak for.
pub const AWARENESS_CLIENTS_MAX: usize = 1_024;

/// Most Yjs clients that one WebSocket client may speak for: a program has one a document, and some bundle a few.
pub const CONNECTION_PRESENCES_MAX: usize = 16;

/// Largest document as one Yjs update, bytes.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the clocks of a client end: lengths and differences of clocks are computed with 32 signed bits in the merge engine.
pub const CLOCK_MAX: u32 = (1 << 31) - 1;

/// Most blocks, and values in them, of one update that a client sends: some 250 bytes of memory each once applied.
pub const UPDATE_BLOCKS_MAX: usize = 1 << 20;

/// Most clients that one update of a client may speak for: a state that merges years of sessions stays below.
pub const UPDATE_CLIENTS_MAX: usize = 1 << 16;

/// How many edits between the same neighbours the merge engine may look at for all edits of one update: two people who each
/// inserted 2,000 times at the same place without seeing each other need 4 million looks, less than 0.4 s of processor time
/// (example `replay crowd`, release).
pub const UPDATE_LOOKS_MAX: usize = 1 << 22;

/// Most blocks of a whole document.
pub const DOCUMENT_BLOCKS_MAX: usize = 1 << 23;

/// Most updates that wait for an edit they build on, per document: what one service has published over two connections, and so may
/// come in another order, fits.
pub const PENDING_UPDATES_MAX: usize = 2 * ROOM_PUBLISHING_MAX;

/// Most bytes of updates that wait for an edit they build on, per document.
pub const PENDING_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// Longest formula of a cell, bytes.
pub const FORMULA_BYTES_MAX: usize = 8 * 1024;

/// Longest formula of a cell in its stored form, bytes: ids are longer than addresses.
pub const FORMULA_STORED_BYTES_MAX: usize = 64 * 1024;

/// Most sheets of a document.
pub const SHEETS_MAX: usize = 256;

/// Most rows of a sheet: their ids take some 60 bytes each in every window.
pub const SHEET_ROWS_MAX: usize = 200_000;

/// Most columns of a sheet; at most what the engine has (16,384).
pub const SHEET_COLS_MAX: usize = 4_096;

/// Most cells of a sheet that hold something: a million numbers are loaded in 36 ms.
pub const SHEET_CELLS_MAX: usize = 1 << 20;

/// Longest text of a cell, bytes: what other spreadsheets allow (32,767 characters).
pub const CELL_TEXT_BYTES_MAX: usize = 128 * 1024;

/// Longest style of a cell, bytes of JSON.
pub const STYLE_BYTES_MAX: usize = 1_024;

/// Longest name of a sheet, characters: what other spreadsheets allow is 31; ids of documents are no shorter than this.
pub const SHEET_NAME_CHARS_MAX: usize = 100;

/// Deepest nesting of a formula.
pub const FORMULA_NESTING_MAX: usize = 256;

/// Address space of the process that computes formulas, bytes; its engine's stack and the program are in it.
pub const CALCULATION_MEMORY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

/// How long one calculation of a workbook may take, seconds; 100,000 formulas take 31 ms.
pub const CALCULATION_SECONDS_MAX: u64 = 10;

/// Most sheets that the document service computes at once; others wait.
pub const CALCULATIONS_MAX: usize = 4;

/// Most cells of a workbook that formulas fill.
pub const CALCULATED_CELLS_MAX: usize = 2 * SHEET_CELLS_MAX;

/// Most bytes of all texts that the formulas of a workbook give.
pub const CALCULATED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most cells that one formula may spill into.
pub const SPILL_CELLS_MAX: usize = 100_000;

/// Unsent replies beyond which a node reads nothing more from a client, bytes. It sends requests and takes no answers: up to here it
/// may (a client that pipelines everything first and reads then), beyond it waits.
pub const UNSENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Replies to one client after which the others of its worker have their turn, bytes: beyond them by one reply at most.
pub const TURN_REPLY_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of values inside one Yjs update.
pub const UPDATE_NESTING_MAX: usize = 64;

/// Longest effect or entry in a file of a range, bytes: more than any command that a client can send, and a length field of 32 bits holds it
/// together with [`RECORD_BYTES_TARGET`].
pub const ITEM_BYTES_MAX: usize = 2 * QUERY_BUFFER_BYTES_MAX;

/// A record of this length takes no more items, bytes: what recovery reads at once, and what a damaged record costs at most.
pub const RECORD_BYTES_TARGET: usize = 1024 * 1024;

/// Effects of one range that may wait in memory for the disk, bytes, before replies are held: half a second of the fastest writer on one range.
pub const RANGE_PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Room that a range's pending buffer keeps after a burst, bytes: two milliseconds of the fastest writer.
pub const RANGE_PENDING_BYTES_KEPT: usize = 1024 * 1024;

/// What was written and not taken by a replica's link, bytes: some seconds of the fastest writer. A link further behind begins anew,
/// from the files of the log.
pub const FOLLOWED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Stretches of a log's history that are kept: a replica that missed more failovers than this is synced anew.
pub const HISTORY_STRETCHES_MAX: usize = 16;

/// How long the writer lets effects gather when nobody waits for them, milliseconds: what SIGKILL may take of writes nobody called saved.
pub const WRITE_DELAY_MS: u64 = 2;

/// Time between two fsyncs under `appendfsync everysec` when nobody waits, milliseconds.
pub const FSYNC_INTERVAL_MS: u64 = 1_000;

/// Length of a store's journal when it is made, bytes: some dozen group commits.
pub const JOURNAL_BYTES_MIN: usize = if cfg!(feature = "sim") { 32 * 1024 } else { 256 * 1024 };

/// Length of a store's journal when it was full some times, bytes: each time costs an fsync of every log, as long as some five group commits.
pub const JOURNAL_BYTES_MAX: usize = 16 * JOURNAL_BYTES_MIN;

/// Files that are fsynced at once.
pub const FSYNC_THREADS_MAX: usize = 4;

const _: () =
    assert!(ITEM_BYTES_MAX + RECORD_BYTES_TARGET + 64 <= u32::MAX as usize, "a record's length has 32 bits");
const _: () = assert!(
    RANGE_PENDING_BYTES_KEPT <= RANGE_PENDING_BYTES_MAX && RECORD_BYTES_TARGET <= RANGE_PENDING_BYTES_MAX
);

/// Most fields, members or elements of one value: records are numbered with 32 bits.
pub const COLLECTION_ENTRIES_MAX: usize = u32::MAX as usize - 1;

/// Most members that a RANDMEMBER command repeats in one reply: more than a client can want, less than a node can hold.
pub const RANDOM_MEMBERS_MAX: usize = 16 * 1024 * 1024;

/// Most fields of a hash kept packed: Redis's `hash-max-listpack-entries`.
pub const HASH_PACKED_ENTRIES_MAX: usize = 512;

/// Longest field or value of a hash kept packed, bytes: Redis's `hash-max-listpack-value`.
pub const HASH_PACKED_BYTES_MAX: usize = 64;

/// Largest node of a list unless it is one element, bytes: Redis's `list-max-listpack-size -2`.
pub const LIST_NODE_BYTES_MAX: usize = 8 * 1024;

/// Most members of a set of integers kept sorted and packed: Redis's `set-max-intset-entries`.
pub const SET_INTEGERS_MAX: usize = 512;

/// Most members of a set of strings kept packed: Redis 7.2's `set-max-listpack-entries`.
pub const SET_PACKED_ENTRIES_MAX: usize = 128;

/// Longest member of a set kept packed, bytes: Redis 7.2's `set-max-listpack-value`.
pub const SET_PACKED_BYTES_MAX: usize = 64;

/// Most members of a sorted set kept packed: Redis's `zset-max-listpack-entries`.
pub const SORTED_SET_COMPACT_ENTRIES_MAX: usize = 128;

/// Longest member of a sorted set kept packed, bytes: Redis's `zset-max-listpack-value`.
pub const SORTED_SET_COMPACT_BYTES_MAX: usize = 64;

/// A stream's block is closed at this size, bytes: Redis's `stream-node-max-bytes`.
pub const STREAM_BLOCK_BYTES_MAX: usize = 4 * 1024;

/// A stream's block is closed at so many entries: Redis's `stream-node-max-entries`.
pub const STREAM_BLOCK_ENTRIES_MAX: usize = 100;

/// Largest sum of names and values of one stream entry, bytes: Redis's `STREAM_LISTPACK_MAX_SIZE`.
pub const STREAM_ENTRY_BYTES_MAX: usize = 1 << 30;

const _: () = assert!(SLOTS.is_multiple_of(PARTITIONS) && SLOTS.is_multiple_of(RANGES));
const _: () = assert!(
    (SLOTS / PARTITIONS) <= SLOTS_PER_RANGE && SLOTS_PER_RANGE.is_multiple_of(SLOTS / PARTITIONS),
    "a partition lies in one range"
);
const _: () = assert!(MESSAGE_BYTES_MAX <= IN_FLIGHT_BYTES_MAX && MESSAGE_BYTES_MAX <= UNSAVED_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX <= DOCUMENT_BYTES_MAX && DOCUMENT_BYTES_MAX <= BULK_BYTES_MAX);
