//! Kernels: loops whose trips have no order among them, ready to run several trips at once.
//!
//! A loop that computes the same thing for many numbers need not compute it for one after the other. [`recognise`] looks at a
//! `for`, a `map` or a `build` and gives a [`Kernel`], or the [`Refusal`] that says why there is none. A kernel says
//! what *one* trip does; whoever lowers it does so for a handful of neighbouring trips, the *lanes*, in one go.
//! Every number of a kernel has a [`Shape`]: the same in all lanes, growing by a stride from lane to lane, or different.
//!
//! ```text
//! for %i in 0..%n carry (%s = 0.0, %y = %y0) {     kernel over k0:
//!   %a = get %x[%i]                                  k1: f64 varying = load x[k0]
//!   %b = exp %a                                      k2: f64 varying = exp k1
//!   %y1 = set %y[%i], %b                             store y[k0] = k2
//!   %s1 = add %s, %b                                 in order, k3 carried from 0.0:
//!   yield %s1, %y1                                     k4: f64 in order = add k3, k2
//! }
//! ```
//!
//! What a trip needs of the one before it (a carried float, say) makes a second, *ordered* part: it runs lane by lane after
//! the lanes have computed what is independent. So every number comes out with the same bits as in the loop.
//!
//! A kernel may have inner loops, if all lanes go round equally often: then the lanes are trips of the outer loop, and
//! each keeps the order of its own sums.
//!
//! Traps stay where they are: a kernel has none. Accesses that the loop would test are listed as [`Guard`]s, which hold for the
//! whole loop or the kernel does not run; and what is left of the trips is the loop's own.
//!
//! *Absent on purpose:* machines. How many lanes there are, and what a vector is, is the lowering's business.

mod affine;
mod cost;
mod explain;
mod guarded;
mod packing;
mod recognise;
mod single;

pub use affine::Affine;
pub use cost::Cost;
pub use explain::{LoopReport, explain_loops};
pub use recognise::{Fold, Loop, recognise};

use crate::entity;
use crate::entity::Arena;
use crate::function::Value;
use crate::location::SrcLoc;
use crate::opcode::{BinaryOp, CompareOp, Const, UnaryOp};
use crate::types::Scalar;
use smallvec::SmallVec;
use std::fmt;

entity!(
    /// A number of a kernel.
    Num, "k"
);

/// How a number differs from lane to lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Shape {
    /// Not at all.
    Uniform,
    /// An i64 that grows by the same from each lane to the next.
    Linear,
    Varying,
    /// Known only after the lane before: part of the ordered part.
    Ordered,
}

/// What is known of a number.
#[derive(Clone, Debug, PartialEq)]
pub struct NumData {
    pub scalar: Scalar,
    pub shape: Shape,
    /// Of an i64: what it is in terms of the counters and of numbers from outside, where that is so.
    pub affine: Option<Affine>,
}

/// Where a number comes from that is there before the loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A scalar of the function.
    Value(Value),
    Const(Const),
    /// A size of an array.
    Dim(ArrayId, u8),
    /// The row-major number of the element that the first trip of a `build` makes.
    First,
}

/// An operation on numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumOp {
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    Select,
    Convert(Scalar),
    /// Of floats `t, p`: the product, but `t` where `t` is zero and the product not a number. So rules of differentiation multiply.
    Guarded,
    /// The sum of an element and what is added to it, which is rounded before, whatever `-C fp` says: as in the loop.
    Added,
}

impl NumOp {
    /// Whether the operation on f32 gives what may be no f32 if it is done with f64.
    pub fn is_inexact(self) -> bool {
        match self {
            NumOp::Unary(UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Sign) => false,
            NumOp::Unary(UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Trunc | UnaryOp::Round) => false,
            NumOp::Binary(BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign) => false,
            NumOp::Compare(_) | NumOp::Select | NumOp::Convert(_) => false,
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Guarded | NumOp::Added => true,
        }
    }
}

entity!(
    /// An array that a kernel reads or updates.
    ArrayId, "a"
);

/// An array of scalars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayData {
    /// The array as it is before the loop; of a `map` or `build`, its result.
    pub value: Value,
    pub element: Scalar,
    /// The kernel stores into it. Nobody else refers to it then.
    pub updated: bool,
}

