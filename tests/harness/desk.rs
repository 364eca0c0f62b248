//! A folder in which the command runs, for tests that need the real process.

// Each test target uses a part of it.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with files, in which the command runs.
pub struct Desk(TempDir);

impl Desk {
    pub fn new(files: &[(&str, &str)]) -> Desk {
        let desk = Desk(TempDir::new().expect("a folder"));
        for (name, text) in files {
            desk.put(name, text.as_bytes());
        }
        desk
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dprogc"));
        command.args(args).current_dir(self.0.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Done {
        Done::new(self.command(args).output().expect("the command starts"))
    }

    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the command starts")
    }
}

#[derive(Debug, PartialEq)]
pub struct Done {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    pub fn new(output: Output) -> Done {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Done { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn is(&self, status: i32) -> &Done {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    pub fn says(&self, part: &str) -> &Done {
        assert!(self.err.contains(part), "standard error lacks {part:?}\n{self:#?}");
        self
    }
}
