//! From objects to libraries and programs, with the system's C compiler as the linker.
//!
//! What the objects need of the runtime comes from the archive inside of the compiler, and becomes invisible: two libraries
//! that were made here do not meet in one program, but for `dprog_last_error`. That is weak, so that all libraries share one.

use crate::input::reason;
use crate::status::Failure;
use dprog::emit::{Architecture, RUNTIME, elf};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every library defines alike: the buffer of the last error, which is that of one of them for all.
const SHARED: &str = "dprog_last_error";
/// Other names of support that an object may define; nobody else is to see them.
const SUPPORT_PREFIX: &str = "dprog_rt_";

/// What is to be linked.
pub struct Link<'a> {
    /// Objects that we have made, with names.
    pub objects: &'a [(String, Vec<u8>)],
    /// Other objects and libraries of the command line.
    pub others: &'a [PathBuf],
    pub architecture: Architecture,
    /// Keep what debuggers need.
    pub debug: bool,
}

impl Link<'_> {
    /// A program that depends on libc alone.
    pub fn executable(&self, output: &Path) -> Result<(), Failure> {
        let folder = self.folder()?;
        let mut linker = self.linker();
        linker.arg("-o").arg(output).args(self.inputs(folder.path())?);
        linker.args(["-static-libgcc", "-Wl,--gc-sections", "-Wl,--as-needed", "-lm", "-lpthread", "-ldl"]);
        if !self.debug {
            linker.arg("-Wl,--strip-debug");
        }
        self.run(linker)
    }

    /// A shared library in which only what the objects export is visible.
    pub fn shared(&self, output: &Path) -> Result<(), Failure> {
        let folder = self.folder()?;
        let script = folder.path().join("exports");
        let names: String = self.exports()?.iter().map(|name| format!("\"{name}\"; ")).collect();
        write(&script, format!("{{ global: {names}local: *; }};\n").as_bytes())?;
        let mut linker = self.linker();
        linker.args(["-shared", "-o"]).arg(output).args(self.inputs(folder.path())?);
        let mut flag = OsString::from("-Wl,--version-script=");
        flag.push(&script);
        linker.arg(flag);
        if let Some(name) = output.file_name() {
            let mut flag = OsString::from("-Wl,-soname,");
            flag.push(name);
            linker.arg(flag);
        }
        // Of the runtime the getter is wanted even if no object calls it.
        linker.args(["-Wl,-u,dprog_last_error", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--as-needed", "-lm"]);
        if !self.debug {
            linker.arg("-Wl,--strip-debug");
        }
        self.run(linker)
    }

    /// A static library with the objects and what they need of the runtime.
    pub fn library(&self, output: &Path) -> Result<(), Failure> {
        let members = if self.needs_runtime()? { vec![self.merged()?] } else { self.apart()? };
        write(output, &elf::archive(&members).map_err(malformed)?)
    }

    /// The objects as they are, their support hidden.
    fn apart(&self) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let hidden =
            |object: &Vec<u8>| elf::localize(object.clone(), |name| !name.starts_with(SUPPORT_PREFIX), |_| false);
        self.objects.iter().map(|(name, object)| Ok((name.clone(), hidden(object).map_err(malformed)?))).collect()
    }

    /// One object of all, with the runtime inside.
    fn merged(&self) -> Result<(String, Vec<u8>), Failure> {
        let folder = self.folder()?;
        let whole = folder.path().join("whole.o");
        let keep = self.exports()?;
        let mut linker = self.linker();
        linker.args(["-r", "-nostdlib", "-o"]).arg(&whole).args(self.inputs(folder.path())?);
        linker.arg("-Wl,--gc-sections").args(keep.iter().map(|name| format!("-Wl,-u,{name}")));
        self.run(linker)?;
        let object = std::fs::read(&whole).map_err(|e| Failure::environment(reason(&e)))?;
        let object = elf::localize(object, |name| keep.contains(name), |name| name == SHARED);
        Ok((self.objects[0].0.clone(), object.map_err(malformed)?))
    }

    /// What others may see.
    fn exports(&self) -> Result<BTreeSet<String>, Failure> {
        let mut names = BTreeSet::from([SHARED.to_string()]);
        for (_, object) in self.objects {
            let exports = elf::exports(object).map_err(malformed)?;
            names.extend(exports.into_iter().filter(|name| !name.starts_with(SUPPORT_PREFIX)));
        }
        Ok(names)
    }

    fn needs_runtime(&self) -> Result<bool, Failure> {
        for (_, object) in self.objects {
            if elf::imports(object).map_err(malformed)?.iter().any(|name| name.starts_with("dprog_")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The objects as files, the other inputs, and the runtime where it is needed.
    fn inputs(&self, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
        let mut inputs = Vec::new();
        for (i, (name, object)) in self.objects.iter().enumerate() {
            // Two sources may have one name.
            let place = folder.join(i.to_string());
            std::fs::create_dir_all(&place).map_err(|e| Failure::environment(reason(&e)))?;
            inputs.push(place.join(name));
            write(&place.join(name), object)?;
        }
        inputs.extend(self.others.iter().cloned());
        if self.needs_runtime()? {
            let archive = folder.join("libdprog_rt.a");
            write(&archive, self.runtime()?)?;
            inputs.push(archive);
        }
        Ok(inputs)
    }

    fn runtime(&self) -> Result<&'static [u8], Failure> {
        if Some(self.architecture) == Architecture::host() && !RUNTIME.is_empty() {
            return Ok(RUNTIME);
        }
        let needed = self.objects.iter().flat_map(|(_, object)| elf::imports(object).unwrap_or_default());
        let needed: Vec<String> = needed.filter(|name| name.starts_with(SUPPORT_PREFIX)).collect();
        let triple = self.architecture.triple();
        let needed = needed.join(", ");
        Err(Failure::environment(format!("this program needs the runtime ({needed}), which there is not for {triple}")))
    }

    fn folder(&self) -> Result<tempfile::TempDir, Failure> {
        tempfile::tempdir().map_err(|e| Failure::environment(format!("no folder for the linker: {}", reason(&e))))
    }

    // ---- the linker ----

    /// `$CC`, or `cc`; for another architecture the cross compiler as Debian names it.
    fn command(&self) -> OsString {
        if Some(self.architecture) != Architecture::host() {
            return (self.architecture.triple().replace("-unknown-", "-") + "-gcc").into();
        }
        std::env::var_os("CC").filter(|cc| !cc.is_empty()).unwrap_or_else(|| "cc".into())
    }

    fn linker(&self) -> Command {
        let command = self.command();
        match command.to_str() {
            // As make does it, `CC` may have arguments.
            Some(text) if !Path::new(text).exists() => {
                let mut words = text.split_whitespace();
                let mut linker = Command::new(words.next().unwrap_or("cc"));
                linker.args(words);
                linker
            }
            _ => Command::new(command),
        }
    }

    fn run(&self, mut linker: Command) -> Result<(), Failure> {
        let name = linker.get_program().to_string_lossy().into_owned();
        match linker.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(Failure::environment(format!("linking with `{name}` failed\n{}", said.trim_end())))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::environment(format!(
                "no linker found: `{name}` is not there; install a C compiler, or name one with the variable CC"
            ))),
            Err(error) => Err(Failure::environment(format!("cannot run the linker `{name}`: {}", reason(&error)))),
        }
    }
}

/// Writes a file that is an output or on its way to one.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, contents)
        .map_err(|error| Failure::environment(format!("cannot write {}: {}", path.display(), reason(&error))))
}

fn malformed(_: elf::Malformed) -> Failure {
    Failure::environment("the linker gave an object that is not one for a 64-bit machine")
}
