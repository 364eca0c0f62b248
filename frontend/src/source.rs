//! Where text lives: the files of one compilation, and spans that point into them.
//!
//! A [`Span`] is twelve bytes and `Copy`, so every node of the tree carries one; turning it into a line and a column
//! is work that only a diagnostic or a line table pays for. Offsets are bytes, columns are characters.

use crate::diagnostic::Diagnostic;
use crate::errors::lex;
use std::sync::Arc;

/// One file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes `lo..hi` in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    pub lo: u32,
    pub hi: u32,
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}..{}", self.file.0, self.lo, self.hi)
    }
}

impl Span {
    /// The bytes `lo..hi` of `file`.
    pub fn new(file: FileId, lo: u32, hi: u32) -> Span {
        Span { file, lo, hi }
    }

    /// From the beginning of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        debug_assert_eq!(self.file, other.file);
        Span { file: self.file, lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The empty span at the beginning.
    pub fn start(self) -> Span {
        Span { hi: self.lo, ..self }
    }

    /// The empty span just behind the end.
    pub fn end(self) -> Span {
        Span { lo: self.hi, ..self }
    }

    /// Whether `other` lies inside.
    pub fn contains(self, other: Span) -> bool {
        self.file == other.file && self.lo <= other.lo && other.hi <= self.hi
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineCol {
    pub line: u32,
    pub col: u32,
}

/// What some editors put in front of a text. It is no part of the first line.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A name, a text, and where its lines begin.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As it is shown in messages: the path as the user gave it.
    pub name: Arc<str>,
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    fn new(name: &str, text: &str) -> SourceFile {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
        SourceFile { name: name.into(), text: text.into(), line_starts: std::iter::once(0).chain(starts).collect() }
    }

    /// The line and column of a byte offset; an offset past the end is the end, one inside a character its beginning.
    pub fn line_col(&self, offset: u32) -> LineCol {
        let offset = offset.min(self.text.len() as u32);
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.text.as_bytes()[self.line_starts[line] as usize..offset as usize];
        // Every byte that does not continue a character begins one.
        let mark = line == 0 && before.starts_with(BYTE_ORDER_MARK.as_bytes());
        let col = before.iter().filter(|b| (**b as i8) >= -0x40).count() as u32 - u32::from(mark);
        LineCol { line: line as u32 + 1, col: col + 1 }
    }

    /// The line of a byte offset, at no more cost than finding it.
    pub fn line_of(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|start| *start <= offset) as u32
    }

    /// How many lines there are; a file that ends in a newline has an empty last one.
    pub fn line_count(&self) -> u32 {
        self.line_starts.len() as u32
    }

    /// The text of a line (from 1) without its end; empty if there is no such line.
    pub fn line(&self, line: u32) -> &str {
        let index = line.wrapping_sub(1) as usize;
        let Some(start) = self.line_starts.get(index) else { return "" };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| *next as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

/// All files of one compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// A map without files.
    pub fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a file and says under which number.
    pub fn add(&mut self, name: &str, text: &str) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile::new(name, text));
        id
    }

    /// Adds a file as it was read. Bytes that are not UTF-8 are a diagnostic; the file is then there with replacement
    /// characters, so that the diagnostic can be drawn.
    pub fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> (FileId, Option<Diagnostic>) {
        match std::str::from_utf8(bytes) {
            Ok(text) => (self.add(name, text), None),
            Err(error) => {
                let id = self.add(name, &String::from_utf8_lossy(bytes));
                // Before the first bad byte nothing was replaced, so the offset holds in the lossy text as well.
                let at = error.valid_up_to() as u32;
                let byte = bytes[error.valid_up_to()];
                (id, Some(lex::not_utf8(Span::new(id, at, at + '\u{fffd}'.len_utf8() as u32), byte)))
            }
        }
    }

    /// The file with this number.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files with their numbers.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, file)| (FileId(i as u32), file))
    }

    /// Where a span begins.
    pub fn line_col(&self, span: Span) -> LineCol {
        self.file(span.file).line_col(span.lo)
    }

    /// The line in which a span begins.
    pub fn line_of(&self, span: Span) -> u32 {
        self.file(span.file).line_of(span.lo)
    }

    /// The text of a span.
    pub fn snippet(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.lo as usize..span.hi as usize).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let mut map = SourceMap::new();
        let id = map.add("a.dp", "let é = 1;\nx\n");
        let at = |lo| map.line_col(Span::new(id, lo, lo));
        assert_eq!(at(0), LineCol { line: 1, col: 1 });
        assert_eq!(at(7), LineCol { line: 1, col: 7 });
        assert_eq!(at(12), LineCol { line: 2, col: 1 });
        assert_eq!(at(999), LineCol { line: 3, col: 1 });
        assert_eq!(map.file(id).line(1), "let é = 1;");
        assert_eq!(map.file(id).line(9), "");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_a_diagnostic_at_the_first_bad_byte() {
        let mut map = SourceMap::new();
        let (id, problem) = map.add_bytes("a.dp", b"ok\n\xff\xfe");
        let problem = problem.expect("a diagnostic");
        assert_eq!((problem.code, map.line_col(problem.primary.span).line), ("E0001", 2));
        assert_eq!(map.add_bytes("b.dp", b"ok").1, None);
        assert_eq!(id, FileId(0));
    }
}
