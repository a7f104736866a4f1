//! Bad bytes and slow clients: the one at fault is refused, everybody else is undisturbed.

use shared::limits::{
    CLIENT_MESSAGES_BURST_MAX, CLIENT_MESSAGES_PER_SECOND_MAX, HTTP_BODY_BYTES_MAX, MESSAGE_BYTES_MAX,
    OUTBOX_BYTES_MAX,
};
use shared::names::DocumentId;
use shared::protocol::Message;
use shared::rt::time::Instant;
use shared::testing::wait;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use yrs::updates::decoder::Decode;
use yrs::{Transact, Update};

use crate::support::http::request;
use crate::support::resp::{log_length, owner, spublish, wait_snapshot};
use crate::support::stage::Stage;
use crate::support::ws::{Ws, new_doc, typed};
use crate::support::yjs::Yjs;

#[tokio::test]
async fn bad_frames_close_their_connection_with_a_reason_and_no_other() {
    let stage = Stage::ours();
    let address = stage.address();
    let mut ana = Ws::join(&address, "notes").await;
    ana.type_in("fine").await;
    ana.seen().await;
    let crafted = Message::Update(&[1, 1, 1, 0, 0x87, 1, 1, 200, 1]).encode();
    let huge_count = Message::Update(&[255, 255, 255, 255, 15, 1, 1]).encode();
    let bad: [(&str, Vec<u8>, u16); 6] = [
        ("no message", vec![77], 1008),
        ("an empty frame", vec![], 1008),
        ("a cut update", vec![0, 2, 9, 1, 1], 1008),
        ("a neighbour that does not exist", crafted, 1008),
        ("a count without content", huge_count, 1008),
        ("a state vector that is none", vec![0, 0, 2, 9, 9], 1008),
    ];
    for (what, bytes, code) in bad {
        let mut mallory = Ws::connect(&address, "notes").await;
        mallory.send(&bytes).await;
        let closed = mallory.wait_closed().await;
        assert_eq!(closed.code, code, "{what}: {closed:?}");
        assert!(closed.reason.contains("refused"), "{what}: {closed:?}");
    }
    let mut mallory = Ws::connect(&address, "notes").await;
    mallory.send_frame(Frame::text("hello")).await;
    assert_eq!(mallory.wait_closed().await.code, 1003);
    ana.type_in(" still").await;
    ana.seen().await;
    assert!(stage.service.process().unwrap().log().contains("a client was closed"));
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_refused() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    // Twice the bound: most of it is never read by the protocol, and the client hears why all the same.
    for bytes in [MESSAGE_BYTES_MAX + 1, 2 * MESSAGE_BYTES_MAX] {
        let mut mallory = Ws::connect(&stage.address(), "notes").await;
        mallory.send(&vec![0; bytes]).await;
        let closed = mallory.wait_closed().await;
        assert_eq!((closed.code, closed.reason.as_str()), (1009, "the message is too big"));
    }
    ana.type_in("undisturbed").await;
    ana.seen().await;
}

#[test]
fn who_pastes_more_than_a_message_holds_hears_why() {
    let stage = Stage::ours();
    let (mut ana, mut ben) = (Yjs::join(&stage.address(), "notes"), Yjs::join(&stage.address(), "notes"));
    ana.append(&"x".repeat(MESSAGE_BYTES_MAX + 1));
    wait::until("Ana's program is told that it is too big", || {
        ana.ask("closed", serde_json::json!({}))["code"] == 1009
    });
    ben.append("undisturbed");
    wait_snapshot(&stage.cluster, "notes", "undisturbed");
}

#[tokio::test]
async fn text_that_is_no_utf8_is_refused_wherever_it_stands() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let letters = [1, 1, 1, 0, 4, 1, 7, b'c', b'o', b'n', b't', b'e', b'n', b't', 2, 0xC3, 0x28, 0];
    let bad: [(&str, Frame, u16); 3] = [
        ("letters", Frame::binary(Message::Update(&letters).encode()), 1008),
        ("presence", Frame::binary(Message::Awareness(&[1, 5, 1, 4, b'"', 0xC3, 0x28, b'"']).encode()), 1008),
        (
            "a text frame",
            Frame::Frame(RawFrame::message(vec![0xC3, 0x28], OpCode::Data(Data::Text), true)),
            1003,
        ),
    ];
    for (what, frame, code) in bad {
        let mut mallory = Ws::connect(&stage.address(), "notes").await;
        mallory.send_frame(frame).await;
        let closed = mallory.wait_closed().await;
        assert!(closed.code == code && !closed.reason.is_empty(), "{what}: {closed:?}");
    }
    ana.type_in("undisturbed").await;
    ana.seen().await;
    assert_eq!(ana.text(), "undisturbed");
}

