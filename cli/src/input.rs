//! Reads what the command line names.

use crate::status::Failure;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The name of standard input.
const STDIN: &str = "-";

/// A source file as it was named, and its bytes.
pub struct Input {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Reads a file, or standard input where it is `-`.
pub fn read(path: &Path) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let bytes = if name == STDIN { read_stdin() } else { std::fs::read(path) };
    let bytes = bytes.map_err(|error| Failure::environment(format!("cannot read {name}: {}", reason(&error))))?;
    Ok(Input { name, bytes })
}

fn read_stdin() -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file, or all source files below a folder in the order of their names.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    collect(path, &mut found).map_err(|error| {
        Failure::environment(format!("cannot read the folder {}: {}", path.display(), reason(&error)))
    })?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "dp") {
            found.push(path);
        }
    }
    Ok(())
}

/// An error of the system without its number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