entity!(
    /// A tile of a kernel.
    TileId, "t"
);

/// Memory for what the lanes of a block have read at a stride, a row for each trip of an inner loop with these bounds: see `packing`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    pub lo: Affine,
    pub hi: Affine,
}

/// Something that a trip does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Op {
        result: Num,
        op: NumOp,
        args: SmallVec<[Num; 3]>,
        loc: SrcLoc,
    },
    Load {
        result: Num,
        array: ArrayId,
        place: Place,
    },
    Store(Store),
    /// Puts the lanes of a number next to each other, into a row of a tile; the row is the counter of an inner loop.
    Pack {
        tile: TileId,
        row: Num,
        value: Num,
    },
    /// The lanes that were put there.
    Packed {
        result: Num,
        tile: TileId,
        row: Num,
    },
    /// In each lane what the lane before has of `value`, in the first what the trip before left: `result` and `value` are one of the pairs of [`Kernel::handed_on`].
    Before {
        result: Num,
        value: Num,
    },
    Inner(Box<Inner>),
}

/// An element of an array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Its row-major number.
    pub number: Num,
    /// By how much the number grows from lane to lane, if that is known.
    pub stride: Option<i64>,
}

/// A change of an element.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    pub array: ArrayId,
    pub place: Place,
    pub value: Num,
    /// Adds to what stands there; where the place is the same in all lanes, lane after lane.
    pub add: bool,
}

/// A loop inside of a trip. All lanes go round together.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    pub counter: Num,
    pub lo: Num,
    pub hi: Num,
    pub carried: Vec<InnerCarried>,
    pub body: Vec<Step>,
}

/// A number that an inner loop carries: before it, in a trip, after a trip, and behind the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InnerCarried {
    pub init: Num,
    pub param: Num,
    pub next: Num,
    pub result: Num,
}

/// What the loop carries, in its order.
#[derive(Clone, Debug, PartialEq)]
pub enum Carried {
    /// An array that is updated where it stands.
    Array(ArrayId),
    /// A scalar that stays as it is.
    Same(Num),
    /// An i64 that grows by a constant each trip.
    Steady { start: Num, step: i64 },
    /// The least or greatest of some floats, and of `init`: `next = op param, value`, and nothing else looks at `param`. Which one it is
    /// depends on the order only among zeros and what is not a number; then the loop has to run as it stands.
    Extreme { op: BinaryOp, value: Num },
    /// `next = op param, value` of floats, where `op` adds or subtracts and the order does not matter: see [`Loop::any_order`].
    Sum { op: BinaryOp, value: Num },
    /// A scalar of which every trip needs what the one before made. Where `param` is no number of the ordered part, the lane before has it: [`Step::Before`].
    Ordered { init: Num, param: Num, next: Num },
}

/// An element that a trip adds to after the one before it did. The sum is handed on as a number: it is loaded before the loop, and stored behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub array: ArrayId,
    /// Where it is in a trip: of its counter and inputs.
    pub indices: SmallVec<[Affine; 2]>,
    /// The element before the trip that comes to these indices.
    pub param: Num,
    /// The element that is there for the next trip.
    pub next: Num,
}

/// Holds before the loop, or the kernel does not run: for all trips, `0 <= index < size`.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    pub index: Affine,
    pub size: Num,
}

/// Holds before the loop, or the kernel does not run: in all trips, the element of the array at these indices is an index below `size`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    pub array: ArrayId,
    /// Of counters there is only that of the loop in them.
    pub indices: SmallVec<[Affine; 2]>,
    pub size: Num,
}

/// Which trips a kernel may do, for conditions on the counter are decided once for all of its trips; their operands are inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Limit {
    /// Not the trip with this counter.
    Except(Affine),
    /// None before this one.
    From(Affine),
    /// Not this one, and none after it.
    Until(Affine),
}