#[tokio::test]
async fn an_address_that_names_no_document_is_refused_with_words_a_browser_shows() {
    let stage = Stage::ours();
    let long = "x".repeat(201);
    for (path, word) in
        [("a%7Bb", "'{'"), ("a%20b", "' '"), ("a/b", "'/'"), ("a%00b", "'\\0'"), (&long, "200 bytes")]
    {
        let mut client = Ws::connect(&stage.address(), path).await;
        let closed = client.wait_closed().await;
        assert!(closed.code == 1008 && closed.reason.contains(word), "{path}: {closed:?}");
    }
    for (path, status) in [("/ws/%FF", 400), ("/ws/notes", 400), ("/ws/", 404)] {
        let answer = request(&stage.service, "GET", path, None);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.error().is_empty());
    }
    assert!(request(&stage.service, "GET", "/metrics", None).body.contains("\nrustidocs_rooms 0\n"));
    // A name in any script is one.
    let mut ana = Ws::join(&stage.address(), "%C3%A9t%C3%A9%F0%9F%99%82").await;
    ana.type_in("bonjour").await;
    wait_snapshot(&stage.cluster, "été🙂", "bonjour");
}

#[tokio::test]
async fn hostile_bytes_on_the_channel_and_in_the_log_are_not_applied() {
    let stage = Stage::redis();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    ana.type_in("whole").await;
    ana.seen().await;
    let mut wire = owner(&stage.cluster, "notes");
    let crafted: &[u8] = &[1, 1, 1, 0, 0x87, 1, 1, 200, 1];
    for bytes in [&b""[..], b"hello", &[255; 100], &Message::Update(crafted).encode(), &[0, 2, 200, 1]] {
        spublish(&mut wire, "notes", bytes);
        let update: &[u8] = if bytes.is_empty() { b"x" } else { bytes };
        let added = wire.call(&[&b"XADD"[..], b"doc:{notes}:log", b"*", b"u", update]);
        assert!(added.as_error().is_none(), "{added}");
    }
    ana.type_in(" still").await;
    ana.seen().await;
    wait_snapshot(&stage.cluster, "notes", "whole still");
    let metrics = request(&stage.service, "GET", "/metrics", None).body;
    let bad = metrics.lines().find(|line| line.starts_with("rustidocs_bad_messages_total ")).unwrap();
    assert!(bad.split(' ').nth(1).unwrap().parse::<u64>().unwrap() >= 5, "{bad}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_the_others_type_on() {
    let stage = Stage::ours();
    let address = stage.address();
    let mut ana = Ws::join(&address, "notes").await;
    let sleeper = Ws::join(&address, "notes").await;
    // Beyond what the sleeper's outbox and both sockets' buffers hold.
    let chunk = "x".repeat(512 * 1024);
    let mut length = 0;
    while length < 4 * OUTBOX_BYTES_MAX {
        ana.type_in(&chunk).await;
        length += chunk.len();
        ana.seen().await;
    }
    let dropped = || {
        let metrics = request(&stage.service, "GET", "/metrics", None).body;
        metrics.contains("\nrustidocs_too_slow_total 1\n") && metrics.contains("\nrustidocs_clients 1\n")
    };
    wait::until("the sleeper is dropped", dropped);
    drop(sleeper);
}

#[tokio::test]
async fn a_flood_of_mutated_updates_leaves_the_document_whole() {
    let stage = Stage::ours();
    let address = stage.address();
    let mut ana = Ws::join(&address, "notes").await;
    let (mallory_doc, mut rng) = (new_doc(), shared::rt::rng::Rng::from_seed(7));
    let mut expected = String::new();
    for round in 0..300 {
        let mut update = typed(&mallory_doc, "evil");
        for _ in 0..=rng.below(3) {
            let at = rng.below(update.len() as u64) as usize;
            update[at] = rng.next_u64() as u8;
        }
        let mut mallory = Ws::connect(&address, "notes").await;
        mallory.send(&Message::Update(&update).encode()).await;
        if round % 10 == 0 {
            ana.type_in("good ").await;
            expected.push_str("good ");
            ana.seen().await;
        }
    }
    let mut late = Ws::join(&address, "notes").await;
    late.type_in("!").await;
    late.hear().await.expect("open");
    let good = late.text().matches("good ").count();
    assert_eq!(good, expected.len() / 5, "{}", late.text());
    assert_eq!(request(&stage.service, "GET", "/documents/notes?format=text", None).status, 200);
}

#[tokio::test]
async fn of_an_edit_that_may_not_fit_nobody_gets_the_bytes() {
    let stage = Stage::ours();
    let id: DocumentId = "notes".parse().unwrap();
    let mut listener = owner(&stage.cluster, "notes");
    listener.call(&["SSUBSCRIBE", &id.channel()]);
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let mut mallory = Ws::connect(&stage.address(), "notes").await;
    let ghost = new_doc();
    typed(&ghost, "never sent ");
    let waits = Message::Update(&typed(&ghost, "waits")).encode();
    mallory.send(&waits).await;
    // What a client has in advance of another, which it hands in as an answer.
    mallory.send(&[&[0, 1], &waits[2..]].concat()).await;
    while !mallory.hear().await.unwrap().starts_with(&[0, 0]) {}
    let update = ana.type_in("fine").await;
    ana.seen().await;
    let heard = listener.read().into_elements().unwrap();
    assert_eq!(heard[2].as_bytes(), Some(&Message::Update(&update).encode()[..]));
    assert_eq!(log_length(&stage.cluster, "notes"), 1);
    wait_snapshot(&stage.cluster, "notes", "fine");
}

#[tokio::test]
async fn who_sends_faster_than_it_may_is_read_later_and_loses_nothing() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let mut hasty = Ws::join(&stage.address(), "notes").await;
    let over = CLIENT_MESSAGES_PER_SECOND_MAX / 2;
    let began_at = Instant::now();
    let nothing = Message::Update(&[0, 0]).encode();
    for _ in 0..CLIENT_MESSAGES_BURST_MAX + over {
        hasty.send(&nothing).await;
    }
    hasty.type_in("last").await;
    ana.type_in("undisturbed ").await;
    ana.seen().await;
    while !ana.text().contains("last") {
        ana.hear().await.unwrap();
    }
    assert!(began_at.elapsed().as_millis() >= 500, "half a second's messages above the burst");
}

