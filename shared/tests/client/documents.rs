//! The bodies of the fuzz targets for documents, on random bytes: so that they run with every test, without a fuzzer.

use proptest::prelude::*;
use shared::document::Kind;
use shared::testing::document_laws as laws;

/// Bytes that look like an update: small numbers, info bytes of blocks, names of roots.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => (0..5u8).prop_map(|byte| vec![byte]),
        2 => prop::sample::select(vec![0x04u8, 0x84, 0xC4, 0x44, 0x81, 0x87, 0x27, 0x28, 0x00, 0x0A]).prop_map(|byte| vec![byte]),
        1 => Just(b"\x01\x07content".to_vec()),
        1 => Just(b"\x01\x06sheets".to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_messages_leave_a_text_whole(frames in prop::collection::vec(frame(), 0..6)) {
        laws::messages_leave_a_document_whole(Kind::Text, &frames);
    }

    #[test]
    fn any_messages_leave_a_sheet_whole(frames in prop::collection::vec(frame(), 0..6)) {
        laws::messages_leave_a_document_whole(Kind::Sheet, &frames);
    }

    #[test]
    fn any_formula_is_refused_or_reads_the_same_when_typed_again(
        pieces in prop::collection::vec(
            (prop_oneof!["[(){}+@ -]{1,3}", "[A-C]{1,2}[1-9]{1,2}", "'It''s data'!", "[:,!$\"'&^%#é]", "(IF|SUM)\\(", "[a-z0-9.]{1,3}"], prop_oneof![8 => 1..3u16, 1 => 1..40_000u16]),
            0..12,
        ),
    ) {
        laws::formulas_mean_the_same_when_typed_again(&pieces);
    }
}

#[test]
fn formulas_nested_a_hundred_thousand_deep_are_refused_in_time() {
    let nest = |open: &str, close: &str| {
        vec![
            (open.to_owned(), 50_000),
            (open.to_owned(), 50_000),
            ("1".to_owned(), 1),
            (close.to_owned(), 50_000),
            (close.to_owned(), 50_000),
        ]
    };
    for (open, close) in
        [("(", ")"), ("{", "}"), ("-", ""), ("IF(1,", ")"), ("+@", ""), ("A1:", "A1"), ("\"", ""), ("'", "")]
    {
        laws::formulas_mean_the_same_when_typed_again(&nest(open, close));
    }
}
