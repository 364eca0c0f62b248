//! What is on the tapes of derivatives, as comments above their IR.
//!
//! ```text
//! ; tape of f (f.dp:1), written by @f.vjp
//! ;   line 2: for: arrays with places for each trip
//! ;     line 2: keeps s, f64: 8 bytes
//! ;     line 3: computes again mul, sub
//! ;     line 2: a trip: 8 bytes
//! ```

use dprog_ad::{Line, Tape};
use dprog_frontend::lower::decode_position;
use dprog_frontend::source::{FileId, SourceMap};
use dprog_ir::print::func_name;
use dprog_ir::{Module, SrcLoc};
use std::fmt::Write;

/// A paragraph for each tape.
pub(crate) fn texts(tapes: &[Tape], module: &Module, sources: &SourceMap) -> String {
    let places = Places { module, sources };
    tapes.iter().map(|tape| places.tape(tape)).collect()
}

struct Places<'a> {
    module: &'a Module,
    sources: &'a SourceMap,
}

impl Places<'_> {
    fn tape(&self, tape: &Tape) -> String {
        let (primal, made) = (&self.module.funcs[tape.primal], &self.module.funcs[tape.made]);
        let at = self.place(primal.loc);
        let name = self.module.locations.get(primal.loc).function.to_string();
        let name = if name.is_empty() { primal.name.to_string() } else { name };
        let place = at.map_or(String::new(), |(file, line)| format!(" ({}:{line})", self.sources.file(file).name));
        let mut text = format!("; tape of {name}{place}, written by {}\n", func_name(&made.name));
        let home = at.map(|(file, _)| file);
        for line in together(&tape.lines, |loc| self.place(loc)) {
            let indent = "  ".repeat(line.depth + 1);
            let place = match self.place(line.at) {
                Some((file, number)) if Some(file) == home => format!("line {number}: "),
                Some((file, number)) => format!("{}:{number}: ", self.sources.file(file).name),
                None => String::new(),
            };
            let again = if line.again { "computes again " } else { "" };
            writeln!(text, ";{indent}{place}{again}{}", line.text).expect("writing to a string");
        }
        text + "\n"
    }

    /// File and line.
    fn place(&self, loc: SrcLoc) -> Option<(FileId, u32)> {
        let span = decode_position(self.module.locations.get(loc).position)?;
        Some((span.file, self.sources.line_col(span).line))
    }
}

/// The lines, with what one line of the source computes again put together.
fn together(lines: &[Line], place: impl Fn(SrcLoc) -> Option<(FileId, u32)>) -> Vec<Line> {
    let mut all: Vec<Line> = Vec::new();
    for line in lines {
        let same = |other: &&mut Line| {
            line.again && other.again && other.depth == line.depth && place(other.at) == place(line.at)
        };
        match all.last_mut().filter(same) {
            Some(other) if other.text.split(", ").any(|known| known == line.text) => {}
            Some(other) => {
                other.text.push_str(", ");
                other.text.push_str(&line.text);
            }
            None => all.push(line.clone()),
        }
    }
    all
}