#[tokio::test]
async fn a_hundred_thousand_mutated_updates_on_the_channel_leave_document_snapshot_and_process_whole() {
    let stage = Stage::ours();
    let mut ana = Ws::join(&stage.address(), "notes").await;
    let seed = shared::rt::rng::random_u64();
    println!("seed {seed}");
    let mut rng = shared::rt::rng::Rng::from_seed(seed);
    let mut wire = owner(&stage.cluster, "notes");
    let mallory = new_doc();
    let mut sound: Vec<Vec<u8>> = Vec::new();
    for _ in 0..100 {
        // Her edits stand between Ana's, so mutations name those too, but never speak for Ana: who may is not known here.
        let good = ana.type_in("good ").await;
        mallory.transact_mut().apply_update(Update::decode_v1(&good).unwrap()).unwrap();
        sound.push(typed(&mallory, "evil"));
        let mut hostile = Vec::new();
        for _ in 0..1_000 {
            let mut update = sound[rng.below(sound.len() as u64) as usize].clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(update.len() as u64) as usize;
                update[at] = rng.next_u64() as u8;
            }
            hostile.push(Message::Update(&update).encode());
        }
        for message in &hostile {
            spublish(&mut wire, "notes", message);
        }
        // Neither refused nor held up. (Mutations may write between her letters: that is an edit like any other.)
        ana.seen().await;
    }
    // Unguarded clients that heard what was relayed, one that comes now, and the snapshot: all the same.
    // (Ana's own come back from the log too, before what is on the channel in front of them: what somebody else says last is waited for.)
    let last = typed(&new_doc(), "the end of mallory");
    spublish(&mut wire, "notes", &Message::Update(&last).encode());
    while !ana.text().contains("the end of mallory") {
        ana.hear().await.expect("the connection stays");
    }
    let late = Ws::join(&stage.address(), "notes").await;
    assert_eq!(late.text(), ana.text(), "seed {seed}");
    wait_snapshot(&stage.cluster, "notes", &ana.text());
    assert!(!stage.service.process().unwrap().log().contains("panicked"), "seed {seed}");
}

#[test]
fn bad_requests_are_answered_with_words() {
    let stage = Stage::ours();
    let long = "x".repeat(201);
    for (method, path, status) in [
        ("GET", "/documents/no-such", 404),
        ("GET", "/documents/no-such?format=pdf", 400),
        ("GET", "/documents/a%7Bb", 400),
        ("GET", &format!("/documents/{long}"), 400),
        ("DELETE", "/documents/no-such", 404),
        ("GET", "/documents/%FF", 400),
        ("GET", "/documents?limit=many", 400),
        ("GET", "/documents?offset=-1", 400),
        ("GET", "/documents?workspace=a%7Db", 400),
        ("PUT", "/documents/no-such", 405),
        ("GET", "/elsewhere", 404),
    ] {
        let answer = request(&stage.service, method, path, None);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(!answer.error().is_empty() && !answer.error().contains("Failed to"), "{answer:?}");
    }
    for body in [
        r#"{"kind":"song"}"#,
        r#"{"title":"x"}"#,
        r#"{"kind":"text","title":""}"#,
        r#"{"kind":"text","id":"a b"}"#,
        r#"{"kind":"text","title":"a\u0000b"}"#,
        r#"{"kind":"text","workspace":"a b"}"#,
    ] {
        let answer = request(&stage.service, "POST", "/documents", Some(serde_json::from_str(body).unwrap()));
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert!(!answer.error().is_empty());
    }
    // What is no JSON of this shape, and what is too long to be read.
    let huge = format!(r#"{{"kind":"text","title":"{}"}}"#, "x".repeat(HTTP_BODY_BYTES_MAX));
    for (body, status) in
        [("{", 400), (r#"{"kind":7}"#, 400), (r#"{"kind":"text","colour":"red"}"#, 400), (&huge, 413)]
    {
        let answer = stage.service.request("POST", "/documents", body).unwrap();
        let said = answer.starts_with(&format!("HTTP/1.1 {status} "))
            && answer.contains(r#"{"error":""#)
            && !answer.contains("Failed to");
        assert!(said, "{}: {answer}", &body[..body.len().min(40)]);
    }
}
