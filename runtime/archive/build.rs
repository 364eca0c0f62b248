//! Makes `libdprog_rt.a` of the runtime.
//!
//! The nested Cargo has a folder of its own, beside those of the profiles, so that it waits for nobody's lock and its work is
//! shared by all profiles, by `cargo check` and by clippy. It is asked again only if a file has changed that it read the last
//! time. Of the compiler's IR the runtime needs a few small files (dprog-ir without its feature `compiler`), so that
//! changes of the compiler do not come here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo"));
    let archive = out.join("libdprog_rt.a");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        fs::write(archive, []).expect("the folder for output can be written");
        return;
    }
    let target = env::var("TARGET").expect("set by Cargo");
    let built = compile(&target, &folder(&out));
    watch(&built.with_extension("d"));
    let object = out.join("dprog_rt.o");
    isolate(&built, &object, &binutils(&target));
    let _ = fs::remove_file(&archive);
    run(Command::new(binutils(&target) + "ar").arg("rcsD").arg(&archive).arg(&object));
}

/// `target/runtime`, found from `target/PROFILE/build/PACKAGE/out`.
fn folder(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).join("runtime")
}

/// Compiles the runtime as a static library; its path.
fn compile(target: &str, folder: &Path) -> PathBuf {
    let manifest = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo")).join("../Cargo.toml");
    let mut cargo = Command::new(env::var_os("CARGO").expect("set by Cargo"));
    cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "staticlib", "--profile", "runtime"]);
    cargo.args(["--features", "standalone", "--locked", "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(folder).args(["--target", target]);
    // What the outer Cargo means for its own work: clippy in place of the compiler, flags of a profile, instrumentation.
    for name in ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTDOC"] {
        cargo.env_remove(name);
    }

    cargo.env("RUSTFLAGS", "-Crelocation-model=pic -Cembed-bitcode=no");
    run(&mut cargo);
    folder.join(target).join("runtime/libdprog_runtime.a")
}

/// Cargo's list of the files that the archive was made of, `ARCHIVE: FILE…` with escaped spaces.
fn watch(list: &Path) {
    let list = fs::read_to_string(list).expect("Cargo writes it beside the archive");
    let files = list.split_once(": ").map_or("", |(_, files)| files).trim();
    for file in files.replace("\\ ", "\0").split(' ').filter(|file| !file.is_empty()) {
        println!("cargo::rerun-if-changed={}", file.replace('\0', " "));
    }
    println!("cargo::rerun-if-changed=../Cargo.toml");
    println!("cargo::rerun-if-changed=../../ir/Cargo.toml");
}

/// One object with what the runtime's functions need, in which only they are visible.
fn isolate(archive: &Path, object: &Path, prefix: &str) {
    let names = visible(archive, prefix);
    let whole = object.with_extension("whole.o");
    let roots = names.iter().flat_map(|name| ["-u", name]);
    run(Command::new(format!("{prefix}ld"))
        .args(["-r", "--gc-sections"])
        .args(roots)
        .arg("-o")
        .arg(&whole)
        .arg(archive));
    let mut objcopy = Command::new(format!("{prefix}objcopy"));
    objcopy.args(["--strip-debug", "--strip-unneeded"]);
    objcopy.args([".llvmbc", ".llvmcmd", ".llvm_addrsig", ".comment"].iter().flat_map(|section| ["-R", section]));
    objcopy.args(names.iter().map(|name| format!("--keep-global-symbol={name}")));
    run(objcopy.arg(&whole).arg(object));
    let _ = fs::remove_file(whole);
}

/// The runtime's functions, from the archive's table of symbols.
fn visible(archive: &Path, prefix: &str) -> Vec<String> {
    let nm = Command::new(format!("{prefix}nm")).args(["--print-armap", "--no-sort"]).arg(archive).output();
    let text = String::from_utf8_lossy(&nm.expect("nm, of the binutils, is needed").stdout).into_owned();
    let index = text.lines().skip_while(|line| !line.starts_with("Archive index")).skip(1);
    let names = index.take_while(|line| !line.is_empty()).filter_map(|line| line.split(" in ").next());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("dprog_")).map(str::to_string).collect();
    names.sort();
    names.dedup();
    assert!(!names.is_empty(), "no function of the runtime in {}", archive.display());
    names
}

/// The binutils for another architecture have its triple in front of their names.
fn binutils(target: &str) -> String {
    if env::var("HOST").is_ok_and(|host| host == target) {
        return String::new();
    }
    target.replace("-unknown-", "-") + "-"
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    assert!(status.success(), "{command:?} failed");
}
