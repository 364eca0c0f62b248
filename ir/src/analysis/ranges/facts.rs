//! Differences between integers: a graph of what is known, and proofs by search in it.
//!
//! An edge `a <= b + c` joins two nodes: values, sizes of arrays, and zero, so `a <= 7` is an edge too. A path adds its
//! edges up, so to prove `a <= b + c` is to find a path from `a` to `b` that is not longer than `c`. Facts hold for the
//! exact integers, not modulo 2^64: whoever adds one has made sure that nothing wraps.
//!
//! Facts are scoped: [`Facts::mark`] and [`Facts::forget`] bracket a region. The search is cut off after a few steps; what
//! it does not find is "not known". Source: Bodík, Gupta, Sarkar, ABCD: Eliminating Array Bounds Checks on Demand, PLDI
//! 2000, with scopes in the place of their e-SSA.

use crate::function::Value;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Steps of one search, and the length of a path (gut feeling; proofs in the tests take fewer than ten steps).
const STEPS: u32 = 64;
const DEPTH: u32 = 8;
const FEW: usize = 6;

/// An integer that facts are about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Node {
    Zero,
    Value(Value),
    /// The size of an axis of the arrays with this origin of their shape ([`crate::analysis::Shapes`]).
    Size(Value, u8),
}

/// A node plus a constant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Term {
    pub node: Node,
    pub plus: i128,
}

impl Term {
    pub fn constant(n: i64) -> Term {
        Term { node: Node::Zero, plus: n.into() }
    }

    pub fn plus(self, n: i128) -> Term {
        Term { plus: self.plus + n, ..self }
    }
}

type Edges = FxHashMap<Node, SmallVec<[(Node, i128); 4]>>;

/// What is known at a point of the program.
#[derive(Default)]
pub struct Facts {
    /// `(a, (b, c))`: `a <= b + c`.
    above: Edges,
    /// `(a, (b, c))`: `a >= b + c`.
    below: Edges,
    log: Vec<(Node, Node)>,
}

impl Facts {
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// Forgets everything added since `mark`.
    pub fn forget(&mut self, mark: usize) {
        for (a, b) in self.log.drain(mark..).rev() {
            self.above.get_mut(&a).map(SmallVec::pop);
            self.below.get_mut(&b).map(SmallVec::pop);
        }
    }

    /// Learns that `a <= b`.
    pub fn learn(&mut self, a: Term, b: Term) {
        if a.node == b.node {
            return;
        }
        let c = b.plus - a.plus;
        self.above.entry(a.node).or_default().push((b.node, c));
        self.below.entry(b.node).or_default().push((a.node, -c));
        self.log.push((a.node, b.node));
    }

    pub fn learn_equal(&mut self, a: Term, b: Term) {
        self.learn(a, b);
        self.learn(b, a);
    }

    /// Whether `a <= b` is certain.
    pub fn proves(&self, a: Term, b: Term) -> bool {
        let room = b.plus - a.plus;
        if a.node == b.node {
            return room >= 0;
        }
        self.has_path(a.node, b.node, room, DEPTH, &mut Tried::default()) || self.greatest(a) <= self.least(b)
    }

    /// Searches depth first. A node from which there was too little room once is not tried again with as little.
    fn has_path(&self, from: Node, to: Node, room: i128, depth: u32, tried: &mut Tried) -> bool {
        if from == to {
            return room >= 0;
        }
        if depth == 0 || from == Node::Zero || !tried.is_better(from, room, |new, old| new > old) {
            return false;
        }
        let edges = self.above.get(&from).map_or(&[][..], |edges| edges);
        edges.iter().rev().take(tried.left()).any(|(next, c)| self.has_path(*next, to, room - c, depth - 1, tried))
    }

    /// The least constant that `t` is known not to exceed.
    pub fn greatest(&self, t: Term) -> i128 {
        bound(&self.above, t, |new, old| new < old)
    }

