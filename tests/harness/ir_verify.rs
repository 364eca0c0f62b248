//! Each line marked `; error: V012` breaks that rule, and nothing else is broken. Mistakes without an instruction count
//! for the line of their function; those of node types are marked `; error anywhere: V003`.

use dprog_ir::parse::parse_with_lines;
use dprog_ir::verify::{VerifyError, verify};
use libtest_mimic::Failed;

pub fn check(text: &str) -> Result<(), Failed> {
    let (module, lines) = parse_with_lines(text)?;
    let errors = verify(&module).err().unwrap_or_default();
    let line = |e: &VerifyError| {
        let func = e.func?;
        e.inst.and_then(|inst| lines.instructions.get(&(func, inst))).or_else(|| lines.functions.get(&func)).copied()
    };
    let mut found: Vec<(Option<u32>, String)> = errors.iter().map(|e| (line(e), format!("V{:03}", e.rule))).collect();
    let mut wanted = Vec::new();
    for (k, line) in text.lines().enumerate() {
        if let Some((_, rule)) = line.split_once("; error anywhere: ") {
            wanted.push((None, rule.trim().to_string()));
        } else if let Some((_, rule)) = line.split_once("; error: ") {
            wanted.push((Some(k as u32 + 1), rule.trim().to_string()));
        }
    }
    (found.sort(), wanted.sort());
    if wanted.is_empty() {
        return Err("this file marks no mistake".into());
    }
    let drawn: String = errors.iter().map(|e| e.render(&module)).collect();
    if found == wanted { Ok(()) } else { Err(format!("found {found:?}, wanted {wanted:?}\n{drawn}").into()) }
}
