//! Where each kind of output goes.
//!
//! Without `-o` files lie in the current folder and are named after the source. `-o FOLDER/` names the folder, `-o FILE` the file if
//! there is one; if there are several, the one that has this extension, and the others are named alike.

use crate::args::Emit;
use std::path::{Path, PathBuf};

/// The file for one of several kinds; `stem` is the name of the source without its extension.
pub fn path(kind: Emit, kinds: &[Emit], stem: &str, output: Option<&Path>) -> PathBuf {
    let Some(output) = output else { return PathBuf::from(name(kind, stem)) };
    if is_folder(output) {
        return output.join(name(kind, stem));
    }
    if kinds.len() == 1 || is_for(kind, output) {
        return output.to_path_buf();
    }
    let owner = kinds.iter().find(|kind| is_for(**kind, output));
    output.with_file_name(name(kind, &base(output, owner.copied())))
}

/// The file for the runtime, which is the same for all sources. `-o FILE` names it if nothing else is written.
pub fn runtime(alone: bool, output: Option<&Path>) -> PathBuf {
    let name = name(Emit::Runtime, "dprog_rt");
    match output {
        None => PathBuf::from(name),
        Some(output) if is_folder(output) => output.join(name),
        Some(output) if alone => output.to_path_buf(),
        Some(output) => output.with_file_name(name),
    }
}

/// Whether `-o` names a folder.
pub fn is_folder(output: &Path) -> bool {
    output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// What a source is called in the names of outputs.
pub fn stem(source: &Path) -> String {
    match source.file_stem() {
        Some(stem) if source != Path::new("-") => stem.to_string_lossy().into_owned(),
        _ => "out".to_string(),
    }
}

/// Prefix and extension.
fn affixes(kind: Emit) -> (&'static str, &'static str) {
    match kind {
        Emit::Obj => ("", "o"),
        Emit::Header => ("", "h"),
        Emit::Staticlib => ("lib", "a"),
        Emit::Sharedlib => ("lib", "so"),
        Emit::Exe => ("", ""),
        Emit::Runtime => ("lib", "a"),
        Emit::Ir => ("", "ir"),
        Emit::Adjoint => ("", "adjoint.ir"),
        Emit::Clif => ("", "clif"),
        Emit::Asm => ("", "s"),
    }
}

fn name(kind: Emit, stem: &str) -> String {
    match affixes(kind) {
        (prefix, "") => format!("{prefix}{stem}"),
        (prefix, extension) => format!("{prefix}{stem}.{extension}"),
    }
}

fn is_for(kind: Emit, output: &Path) -> bool {
    let (_, extension) = affixes(kind);
    extension == output.extension().and_then(|e| e.to_str()).unwrap_or("")
}

/// What the files have in common, from the name of one of them.
fn base(output: &Path, owner: Option<Emit>) -> String {
    let whole = output.file_name().unwrap_or_default().to_string_lossy();
    let Some(owner) = owner else { return whole.into_owned() };
    let stem = output.file_stem().unwrap_or_default().to_string_lossy();
    stem.strip_prefix(affixes(owner).0).unwrap_or(&stem).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kinds: &[Emit], output: Option<&str>) -> Vec<String> {
        let output = output.map(Path::new);
        kinds.iter().map(|kind| path(*kind, kinds, "model", output).display().to_string()).collect()
    }

    #[test]
    fn files_are_named_after_the_source() {
        use Emit::{Exe, Header, Obj, Sharedlib, Staticlib};
        let all = [Obj, Header, Staticlib, Sharedlib, Exe];
        assert_eq!(names(&all, None), ["model.o", "model.h", "libmodel.a", "libmodel.so", "model"]);
        assert_eq!(names(&[Obj, Header], Some("build/")), ["build/model.o", "build/model.h"]);
    }

    #[test]
    fn the_runtime_has_its_own_name() {
        let at = |alone, output: Option<&str>| runtime(alone, output.map(Path::new)).display().to_string();
        assert_eq!([at(true, None), at(true, Some("lib/"))], ["libdprog_rt.a", "lib/libdprog_rt.a"]);
        assert_eq!([at(true, Some("x/rt.a")), at(false, Some("x/y.o"))], ["x/rt.a", "x/libdprog_rt.a"]);
    }

    #[test]
    fn or_after_the_output_that_is_named() {
        use Emit::{Exe, Header, Obj, Sharedlib, Staticlib};
        assert_eq!(names(&[Obj], Some("x/y.obj")), ["x/y.obj"]);
        assert_eq!(names(&[Obj, Header], Some("x/y.o")), ["x/y.o", "x/y.h"]);
        assert_eq!(names(&[Staticlib, Header], Some("x/liby.a")), ["x/liby.a", "x/y.h"]);
        assert_eq!(names(&[Sharedlib, Header], Some("x/y.h")), ["x/liby.so", "x/y.h"]);
        assert_eq!(names(&[Obj, Header], Some("x/y")), ["x/y.o", "x/y.h"]);
        assert_eq!(names(&[Exe, Obj], Some("x/y")), ["x/y", "x/y.o"]);
    }
}
