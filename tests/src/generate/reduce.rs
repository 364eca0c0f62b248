//! Cuts a failing program down: drops lines and blocks as long as it still fails.

use super::code::Code;

/// The smallest program that was found for which `fails` holds. Larger parts are tried first; `attempts` bounds the work.
pub fn reduce(code: &[Code], mut attempts: usize, mut fails: impl FnMut(&[Code]) -> bool) -> Vec<Code> {
    let mut best = code.to_vec();
    loop {
        let size = count(&best);
        let mut at = 0;
        while at < count(&best) && attempts > 0 {
            attempts -= 1;
            // The same place holds something else once its node is gone, so only a failed attempt moves on.
            match [Cut::DropTwo, Cut::Drop, Cut::Unwrap].into_iter().find_map(|cut| tried(&best, at, cut, &mut fails)) {
                Some(smaller) => best = smaller,
                None => at += 1,
            }
        }
        if count(&best) == size || attempts == 0 {
            return best;
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// The node with all that is in it.
    Drop,
    /// Likewise with the one behind it: two functions that call each other go together.
    DropTwo,
    /// The head and the foot of a block; its body stays.
    Unwrap,
}

fn tried(code: &[Code], at: usize, cut: Cut, fails: &mut impl FnMut(&[Code]) -> bool) -> Option<Vec<Code>> {
    let smaller = without(code, &mut { at }, cut)?;
    fails(&smaller).then_some(smaller)
}

/// How many nodes there are.
fn count(code: &[Code]) -> usize {
    code.iter()
        .map(|c| match c {
            Code::Line(_) => 1,
            Code::Block { body, .. } => 1 + count(body),
        })
        .sum()
}

/// The code with a cut at node number `at`, in preorder. `None` if there is nothing to cut.
fn without(code: &[Code], at: &mut usize, cut: Cut) -> Option<Vec<Code>> {
    for (i, c) in code.iter().enumerate() {
        let replacement = match (*at, c) {
            (0, Code::Line(_)) if cut == Cut::Unwrap => return None,
            (0, Code::Block { body, .. }) if cut == Cut::Unwrap => Some(body.clone()),
            (0, _) => Some(Vec::new()),
            (_, Code::Line(_)) => {
                *at -= 1;
                None
            }
            (_, Code::Block { open, body, close }) => {
                let nodes = count(body);
                *at -= 1;
                if *at < nodes {
                    let body = without(body, at, cut)?;
                    Some(vec![Code::Block { open: open.clone(), body, close: close.clone() }])
                } else {
                    *at -= nodes;
                    None
                }
            }
        };
        if let Some(replacement) = replacement {
            let rest = if cut == Cut::DropTwo && *at == 0 && replacement.is_empty() { i + 2 } else { i + 1 };
            return Some([&code[..i], &replacement, code.get(rest..)?].concat());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::code::text;

    #[test]
    fn only_what_matters_is_left() {
        let inner = vec![Code::line("a"), Code::block("if {", vec![Code::line("bad"), Code::line("b")])];
        let program = vec![Code::line("c"), Code::block("fn {", inner), Code::line("d")];
        let small = reduce(&program, 1000, |code| text(code).contains("bad"));
        assert_eq!(text(&small), "bad\n");
    }
}
