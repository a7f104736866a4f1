//! The walk against what yrs writes, and against crafted bytes.

use yrs::{Doc, Map, ReadTxn, Text, Transact, WriteTxn, XmlFragment};

use super::*;

#[test]
fn every_kind_of_content_that_a_client_writes_is_walked() {
    let doc = Doc::with_client_id(7);
    let mut txn = doc.transact_mut();
    let text = txn.get_or_insert_text("content");
    text.insert(&mut txn, 0, "ab😀");
    text.insert_with_attributes(&mut txn, 0, "b", [("bold".into(), true.into())].into());
    text.insert_embed(&mut txn, 1, yrs::Any::from_json(r#"{"image":"x"}"#).unwrap());
    text.remove_range(&mut txn, 2, 1);
    let map = txn.get_or_insert_map("m");
    map.insert(&mut txn, "number", 1.5);
    map.insert(&mut txn, "bytes", vec![1u8, 2, 3]);
    map.insert(&mut txn, "map", yrs::MapPrelim::from([("k", "v")]));
    let xml = txn.get_or_insert_xml_fragment("x");
    xml.insert(&mut txn, 0, yrs::XmlElementPrelim::empty("p"));
    let update = txn.encode_state_as_update_v1(&yrs::StateVector::default());
    let walked = Update::walk(&update, Bounds::MESSAGE).unwrap();
    let facts = walked.facts();
    assert_eq!(facts.clocks.len(), 1);
    assert_eq!(facts.state_vector().clock(7), txn.state_vector().get(&yrs::ClientID::new(7)));
    assert_eq!(facts.deletes.len(), 1);
    for cut in 0..update.len() {
        assert!(validate(&update[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn huge_counts_and_clocks_are_refused_before_anything_is_kept() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x07];
    assert_eq!(validate(&huge), Err(BadUpdate::Encoding(BadEncoding::End)));
    // One client, one block, id 1, clock 2³¹ − 1, a deleted block of length 1.
    let late = [1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 1, 0];
    assert_eq!(validate(&late), Err(BadUpdate::Clock));
    // Deletions: one client, id 1, one range, from 1, 2³¹ − 1 long.
    let beyond = [0, 1, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x07];
    assert_eq!(validate(&beyond), Err(BadUpdate::Clock));
}

#[test]
fn kinds_that_nobody_writes_and_doubled_clients_are_refused() {
    let item = |info: u8, content: &[u8]| [&[1, 1, 1, 0, info, 1, 1, b'c'][..], content, &[0]].concat();
    assert!(validate(&item(0x04, &[1, b'x'])).is_ok());
    for (bytes, why) in [
        (item(0x02, &[1, 1, b'1']), BadUpdate::Kind(2)),
        (item(0x09, &[1, b'g', 126]), BadUpdate::Kind(9)),
        (item(0x0b, &[0]), BadUpdate::Kind(11)),
        (item(0x14, &[1, b'x']), BadUpdate::Kind(20)),
        (item(0x07, &[7]), BadUpdate::Type(7)),
        (item(0x04, &[0]), BadUpdate::EmptyBlock),
        (item(0x05, &[3, b'"', b'x', b'"']), BadUpdate::NotText),
        (item(0x05, &[1, b'{']), BadUpdate::Json),
        (item(0x04, &[1, 0xff]), BadUpdate::Encoding(BadEncoding::Utf8)),
        (vec![2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0], BadUpdate::ClientTwice(1)),
        (vec![0, 2, 1, 0, 1, 0], BadUpdate::ClientTwice(1)),
        (vec![0, 1, 1, 2, 5, 1, 4, 1], BadUpdate::DeleteOrder),
        (vec![1, 1, 1, 3, 0x84, 1, 3, 1, b'x', 0], BadUpdate::OwnFuture),
        (vec![0, 0, 0], BadUpdate::Trailing(1)),
    ] {
        assert_eq!(validate(&bytes), Err(why), "{bytes:?}");
    }
}
