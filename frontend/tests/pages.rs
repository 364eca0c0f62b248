//! Every code has a page in `docs/errors/`, and the page is right: what it says fails does, with this code first, and
//! what it says to write instead is read without a word.

use dprog_frontend::ast::NodeIds;
use dprog_frontend::errors::{lex, syntax};
use dprog_frontend::parser::parse_file;
use dprog_frontend::source::FileId;
use std::path::Path;

/// Pages whose mistake cannot be written into a page.
const WITHOUT_EXAMPLE: &[&str] = &["E0001"];

fn codes(text: &str) -> Vec<&'static str> {
    parse_file(FileId(0), text, &mut NodeIds::new()).1.iter().map(|d| d.code).collect()
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
    for code in lex::CODES.iter().chain(syntax::CODES) {
        let page = std::fs::read_to_string(folder.join(format!("{code}.md"))).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        let failing = blocks(&page, "dprog,fails");
        assert_eq!(failing.is_empty(), WITHOUT_EXAMPLE.contains(code), "{code}");
        for text in failing {
            let found = codes(text);
            if !found.iter().all(|c| c == code) || !(1..=2).contains(&found.len()) {
                wrong.push(format!("{code}: {found:?}\n{text}"));
            }
        }
        let right = blocks(&page, "dprog").into_iter().filter(|text| !codes(text).is_empty());
        wrong.extend(right.map(|text| format!("{code}: {:?}\n{text}", codes(text))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
