//! Formulas: refused, or the same when what is shown is typed again. Pieces are repeated, so nesting goes deep.
#![no_main]

libfuzzer_sys::fuzz_target!(|pieces: Vec<(String, u16)>| {
    shared::testing::document_laws::formulas_mean_the_same_when_typed_again(&pieces);
});
