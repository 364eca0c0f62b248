//! Loops that multiply matrices become products of matrices.
//!
//! ```text
//! %z = fill 0.0, %n, %p
//! %c = for %i in 0..%n carry (%c1 = %z) {
//!   %c2 = for %k in 0..%m carry (%c3 = %c1) {
//!     %c4 = for %j in 0..%p carry (%c5 = %c3) {
//!       %x = get %a[%i, %k]                              ->     %c = matmul %a, %b
//!       %y = get %b[%k, %j]
//!       %t = mul %x, %y
//!       %c6 = add_at %c5[%i, %j], %t
//!       …
//! ```
//!
//! The three loops may stand in any order, the operands may be transposed, and instead of adding to `c` the innermost loop may carry
//! the sum from 0.0 on, which is stored. An element is a sum over `k` in increasing order from 0.0 on in all of them, as in
//! [`Op::MatMul`]: so the bits are the same. Runs before the derivative is taken, whose adjoints are then products too.
//!
//! The loops must go over whole arrays: then no access is out of range, and the sizes fit. *Not here:* sums that begin with
//! something else, products in a loop that does more. *Cost:* linear.

use crate::analysis::definitions::Promised;
use crate::analysis::{Definitions, Shapes};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{BinaryOp, Const, Op};
use crate::types::Type;
use smallvec::SmallVec;

/// Rewrites the nests of a function. Gives their number.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let found = {
        let search = Search { func, definitions: Definitions::of_function(func), shapes: Shapes::of_function(func) };
        let mut found = Vec::new();
        search.region(entry, &mut found);
        found
    };
    for (inst, product) in &found {
        let data = &mut func.insts[*inst];
        data.op = Op::MatMul { transpose_a: product.transposed[0], transpose_b: product.transposed[1] };
        data.args = SmallVec::from_slice(&product.factors);
        data.regions.clear();
    }
    found.len()
}

/// What a nest computes.
struct Product {
    factors: [Value; 2],
    transposed: [bool; 2],
}

struct Search<'f> {
    func: &'f Function,
    definitions: Definitions,
    shapes: Shapes,
}

/// The loops of a nest, and what else is in it.
#[derive(Default)]
struct Nest {
    /// Counters with the number of trips, outermost first.
    loops: Vec<(Value, Value)>,
    others: Vec<Inst>,
}

/// A size: a number, or the value that it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Number(i64),
    Of(Value),
}

