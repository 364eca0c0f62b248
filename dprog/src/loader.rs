//! Where modules come from: the file system, or memory. With the command, the only place that reads source files.

use dprog_frontend::resolve::{Found, Loader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules are files beside the importing one, or else in one of some folders.
#[derive(Clone, Debug, Default)]
pub struct FileLoader {
    pub include: Vec<PathBuf>,
}

impl Loader for FileLoader {
    fn find(&self, importing: &str, relative: &str) -> Option<Found> {
        let beside = Path::new(importing).parent().unwrap_or(Path::new(""));
        read(&beside.join(relative)).or_else(|| self.find_included(relative))
    }
}

impl FileLoader {
    /// A file in one of the folders, wherever the importing one is.
    pub(crate) fn find_included(&self, relative: &str) -> Option<Found> {
        self.include.iter().find_map(|folder| read(&folder.join(relative)))
    }
}

fn read(path: &Path) -> Option<Found> {
    let bytes = std::fs::read(path).ok()?;
    Some(Found { name: plain(path), bytes })
}

/// A path without `.`, so that one file has one name.
fn plain(path: &Path) -> String {
    let parts = path.components().filter(|part| *part != std::path::Component::CurDir);
    parts.collect::<PathBuf>().display().to_string()
}

/// Modules by their names, `a/b.dp`, all in one folder. For programs that embed the compiler, and for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    pub files: BTreeMap<String, String>,
}

impl Loader for MemoryLoader {
    fn find(&self, importing: &str, relative: &str) -> Option<Found> {
        let beside = Path::new(importing).parent().unwrap_or(Path::new("")).join(relative);
        let names = [plain(&beside), relative.to_string()];
        names.into_iter().find_map(|name| {
            let bytes = self.files.get(&name)?.clone().into_bytes();
            Some(Found { name, bytes })
        })
    }
}
