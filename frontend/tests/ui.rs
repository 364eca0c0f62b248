//! The files of `tests/ui/parse`: each names the codes on the lines where they must appear, and no others.
//!
//! `//~ E0101` is about its own line, `//~^ E0101` about the line above; several codes mean several messages.

use dprog_frontend::ast::NodeIds;
use dprog_frontend::parser::parse_file;
use dprog_frontend::source::SourceMap;
use std::path::Path;

/// The codes that the comments of a file demand, with their lines.
fn expected(text: &str) -> Vec<(u32, String)> {
    let mut list = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((_, comment)) = line.split_once("//~") else { continue };
        let above = comment.bytes().take_while(|b| *b == b'^').count();
        let codes = comment[above..].split_whitespace();
        list.extend(codes.map(|code| (number - above as u32, code.to_string())));
    }
    list.sort();
    list
}

fn found(name: &str, text: &str) -> (Vec<(u32, String)>, String) {
    let mut map = SourceMap::new();
    let file = map.add(name, text);
    let problems = parse_file(file, text, &mut NodeIds::new()).1;
    let place = |d: &dprog_frontend::diagnostic::Diagnostic| map.line_col(d.primary.span).line;
    let mut list: Vec<_> = problems.iter().map(|d| (place(d), d.code.to_string())).collect();
    list.sort();
    let shown = problems.iter().map(|d| format!("  {name}:{}: {}: {}\n", place(d), d.code, d.message)).collect();
    (list, shown)
}

#[test]
fn mistakes_are_reported_where_they_are_and_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui/parse");
    let mut wrong = String::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "dp") {
            continue;
        }
        count += 1;
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a text");
        let (list, shown) = found(&name, &text);
        let wanted = expected(&text);
        if list != wanted {
            wrong.push_str(&format!("{name}: wanted {wanted:?}, found\n{shown}"));
        }
    }
    assert!(count > 50, "{count} files");
    assert!(wrong.is_empty(), "\n{wrong}");
}