/// See the module's description.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    pub numbers: Arena<Num, NumData>,
    pub inputs: Vec<(Num, Input)>,
    pub arrays: Arena<ArrayId, ArrayData>,
    /// The counter of the loop.
    pub axis: Num,
    pub body: Vec<Step>,
    pub carried: Vec<Carried>,
    /// Runs after the body, lane by lane: operations only.
    pub ordered: Vec<Step>,
    /// Stores of numbers of the ordered part.
    pub late: Vec<Store>,
    /// Floats that are summed over all trips, in the lanes of [`crate::ReduceOp::Sum`].
    pub sum: Option<Num>,
    pub guards: Vec<Guard>,
    /// Looked at where the guards hold.
    pub scans: Vec<Scan>,
    pub limits: Vec<Limit>,
    /// Must be far from overflow, or the limits are not what the loop's conditions say.
    pub small: Vec<Affine>,
    pub cells: Vec<Cell>,
    /// Inputs, and sums of them, that must not be zero, or the kernel does not run: how far rows are apart.
    pub apart: Vec<Affine>,
    /// Inputs that are so, or the kernel does not run.
    pub conditions: Vec<(Num, bool)>,
    /// Counters of inner loops, with their bounds.
    pub counters: Vec<(Num, Affine, Affine)>,
    /// Those of them whose loops must go round at least once, or the kernel does not run.
    pub rounds: Vec<Num>,
    pub tiles: Arena<TileId, Tile>,
    pub cost: Cost,
}

impl Kernel {
    /// Of each number that trips take over from the trip before, what it is before a trip and after it: those that the loop carries, then the cells.
    pub fn handed_on(&self) -> impl Iterator<Item = (Num, Num)> {
        let carried = self.carried.iter().filter_map(|c| match c {
            Carried::Ordered { param, next, .. } => Some((*param, *next)),
            Carried::Array(_)
            | Carried::Same(_)
            | Carried::Steady { .. }
            | Carried::Extreme { .. }
            | Carried::Sum { .. } => None,
        });
        carried.chain(self.cells.iter().map(|cell| (cell.param, cell.next)))
    }

    pub fn shape(&self, num: Num) -> Shape {
        self.numbers[num].shape
    }

    pub fn scalar(&self, num: Num) -> Scalar {
        self.numbers[num].scalar
    }

    /// The constant that a number is.
    pub fn constant(&self, num: Num) -> Option<&Const> {
        let at = self.inputs.binary_search_by_key(&num, |(n, _)| *n).ok()?;
        match &self.inputs[at].1 {
            Input::Const(c) => Some(c),
            Input::Value(_) | Input::Dim(..) | Input::First => None,
        }
    }
}

/// Why a loop is no kernel, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub reason: Reason,
    pub loc: SrcLoc,
}

/// Why a loop is no kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    Branch,
    While,
    Call,
    World,
    Trap,
    MakesArray,
    Elements,
    /// An operation that there is no vector code for.
    Operation(&'static str),
    Division,
    UnevenInner,
    Dependence,
    ReadsElsewhere,
    OrderedIndex,
    OrderedInner,
    Bounds,
    Inside,
    NotWorth,
    OrderedOnly,
    Few,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Branch => "a branch in it is no choice between two numbers",
            Reason::While => "a `while` in it goes round as often as its numbers say",
            Reason::Call => "it calls a function",
            Reason::World => "it talks to the world",
            Reason::Trap => "a condition in it may trap",
            Reason::MakesArray => "each trip makes an array, a text or another object",
            Reason::Elements => "elements of this type have no vectors",
            Reason::Operation(name) => return write!(f, "`{name}` has no vector code"),
            Reason::Division => "a division of integers may trap",
            Reason::UnevenInner => "an inner loop goes round differently often in neighbouring trips",
            Reason::Dependence => "a trip needs what the one before it made",
            Reason::ReadsElsewhere => "it reads elements of an array that other trips change",
            Reason::OrderedIndex => "what one trip made is the index of the next",
            Reason::OrderedInner => "an inner loop goes on with what the trip before made",
            Reason::Bounds => "the bounds of an index are not known before the loop",
            Reason::Inside => "its inner loop gains more from vectors",
            Reason::NotWorth => "its accesses to memory would cost more than vectors save",
            Reason::OrderedOnly => "nearly all of its work has to be done in order",
            Reason::Few => "it has too few trips",
        })
    }
}