    /// The greatest constant that `t` is known to reach.
    pub fn least(&self, t: Term) -> i128 {
        bound(&self.below, t, |new, old| new > old)
    }

    /// Terms that `t` is directly known not to exceed: the last few that were learned.
    pub fn above(&self, t: Term) -> Vec<Term> {
        let edges = self.above.get(&t.node).map_or(&[][..], |edges| edges);
        edges.iter().rev().take(FEW).map(|(node, c)| Term { node: *node, plus: c + t.plus }).collect()
    }
}

/// Nodes that a search has been at, with the best number it came with.
#[derive(Default)]
struct Tried {
    at: SmallVec<[(Node, i128); 16]>,
    steps: u32,
}

impl Tried {
    /// How many edges of a node may still be tried.
    fn left(&self) -> usize {
        STEPS.saturating_sub(self.steps) as usize
    }

    /// Whether the search should go on from this node.
    fn is_better(&mut self, node: Node, number: i128, better: impl Fn(i128, i128) -> bool) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            return false;
        }
        match self.at.iter_mut().find(|(known, _)| *known == node) {
            Some((_, old)) if !better(number, *old) => return false,
            Some((_, old)) => *old = number,
            None => self.at.push((node, number)),
        }
        true
    }
}

/// The best constant that can be reached from a term; at least what its type says.
fn bound(edges: &Edges, t: Term, better: fn(i128, i128) -> bool) -> i128 {
    let mut tried = Tried::default();
    let mut best = limit(t.node, better(0, 1)) + t.plus;
    let mut work: SmallVec<[(Term, u32); 16]> = SmallVec::new();
    work.push((t, DEPTH));
    while let Some((t, depth)) = work.pop() {
        let here = limit(t.node, better(0, 1)) + t.plus;
        best = if better(here, best) { here } else { best };
        if depth == 0 || t.node == Node::Zero || !tried.is_better(t.node, t.plus, better) {
            continue;
        }
        let edges = edges.get(&t.node).map_or(&[][..], |edges| edges);
        let next = edges.iter().rev().take(tried.left()).map(|(node, c)| Term { node: *node, plus: t.plus + c });
        work.extend(next.map(|t| (t, depth - 1)));
    }
    best
}

/// No array has more elements: addresses have fewer bits. An axis beside one of size 0 may be longer, so this is said of
/// the first axis only, on which loops mostly run; rows of size 0 beyond that many do not occur.
const GREATEST_SIZE: i128 = 1 << 56;

/// What a node cannot exceed (or fall below) by its nature.
fn limit(node: Node, upper: bool) -> i128 {
    match (node, upper) {
        (Node::Zero, _) | (Node::Size(..), false) => 0,
        (Node::Size(_, 0), true) => GREATEST_SIZE,
        (Node::Value(_) | Node::Size(..), true) => i64::MAX.into(),
        (Node::Value(_), false) => i64::MIN.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;

    fn term(index: usize) -> Term {
        Term { node: Node::Value(Value::from_index(index)), plus: 0 }
    }

    #[test]
    fn paths_add_up_and_scopes_end() {
        let (mut facts, i, n) = (Facts::default(), term(0), term(1));
        facts.learn(i, n.plus(-1));
        let mark = facts.mark();
        facts.learn(n, Term::constant(10));
        assert!(facts.proves(i, Term::constant(9)));
        assert!(!facts.proves(i, Term::constant(8)));
        facts.forget(mark);
        assert!(!facts.proves(i, Term::constant(9)));
        assert!(facts.proves(i, n) && !facts.proves(n, i));
    }

    #[test]
    fn constants_meet_in_the_middle() {
        let (mut facts, a, b) = (Facts::default(), term(0), term(1));
        facts.learn(a, Term::constant(3));
        facts.learn(Term::constant(4), b);
        assert!(facts.proves(a, b.plus(-1)));
        assert!(!facts.proves(a, b.plus(-2)));
    }
}
