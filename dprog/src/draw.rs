//! For people: the source drawn around the place, in the shape of rustc's messages.
//!
//! `annotate-snippets` draws. It is given only the lines that it needs, and only a window of a line that nobody would
//! read to its end, so a file of one endless line costs no more than any other.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use dprog_frontend::diagnostic::{Diagnostic, Label, Severity};
use dprog_frontend::source::{BYTE_ORDER_MARK, FileId, SourceFile, SourceMap, Span};
use std::ops::Range;

/// Bytes of text on both sides of a place that may be drawn. By gut feeling: more than any line that people write.
const WINDOW: u32 = 2_000;

/// All diagnostics, an empty line behind each.
pub fn draw(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    diagnostics.iter().map(|d| drawing(d, sources, &renderer) + "\n\n").collect()
}

fn drawing(d: &Diagnostic, sources: &SourceMap, renderer: &Renderer) -> String {
    let level = match d.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&d.message).id(d.code));
    for file in files(d) {
        group = group.element(snippet(d, sources, file));
    }
    group = group.elements(d.notes.iter().map(|text| Level::NOTE.message(text)));
    group = group.elements(d.helps.iter().map(|text| Level::HELP.message(text)));
    let mut groups = vec![group];
    if let Some(s) = &d.suggestion {
        let file = sources.file(s.span.file);
        let excerpt = Excerpt::around(file, [s.span].iter());
        let patch = Patch::new(excerpt.relative(s.span), &*s.replacement);
        let snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line).path(&*file.name).patch(patch);
        groups.push(Level::HELP.secondary_title(&s.message).element(snippet));
    }
    align(&renderer.render(&groups))
}

/// Puts the arrow before the place at column three, whatever the width of the line numbers: scripts look for it there.
fn align(drawing: &str) -> String {
    let arrow = drawing.lines().find_map(|line| line.find("--> ").map(|at| visible_width(&line[..at])));
    // A line of Windows ends with one that is drawn, and nobody wants to see.
    let lines = drawing.lines().map(|line| line.trim_end_matches('␍')).map(|line| match arrow {
        Some(0 | 1) if visible(line).next().is_some_and(|c| c == ' ' || c.is_ascii_digit()) => format!(" {line}\n"),
        Some(width) if width > 2 && visible(line).skip_while(|c| *c == ' ').take(4).eq("--> ".chars()) => {
            format!("{}\n", line.replacen(&" ".repeat(width), "  ", 1))
        }
        _ => format!("{line}\n"),
    });
    lines.collect::<String>().trim_end_matches('\n').to_string()
}

fn visible_width(line: &str) -> usize {
    visible(line).count()
}

/// The characters of a line without the sequences that colour it.
fn visible(line: &str) -> impl Iterator<Item = char> {
    let mut inside = false;
    line.chars().filter(move |c| {
        let was_inside = inside;
        inside = *c == '\x1b' || (inside && *c != 'm');
        !was_inside && !inside
    })
}

/// The files that a diagnostic points into, that of the primary place first.
fn files(d: &Diagnostic) -> Vec<FileId> {
    let mut files = vec![d.primary.span.file];
    for label in &d.secondary {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    files
}

fn snippet<'a>(d: &'a Diagnostic, sources: &'a SourceMap, id: FileId) -> Snippet<'a, Annotation<'a>> {
    let file = sources.file(id);
    let labels: Vec<(AnnotationKind, &Label)> = std::iter::once((AnnotationKind::Primary, &d.primary))
        .chain(d.secondary.iter().map(|label| (AnnotationKind::Context, label)))
        .filter(|(_, label)| label.span.file == id && in_view(d.primary.span, label.span, file))
        .collect();
    let spans: Vec<Span> = labels.iter().map(|(_, label)| shortened(label.span, file)).collect();
    let excerpt = Excerpt::around(file, spans.iter());
    let annotations = labels.into_iter().zip(&spans).map(|((kind, label), span)| {
        let text = (!label.text.is_empty()).then_some(&*label.text);
        kind.span(excerpt.relative(*span)).label(text)
    });
    Snippet::source(excerpt.text).line_start(excerpt.first_line).path(&*file.name).annotations(annotations)
}

/// Whether a place can be drawn together with the primary one: not if they are far apart on one endless line.
fn in_view(primary: Span, other: Span, file: &SourceFile) -> bool {
    let near = primary.lo.abs_diff(other.lo) <= WINDOW;
    near || primary.file != other.file || file.line_col(primary.lo).line != file.line_col(other.lo).line
}

