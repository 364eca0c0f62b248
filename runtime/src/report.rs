//! A trap as the user reads it: what happened, where, and the calls that led there.

use dprog_ir::TrapCode;
use std::fmt;

/// A place in the chain of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// As the user named it.
    pub function: String,
}

/// Why and where a program stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    pub code: TrapCode,
    pub message: String,
    /// The place of the trap, then the calls, innermost first.
    pub frames: Vec<Frame>,
}

/// A chain of at most so many calls is written out.
const WHOLE: usize = 40;
/// Of a longer one so many calls from each end, once repetitions are folded.
const ENDS: usize = 20;
/// Calls that make up one round of a recursion.
const LONGEST_ROUND: usize = 8;

impl fmt::Display for Trap {
    /// Without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}", self.message)?;
        let lines =
            if self.frames.len() <= WHOLE { self.frames.iter().map(Line::Call).collect() } else { self.folded() };
        let many = lines.len() > 2 * ENDS + 1;
        for (i, line) in lines.iter().enumerate() {
            let word = if i == 0 { "--> " } else { "called from " };
            match line {
                _ if many && i == ENDS => write!(f, "\n  ... {} more calls ...", lines.len() - 2 * ENDS)?,
                _ if many && i > ENDS && i < lines.len() - ENDS => {}
                Line::Call(at) => write!(f, "\n  {word}{}:{}:{} in {}", at.file, at.line, at.column, at.function)?,
                Line::Again(1, times) => write!(f, "\n  ... that call {times} more times")?,
                Line::Again(calls, times) => write!(f, "\n  ... those {calls} calls {times} more times")?,
            }
        }
        Ok(())
    }
}

enum Line<'a> {
    Call(&'a Frame),
    /// The last so many calls, repeated.
    Again(usize, usize),
}

impl Trap {
    /// The chain with the rounds of a recursion written once.
    fn folded(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        let mut rest = &self.frames[..];
        while let Some(first) = rest.first() {
            let round = (1..=LONGEST_ROUND).map(|round| (round, repetitions(rest, round)));
            match round.into_iter().find(|(_, times)| *times > 2) {
                Some((round, times)) => {
                    lines.extend(rest[..round].iter().map(Line::Call));
                    lines.push(Line::Again(round, times));
                    rest = &rest[round * (times + 1)..];
                }
                None => {
                    lines.push(Line::Call(first));
                    rest = &rest[1..];
                }
            }
        }
        lines
    }
}

/// How often the first `round` frames are repeated right behind themselves.
fn repetitions(frames: &[Frame], round: usize) -> usize {
    let Some((first, rest)) = frames.split_at_checked(round) else { return 0 };
    rest.chunks_exact(round).take_while(|chunk| *chunk == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(lines: impl IntoIterator<Item = u32>) -> Trap {
        let frame = |line| Frame { file: "a.dp".into(), line, column: 9, function: format!("f{line}") };
        Trap { code: TrapCode::Depth, message: "too deep".into(), frames: lines.into_iter().map(frame).collect() }
    }

    #[test]
    fn a_short_chain_is_written_out() {
        let text = trap([12, 20]).to_string();
        assert_eq!(text, "trap: too deep\n  --> a.dp:12:9 in f12\n  called from a.dp:20:9 in f20");
    }

    #[test]
    fn a_recursion_is_folded() {
        let rounds = std::iter::once(1).chain((0..1000).flat_map(|_| [2, 3])).chain([4]);
        let text = trap(rounds).to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  --> a.dp:1:9 in f1",
                "  called from a.dp:2:9 in f2",
                "  called from a.dp:3:9 in f3",
                "  ... those 2 calls 999 more times",
                "  called from a.dp:4:9 in f4",
            ]
        );
    }

    #[test]
    fn a_long_chain_without_rounds_is_cut_in_the_middle() {
        let text = trap(0..500).to_string();
        assert_eq!(text.lines().count(), 1 + 20 + 1 + 20);
        assert!(text.contains("  ... 460 more calls ..."));
        assert!(text.ends_with("in f499"));
    }
}
