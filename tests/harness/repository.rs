//! Rules of the repository, as tests: who imports whom, where `unsafe` may stand, what every file begins with, and that no
//! match that decides about operations has a default arm.

use dprog_tests::source_scan::{code_only, default_arms_on_operations};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// Rooms and the rooms they may see; docs/architecture.md says the same in words.
const EDGES: &[(&str, &[&str])] = &[
    ("ir", &[]),
    ("frontend", &["dprog-ir"]),
    ("ad-pass", &["dprog-ir"]),
    ("runtime", &["dprog-ir"]),
    ("runtime/archive", &[]),
    ("codegen", &["dprog-ir", "dprog-runtime"]),
    ("dprog", &["dprog-frontend", "dprog-ad", "dprog-codegen", "dprog-runtime", "dprog-runtime-archive", "dprog-ir"]),
    ("cli", &["dprog"]),
    ("benches/gradbench", &["dprog"]),
    ("benches/kernels", &["dprog"]),
];

/// Rooms in which `unsafe` may occur.
const UNSAFE: &[&str] = &["codegen", "runtime", "dprog/src/embed", "dprog/c", "benches/kernels/src"];

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let rooms = EDGES.iter().map(|(room, _)| *room).chain(["tests"]);
    rooms.for_each(|room| collect(&root().join(room), &mut files));
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn rooms_import_only_whom_they_may() {
    for (room, allowed) in EDGES {
        let text = std::fs::read_to_string(root().join(room).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let names = manifest.get("dependencies").and_then(|d| d.as_table()).into_iter().flat_map(|d| d.keys());
        let ours: BTreeSet<&str> = names.map(String::as_str).filter(|name| name.starts_with("dprog")).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(ours.is_subset(&allowed), "{room} imports {:?}", ours.difference(&allowed));
    }
}

#[test]
fn only_code_generation_names_cranelift() {
    for (room, _) in EDGES.iter().filter(|(room, _)| *room != "codegen") {
        let text = std::fs::read_to_string(root().join(room).join("Cargo.toml")).expect("a manifest");
        assert!(!text.contains("cranelift"), "{room}");
    }
}

#[test]
fn unsafe_code_stands_where_it_may() {
    for path in rust_files() {
        if UNSAFE.iter().any(|room| path.starts_with(root().join(room))) {
            continue;
        }
        let text = code_only(&std::fs::read_to_string(&path).expect("a file that was just listed"));
        let found = text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        assert!(!found, "{}", shown(&path));
    }
}

#[test]
fn every_file_opens_with_its_idea() {
    for path in rust_files() {
        let text = std::fs::read_to_string(&path).expect("a file that was just listed");
        assert!(text.starts_with("//! "), "{}", shown(&path));
        assert!(!text.starts_with("//! Placeholder"), "{}", shown(&path));
    }
}

/// Where something must be decided about each operation. An optimization that knows about some and leaves the others alone
/// is free to say so by a default arm.
const DECIDING: &[&str] =
    &["ir/src/typing", "ir/src/print", "ir/src/opcode", "ir/src/interp", "ad-pass/src/rules", "codegen/src/lower"];

/// Adding an operation stops the build wherever something must be decided about it.
#[test]
fn matches_on_operations_are_exhaustive() {
    let mut found = Vec::new();
    for path in rust_files().iter().filter(|path| DECIDING.iter().any(|room| shown(path).starts_with(room))) {
        let text = std::fs::read_to_string(path).expect("a file that was just listed");
        found.extend(default_arms_on_operations(&text).into_iter().map(|line| format!("{}:{line}", shown(path))));
    }
    assert!(found.is_empty(), "a default arm in a match on an operation:\n{}", found.join("\n"));
}

#[test]
fn files_are_no_longer_than_a_reader_can_bear() {
    for path in rust_files() {
        let lines = std::fs::read_to_string(&path).expect("a file that was just listed").lines().count();
        assert!(lines <= 900, "{} has {lines} lines", shown(&path));
    }
}
