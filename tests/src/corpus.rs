//! Folders of test files: each file becomes a named test.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

/// A file of a corpus.
#[derive(Clone, Debug)]
pub struct Case {
    pub path: PathBuf,
    /// The path inside the corpus, with `/`.
    pub name: String,
    pub text: String,
}

impl Case {
    /// The file beside this one with another extension.
    pub fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// What stands behind `// KEY:` in the comments, in order.
    pub fn headers<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.text.lines().filter_map(move |line| header(line, key))
    }

    /// The header that a file has at most once.
    pub fn header<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.headers(key).next()
    }
}

fn header<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim_start().strip_prefix("//")?.trim_start().strip_prefix(key)?.strip_prefix(':').map(str::trim)
}

/// The folder of a corpus, `tests/NAME`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// All files with this extension below a folder, in the order of their names.
pub fn cases(folder: &Path, extension: &str) -> Vec<Case> {
    files(folder, extension).into_iter().map(|path| case(folder, path)).collect()
}

/// Their paths alone.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    collect(folder, extension, &mut paths);
    paths.sort();
    paths
}

fn case(folder: &Path, path: PathBuf) -> Case {
    let inside = path.strip_prefix(folder).expect("a file of the folder");
    let name = inside.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    let text = std::fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Case { name, text: text.expect("a file that was just listed"), path }
}

fn collect(folder: &Path, extension: &str, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // What begins with an underscore is imported by its neighbours.
        let hidden = entry.file_name().to_string_lossy().starts_with('_');
        if path.is_dir() && !hidden {
            collect(&path, extension, paths);
        } else if path.extension().is_some_and(|e| e == extension) && !hidden {
            paths.push(path);
        }
    }
}

/// Runs `check` on each file of `tests/NAME` as a test of its own. Does not return.
pub fn run(name: &str, check: fn(&Case) -> Result<(), String>) -> ! {
    let args = Arguments::from_args();
    let all = cases(&folder(name), "dp");
    assert!(!all.is_empty(), "no files in tests/{name}");
    let trials = all.into_iter().map(|case| {
        let title = case.name.clone();
        Trial::test(title, move || check(&case).map_err(Failed::from))
    });
    libtest_mimic::run(&args, trials.collect()).exit()
}
