//! Every code has a page in `docs/errors/`, and the page is right: what it says fails does, with this code first, and
//! what it says to write instead is read without a word.

use dprog_frontend::ast::NodeIds;
use dprog_frontend::check::check_program;
use dprog_frontend::errors::{
    calls, differential, exports, items, lex, models, names, patterns, places, syntax, types, unsupported,
};
use dprog_frontend::parser::parse_file;
use dprog_frontend::resolve::NoModules;
use dprog_frontend::source::{FileId, SourceMap};
use std::path::Path;

/// Pages whose mistake cannot be written into a page.
const WITHOUT_EXAMPLE: &[&str] = &["E0001", "E0204"];

/// The codes of all files that have pages of their own.
const CODES: &[&[&str]] = &[
    lex::CODES,
    syntax::CODES,
    names::CODES,
    types::CODES,
    calls::CODES,
    places::CODES,
    items::CODES,
    models::CODES,
    patterns::CODES,
    exports::CODES,
    differential::CODES,
    unsupported::CODES,
];

/// What is reported: for the pages of lexer and parser (below E0200) by these alone, since some of them teach the form of what
/// the checker refuses with E0690 to E0694.
fn codes(page: &str, text: &str) -> Vec<&'static str> {
    if page < "E0200" {
        return parse_file(FileId(0), text, &mut NodeIds::new()).1.iter().map(|d| d.code).collect();
    }
    let mut sources = SourceMap::new();
    let root = sources.add("page.dp", text);
    check_program(root, &mut sources, &NoModules).1.iter().map(|d| d.code).collect()
}

/// The blocks of a page that begin with this fence.
fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let open = format!("```{fence}\n");
    page.split(&open).skip(1).map(|rest| rest.split("```").next().expect("a block")).collect()
}

#[test]
fn every_code_has_a_page_whose_examples_hold() {
    let mut wrong: Vec<String> = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    for code in CODES.iter().copied().flatten() {
        let page = std::fs::read_to_string(folder.join(format!("{code}.md"))).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        let failing = blocks(&page, "dprog,fails");
        assert_eq!(failing.is_empty(), WITHOUT_EXAMPLE.contains(code), "{code}");
        for text in failing {
            let found = codes(code, text);
            if !found.iter().all(|c| c == code) || !(1..=2).contains(&found.len()) {
                wrong.push(format!("{code}: {found:?}\n{text}"));
            }
        }
        let right = blocks(&page, "dprog").into_iter().filter(|text| !codes(code, text).is_empty());
        wrong.extend(right.map(|text| format!("{code}: {:?}\n{text}", codes(code, text))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
