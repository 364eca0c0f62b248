//! Tests of the IR: the files under `tests/ir/`, one test each.
//!
//! - `roundtrip/`: the text prints as it stands; or, if the file says `; prints:`, as the comment below that says.
//! - `verify/`: each line marked `; error: V012` breaks that rule, and nothing else is broken.
//! - `run/`: calls of the interpreter, `; run: @f(1.5, 3) = 2.25`.
//!
//! Another folder gets a line in [`FOLDERS`] and a function here or in a module beside this file.

use dprog_tests::corpus;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

mod ir_roundtrip;
mod ir_run;
mod ir_verify;

/// Runs one file.
type Check = fn(text: &str) -> Result<(), Failed>;

/// The folders under `tests/ir/`, with what is done to each file in them. `pass/` has a harness of its own, `passes.rs`.
const FOLDERS: &[(&str, Check)] =
    &[("roundtrip", ir_roundtrip::check), ("verify", ir_verify::check), ("run", ir_run::check)];

fn main() {
    let args = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ir");
    let mut trials: Vec<Trial> = FOLDERS.iter().flat_map(|(folder, check)| trials(&root, folder, *check)).collect();
    let page = root.join("../../docs/ir.md");
    trials.push(Trial::test("docs/ir.md", move || check_page(&std::fs::read_to_string(page)?)));
    libtest_mimic::run(&args, trials).exit();
}

fn trials(root: &Path, folder: &'static str, check: Check) -> Vec<Trial> {
    let files = corpus::files(&root.join(folder), "ir");
    assert!(!files.is_empty(), "no tests in tests/ir/{folder}");
    let trial = |path: PathBuf| {
        let name = path.strip_prefix(root).expect("a file of the folder").display().to_string();
        Trial::test(name, move || check(&std::fs::read_to_string(&path)?))
    };
    files.into_iter().map(trial).collect()
}

/// The blocks of a page that are marked as IR: they print as they stand, and are legal.
fn check_page(page: &str) -> Result<(), Failed> {
    let blocks: Vec<&str> = page.split("```ir\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty(), "the page shows no IR");
    blocks.into_iter().try_for_each(|block| {
        ir_roundtrip::check(block)?;
        dprog_ir::verify::verify(&dprog_ir::parse::parse(block)?).map_err(|errors| format!("{errors:?}").into())
    })
}
