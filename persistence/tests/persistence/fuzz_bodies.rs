//! The bodies of the fuzz targets, on random bytes: so that they run with every test, without a fuzzer.

use proptest::prelude::*;

#[path = "../../fuzz/bodies.rs"]
#[allow(unreachable_pub, reason = "in the fuzz targets it is a module of a binary")]
mod bodies;

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    // Small numbers are likely: as lengths they fit.
    let byte = prop_oneof![4 => Just(0u8), 2 => 0..32u8, 1 => any::<u8>()];
    prop::collection::vec(byte, 0..most)
}

proptest! {
    #[test]
    fn items_of_any_payload_stay_within_it(payload in bytes(300)) {
        bodies::items(&payload);
    }

    #[test]
    fn a_manifest_is_the_one_form_or_refused(
        bytes in bytes(200), text in "rustidocs range manifest 1\nrange [0-9]{1,2}\nbase (none|[0-9]{1,3} [0-9]{1,3})\nlogs [0-9]( [0-9]){0,3}\nreaches [0-9]{1,3}\n",
    ) {
        bodies::manifest(&bytes);
        bodies::manifest(text.as_bytes());
    }

    #[test]
    fn any_bytes_as_a_log_are_recovered_or_refused(bytes in bytes(600)) {
        bodies::log(&bytes);
    }
}
