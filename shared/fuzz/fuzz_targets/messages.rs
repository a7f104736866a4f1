//! Messages of y-protocols: whatever comes, documents stay whole and honest edits go on.
#![no_main]

use shared::document::Kind;

libfuzzer_sys::fuzz_target!(|input: (bool, Vec<Vec<u8>>)| {
    let (sheet, frames) = input;
    let kind = if sheet { Kind::Sheet } else { Kind::Text };
    shared::testing::document_laws::messages_leave_a_document_whole(kind, &frames);
});