/// A place, cut if it is longer than what is drawn and lies on one line.
fn shortened(span: Span, file: &SourceFile) -> Span {
    let long = span.hi - span.lo > WINDOW && file.line_col(span.lo).line == file.line_col(span.hi).line;
    if long { Span { hi: span.lo + WINDOW, ..span } } else { span }
}

/// The part of a file that is drawn.
struct Excerpt<'a> {
    text: &'a str,
    /// Where `text` begins in the file.
    offset: u32,
    first_line: usize,
}

impl<'a> Excerpt<'a> {
    /// The whole lines around some places, as far as they are within the window.
    fn around<'s>(file: &'a SourceFile, spans: impl Iterator<Item = &'s Span>) -> Excerpt<'a> {
        let text = &*file.text;
        let (lo, hi) = spans.fold((u32::MAX, 0), |(lo, hi), span| (lo.min(span.lo), hi.max(span.hi)));
        let (lo, hi) = (lo.min(text.len() as u32), hi.min(text.len() as u32));
        let line_start = text[..floor(text, lo)].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[floor(text, hi)..].find('\n').map_or(text.len(), |at| floor(text, hi) + at);
        let mark =
            if line_start == 0 && text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { line_start };
        let line_start = line_start.max(mark);
        let from = line_start.max(floor(text, lo.saturating_sub(WINDOW)));
        let to = line_end.min(floor(text, hi.saturating_add(WINDOW)));
        let first_line = file.line_col(from as u32).line as usize;
        Excerpt { text: &text[from..to], offset: from as u32, first_line }
    }

    /// A place in the file as a place in the excerpt.
    fn relative(&self, span: Span) -> Range<usize> {
        let at = |offset: u32| floor(self.text, offset.saturating_sub(self.offset));
        at(span.lo)..at(span.hi).max(at(span.lo))
    }
}

/// The nearest beginning of a character at or before a byte offset.
fn floor(text: &str, offset: u32) -> usize {
    text.floor_char_boundary(offset as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, make: impl Fn(FileId) -> Diagnostic) -> String {
        let mut sources = SourceMap::new();
        let id = sources.add("fit.dp", text);
        draw(&[make(id)], &sources, false)
    }

    #[test]
    fn both_places_and_the_help_are_drawn() {
        let text = "fn loss(w: f64) -> f64 {\n  let a = 1.0;\n  let b = a;\n  let k = lookup(w);\n  k\n}\n";
        let shown = drawn(text, |id| {
            let lo = text.find("lookup").unwrap() as u32;
            Diagnostic::error("E0412", Span::new(id, lo, lo + 9), "`lookup` has no derivative rule")
                .label("its contribution is unknown")
                .also(Span::new(id, 8, 9), "active because of this")
                .help("write `stop_grad(…)`")
        });
        assert!(shown.starts_with("error[E0412]: `lookup` has no derivative rule\n  --> fit.dp:4:11\n"), "{shown}");
        for part in
            ["^^^^^^^^^ its contribution is unknown", "- active because of this", "= help: write `stop_grad(…)`"]
        {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn the_arrow_stands_at_column_three_in_long_files_too() {
        for lines in [0, 50, 2000] {
            let text = "\n".repeat(lines) + "oops";
            let mut sources = SourceMap::new();
            let id = sources.add("a.dp", &text);
            let problem = [Diagnostic::error("E0100", Span::new(id, lines as u32, lines as u32 + 4), "no")];
            let plain = draw(&problem, &sources, false);
            assert!(plain.contains(&format!("\n  --> a.dp:{}:1\n", lines + 1)), "{plain}");
            let coloured: String = visible(&draw(&problem, &sources, true)).collect();
            assert_eq!(coloured, plain);
        }
    }

    #[test]
    fn what_belongs_to_no_line_is_not_drawn() {
        let text = "\u{feff}ab\r\ncd\r\n";
        let first = drawn(text, |id| Diagnostic::error("E0100", Span::new(id, 4, 5), "no"));
        assert!(first.contains("--> fit.dp:1:2\n") && first.contains("1 | ab\n"), "{first}");
        let second = drawn(text, |id| Diagnostic::error("E0100", Span::new(id, 8, 9), "no"));
        assert!(second.contains("--> fit.dp:2:2\n") && second.contains("2 | cd\n"), "{second}");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = "x".repeat(10_000_000);
        let shown = drawn(&text, |id| Diagnostic::error("E0002", Span::new(id, 5_000_000, 5_000_001), "long"));
        assert!(shown.len() < 20_000, "{}", shown.len());
        let apart = drawn(&text, |id| {
            Diagnostic::error("E0002", Span::new(id, 9, 9_000_000), "long")
                .also(Span::new(id, 9_999_999, 10_000_000), "end")
        });
        assert!(apart.len() < 20_000, "{}", apart.len());
    }
}