impl Search<'_> {
    fn region(&self, region: Region, found: &mut Vec<(Inst, Product)>) {
        for inst in &self.func.regions[region].insts {
            match self.product(*inst) {
                Some(product) => found.push((*inst, product)),
                None => self.func.insts[*inst].regions.iter().for_each(|inner| self.region(*inner, found)),
            }
        }
    }

    fn product(&self, inst: Inst) -> Option<Product> {
        let data = &self.func.insts[inst];
        let ([result], Op::For | Op::Build) = (&data.results[..], &data.op) else { return None };
        if self.func.value_type(*result) != Type::F64.array(2) {
            return None;
        }
        let mut nest = Nest::default();
        if data.op == Op::Build {
            let counters = &self.func.regions[data.regions[0]].params;
            nest.loops.extend(counters.iter().copied().zip(data.args.iter().copied()));
            self.body(data.regions[0], &mut nest)?;
            let y = self.func.regions[data.regions[0]].yields[0];
            return self.of_sum(&nest, y, [counters[0], counters[1]]);
        }
        self.counted(data, &mut nest)?;
        let stores = |inst: &&Inst| matches!(self.func.insts[**inst].op, Op::Set(_) | Op::AddAt(_));
        let [store] = nest.others.iter().filter(stores).copied().collect::<Vec<_>>()[..] else { return None };
        let store = &self.func.insts[store];
        let [c, p, q, v] = store.args[..] else { return None };
        let whole = [p, q].iter().enumerate().all(|(axis, i)| self.is_axis(&nest, *i, data.args[2], axis));
        if !whole || !self.hands_on(data.regions[0], c, store.results[0]) {
            return None;
        }
        match store.op {
            Op::AddAt(_) if self.is_zero_fill(data.args[2]) => self.factors(&nest, v, [p, q], 4),
            // Each element is stored once: the sum is finished in the loops over the others.
            Op::Set(_) => self.of_sum(&nest, v, [p, q]),
            _ => None,
        }
    }

    // ---- the nest ----

    /// A loop from 0 on.
    fn counted(&self, data: &InstData, nest: &mut Nest) -> Option<()> {
        let from_zero = self.definitions.int(self.func, data.args[0]) == Some(0);
        if data.results.len() != 1 || !from_zero || nest.loops.len() == 3 {
            return None;
        }
        nest.loops.push((self.func.regions[data.regions[0]].params[0], data.args[1]));
        self.body(data.regions[0], nest)
    }

    fn body(&self, body: Region, nest: &mut Nest) -> Option<()> {
        let mut inner = None;
        for inst in &self.func.regions[body].insts {
            let data = &self.func.insts[*inst];
            if data.op == Op::For && inner.is_none() {
                inner = Some(data);
            } else if !matches!(data.op, Op::Const(_)) {
                nest.others.push(*inst);
            }
        }
        match inner {
            Some(data) => self.counted(data, nest),
            None => Some(()),
        }
    }

    /// Whether the loops do nothing with the matrix but to hand it to each other, from the outermost `body` to where it is changed
    /// from `c` to `changed`, and back.
    fn hands_on(&self, body: Region, c: Value, changed: Value) -> bool {
        let region = &self.func.regions[body];
        let (param, y) = (region.params[1], region.yields[0]);
        if (param, y) == (c, changed) {
            return true;
        }
        let inner = region.insts.iter().map(|i| &self.func.insts[*i]).find(|data| data.op == Op::For);
        inner.is_some_and(|data| {
            data.args[2] == param && data.results[0] == y && self.hands_on(data.regions[0], c, changed)
        })
    }

    /// A sum that the innermost of three loops carries, for the element `at`.
    fn of_sum(&self, nest: &Nest, sum: Value, at: [Value; 2]) -> Option<Product> {
        let data = self.definitions.inst(self.func, sum)?;
        if data.op != Op::For || nest.loops.last()?.0 != self.func.regions[data.regions[0]].params[0] {
            return None;
        }
        let region = &self.func.regions[data.regions[0]];
        let zero = self.definitions.constant(self.func, data.args[2]) == Some(&Const::f64(0.0));
        let add = self.definitions.inst(self.func, region.yields[0])?;
        let others = if add.op == Op::Binary(BinaryOp::Add) { [add.args[0], add.args[1]] } else { return None };
        let v = match others {
            [s, v] | [v, s] if s == region.params[1] => v,
            _ => return None,
        };
        // The reads, the product, the addition; and the store, if it is no `build`.
        let stores = nest.others.iter().filter(|i| matches!(self.func.insts[**i].op, Op::Set(_))).count();
        if zero { self.factors(nest, v, at, 4 + stores) } else { None }
    }

    // ---- what is added ----

    /// The factors of the product for the element `at`, if that and so many instructions are all there is.
    fn factors(&self, nest: &Nest, v: Value, at: [Value; 2], insts: usize) -> Option<Product> {
        let mul = self.definitions.inst(self.func, v).filter(|data| data.op == Op::Binary(BinaryOp::Mul))?;
        let [p, q] = at;
        let r = nest.loops.iter().map(|(counter, _)| *counter).find(|counter| !at.contains(counter))?;
        if nest.loops.len() != 3 || nest.others.len() != insts || p == q {
            return None;
        }
        let [x, y] = [self.element(nest, mul.args[0])?, self.element(nest, mul.args[1])?];
        [(x, y), (y, x)].into_iter().find_map(|(x, y)| {
            let transposed = [is_transposed(x.1, [p, r])?, is_transposed(y.1, [r, q])?];
            Some(Product { factors: [x.0, y.0], transposed })
        })
    }

    /// The matrix, from outside, and the counters of an element that is read, if the loops go over all of them.
    fn element(&self, nest: &Nest, v: Value) -> Option<(Value, [Value; 2])> {
        let data = self.definitions.inst(self.func, v).filter(|data| matches!(data.op, Op::Get(_)))?;
        let [x, i, j] = data.args[..] else { return None };
        let inside = |inst: &Inst| self.func.insts[*inst].results.contains(&x);
        let fits = self.is_axis(nest, i, x, 0) && self.is_axis(nest, j, x, 1) && i != j;
        let outside = !nest.others.iter().any(inside) && self.func.value_type(x) == Type::F64.array(2);
        (fits && outside).then_some((x, [i, j]))
    }

    /// Whether `i` is a counter that goes over all of an axis.
    fn is_axis(&self, nest: &Nest, i: Value, x: Value, axis: usize) -> bool {
        let Some((_, size)) = nest.loops.iter().find(|(counter, _)| *counter == i) else { return false };
        self.size_of(x, axis) == Some(self.size(*size))
    }

    fn is_zero_fill(&self, x: Value) -> bool {
        let fill = self.definitions.inst(self.func, x).filter(|data| data.op == Op::Fill);
        fill.is_some_and(|data| self.definitions.constant(self.func, data.args[0]) == Some(&Const::f64(0.0)))
    }

    // ---- sizes ----

    fn size(&self, v: Value) -> Size {
        match self.definitions.inst(self.func, v).map(|data| (&data.op, data)) {
            Some((Op::Const(Const::I64(n)), _)) => Size::Number(*n),
            Some((Op::Dim(axis), data)) => self.size_of(data.args[0], *axis as usize).unwrap_or(Size::Of(v)),
            Some(_) | None => Size::Of(v),
        }
    }

    /// The size of an axis, from where the array was made, or from what the program promises.
    fn size_of(&self, x: Value, axis: usize) -> Option<Size> {
        let x = self.shapes.origin(x);
        if let Some(promised) = self.definitions.promised(self.func, x, axis as u8) {
            return Some(match promised {
                Promised::Number(n) => Size::Number(n),
                Promised::Param(v) => self.size(v),
            });
        }
        let data = self.definitions.inst(self.func, x)?;
        let size = match data.op {
            Op::Fill => data.args[1 + axis],
            Op::Build => data.args[axis],
            _ => return None,
        };
        Some(self.size(size))
    }
}

/// Whether an element of a factor is the one that is wanted, or that of the transposed matrix.
fn is_transposed(at: [Value; 2], wanted: [Value; 2]) -> Option<bool> {
    if at == wanted { Some(false) } else { (at == [wanted[1], wanted[0]]).then_some(true) }
}
