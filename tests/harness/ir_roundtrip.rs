//! Print and parse are inverse.

use dprog_ir::parse::parse;
use dprog_ir::print::{PrintOptions, module_text};
use libtest_mimic::Failed;

pub fn check(text: &str) -> Result<(), Failed> {
    let module = parse(text)?;
    let options = PrintOptions { locations: text.contains("!loc"), ..PrintOptions::default() };
    let printed = module_text(&module, options);
    let wanted = wanted(text);
    if printed != wanted {
        return Err(format!("printed:\n{printed}\nwanted:\n{wanted}").into());
    }
    let again = module_text(&parse(&printed)?, options);
    if again == printed { Ok(()) } else { Err(format!("printed again:\n{again}").into()) }
}

/// The comment under `; prints:`, or else the whole text.
fn wanted(text: &str) -> String {
    match text.split_once("; prints:\n") {
        None => text.to_string(),
        Some((_, rest)) => {
            let lines = rest.lines().map_while(|line| line.strip_prefix(';'));
            lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_string() + "\n").collect()
        }
    }
}
