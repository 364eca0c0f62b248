//! Sizes of arrays that are numbers known to the compiler.
//!
//! They come from the parameters whose sizes the program fixes, and from `elements`, `fill`, `build` and `slice` with
//! constants; they go through everything that keeps a shape or takes a part of one. Asked for one array at a time, so
//! that nobody pays for arrays that nobody asks about.
//!
//! Stale like [`Definitions`] and [`Shapes`], from which it is read off.

use super::{Def, Definitions, Shapes};
use crate::function::{AxisSize, Function, Value};
use crate::opcode::Op;

/// How many definitions a question looks back through (chains of parts of parts are short; a guess).
const STEPS: usize = 16;

/// What a question about sizes is answered from.
#[derive(Clone, Copy)]
pub struct FixedSizes<'a> {
    pub func: &'a Function,
    pub definitions: &'a Definitions,
    pub shapes: &'a Shapes,
}

impl FixedSizes<'_> {
    /// The sizes of all axes of the outermost level of `x`, if all are known.
    pub fn of(&self, x: Value) -> Option<Vec<usize>> {
        let rank = self.func.value_type(x).rank();
        (0..rank).map(|axis| self.axis(x, axis)).collect()
    }

    /// The size of one axis.
    pub fn axis(&self, x: Value, axis: usize) -> Option<usize> {
        self.look(x, axis, STEPS).and_then(|n| usize::try_from(n).ok())
    }

    fn look(&self, x: Value, axis: usize, steps: usize) -> Option<i64> {
        let steps = steps.checked_sub(1)?;
        let x = self.shapes.origin(x);
        let int = |v: Value| self.definitions.int(self.func, v);
        let inst = match self.definitions.of(x) {
            Def::Result(inst, 0) => inst,
            Def::Param(..) => {
                return match self.func.values[x].sizes.as_ref()?.get(axis)? {
                    AxisSize::Number(n) => Some(*n),
                    AxisSize::Open | AxisSize::Param(_) => None,
                };
            }
            Def::Result(..) | Def::Nowhere => return None,
        };
        let data = &self.func.insts[inst];
        let args = &data.args;
        match &data.op {
            Op::Elements => Some(args.len() as i64),
            Op::Fill | Op::Reshape => int(args[axis + 1]),
            Op::Build => int(args[axis]),
            Op::Map => args.iter().find_map(|arg| self.look(*arg, axis, steps)),
            Op::Slice(_) if axis == 0 => int(args[2])?.checked_sub(int(args[1])?),
            Op::Slice(_) => self.look(args[0], axis, steps),
            Op::Get(_) if self.func.value_type(args[0]).rank() > args.len() - 1 => {
                self.look(args[0], axis + args.len() - 1, steps)
            }
            Op::MatVec { transpose } => self.look(args[0], *transpose as usize, steps),
            Op::Outer => self.look(args[axis], 0, steps),
            Op::If => self.agreed(&data.regions, 0, axis, steps),
            _ => None,
        }
    }

    /// The size that all branches give.
    fn agreed(&self, regions: &[crate::function::Region], result: usize, axis: usize, steps: usize) -> Option<i64> {
        let mut sizes = regions.iter().map(|region| self.look(self.func.regions[*region].yields[result], axis, steps));
        let first = sizes.next()??;
        sizes.all(|size| size == Some(first)).then_some(first)
    }
}
