//! What the compiler says about mistakes with formats: the words are part of the library.
//!
//! A case in `fail/` has its message beside it, in the words of the current stable compiler;
//! `TRYBUILD=overwrite` writes it anew. Cases in `pass/` compile and run.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/*.rs");
    cases.pass("ui/pass/*.rs");
}
