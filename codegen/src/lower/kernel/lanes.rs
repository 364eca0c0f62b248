//! Numbers of a kernel while code for a block of trips is written.

use super::*;
use cranelift_codegen::ir::ConstantData;
use dprog_ir::Scalar;

/// How much an index grows from lane to lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stride {
    Known(i64),
    Value(V),
}

/// A number as code has it.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// The same in all lanes.
    Scalar(V),
    /// An i64: that of the first lane, and by how much it grows.
    Line(V, Stride),
    /// Vectors of two lanes, or of four; a bool is all bits or none.
    Vectors(SmallVec<[V; 4]>),
    /// A scalar for each lane: numbers of the ordered part.
    Each(SmallVec<[V; 8]>),
}

/// The state of the lowering of one kernel.
pub(super) struct Lanes<'k> {
    pub kernel: &'k Kernel,
    pub width: usize,
    /// What is carried when a block begins.
    pub before: Vec<(Num, V)>,
    held: Vec<Option<Held>>,
    /// Where the elements of the arrays are.
    pub bases: Vec<V>,
    /// Constants that it has in the function's table.
    pub constants: FxHashMap<[u64; 2], i32>,
    /// The address of the table, where it has been asked for in front of the loop.
    pub table: Option<V>,
}

impl<'k> Lanes<'k> {
    pub fn new(kernel: &'k Kernel, width: usize) -> Lanes<'k> {
        let held = vec![None; kernel.numbers.len()];
        Lanes {
            kernel,
            width,
            before: Vec::new(),
            held,
            bases: Vec::new(),
            constants: FxHashMap::default(),
            table: None,
        }
    }

    /// The lanes of a vector.
    pub fn per_vector(&self) -> usize {
        if self.kernel.cost.single { 4 } else { 2 }
    }

    /// The vectors of a block.
    pub fn count(&self) -> usize {
        self.width / self.per_vector()
    }

    /// The vectors in which numbers of this type are. An f32 among lanes of 64 bits is an f64.
    pub fn vector_type(&self, scalar: Scalar) -> ClifType {
        match (scalar, self.kernel.cost.single) {
            (Scalar::F32, true) => types::F32X4,
            (Scalar::Bool, true) => types::I32X4,
            (Scalar::F64 | Scalar::F32, false) => types::F64X2,
            (Scalar::I64 | Scalar::Bool, false) => types::I64X2,
            (Scalar::F64 | Scalar::I64, true) => unreachable!("lanes of 32 bits have no {scalar:?}"),
            (Scalar::I32 | Scalar::U8, _) => unreachable!("no vectors of {scalar:?}"),
        }
    }

    /// Whether numbers of this type are in wider lanes than theirs.
    pub fn is_widened(&self, scalar: Scalar) -> bool {
        scalar == Scalar::F32 && !self.kernel.cost.single
    }

    pub fn hold(&mut self, num: Num, held: Held) {
        self.held[num.index()] = Some(held);
    }

    pub fn has(&self, num: Num) -> bool {
        self.held[num.index()].is_some()
    }

    pub fn held(&self, num: Num) -> &Held {
        self.held[num.index()].as_ref().expect("numbers are made before they are used")
    }

    /// A number that is the same in all lanes.
    pub fn scalar(&self, num: Num) -> V {
        match self.held(num) {
            Held::Scalar(v) => *v,
            Held::Line(..) | Held::Vectors(_) | Held::Each(_) => unreachable!("{num:?} is uniform"),
        }
    }
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// A number as vectors.
    pub(super) fn vectors(&mut self, k: &mut Lanes, num: Num) -> SmallVec<[V; 4]> {
        let count = k.count();
        let scalar = k.kernel.scalar(num);
        match k.held(num).clone() {
            Held::Vectors(vectors) => vectors,
            Held::Scalar(v) => {
                let vector = match k.kernel.constant(num) {
                    Some(c) => self.table_constant(k, c),
                    None => self.splat(k, scalar, v),
                };
                SmallVec::from_elem(vector, count)
            }
            Held::Line(base, stride) => (0..count).map(|at| self.line_vector(k, base, stride, 2 * at as i64)).collect(),
            Held::Each(lanes) => lanes.chunks(k.per_vector()).map(|of| self.vector_of(k, scalar, of)).collect(),
        }
    }

    pub(super) fn splat(&mut self, k: &Lanes, scalar: Scalar, v: V) -> V {
        let v = self.in_lane(k, scalar, v);
        let all = self.b.ins().splat(k.vector_type(scalar), v);
        if scalar == Scalar::Bool { self.b.ins().ineg(all) } else { all }
    }

    /// A scalar as lanes have it; of a bool, as a number.
    fn in_lane(&mut self, k: &Lanes, scalar: Scalar, v: V) -> V {
        match scalar {
            Scalar::Bool => self.b.ins().uextend(k.vector_type(scalar).lane_type(), v),
            _ if k.is_widened(scalar) => self.b.ins().fpromote(types::F64, v),
            _ => v,
        }
    }

    fn line_vector(&mut self, k: &mut Lanes, base: V, stride: Stride, first: i64) -> V {
        if let Stride::Known(stride) = stride {
            let splat = self.b.ins().splat(types::I64X2, base);
            let lanes = [first, first + 1].map(|lane| lane.wrapping_mul(stride) as u64);
            let steps = self.table_vector(k, types::I64X2, lanes);
            return self.b.ins().iadd(splat, steps);
        }
        let (a, b) = (self.line_lane(base, stride, first), self.line_lane(base, stride, first + 1));
        self.vector_of(k, Scalar::I64, &[a, b])
    }

    /// The index in a lane.
    pub(super) fn line_lane(&mut self, base: V, stride: Stride, lane: i64) -> V {
        match (lane, stride) {
            (0, _) => base,
            (_, Stride::Known(stride)) => self.b.ins().iadd_imm_s(base, stride.wrapping_mul(lane)),
            (_, Stride::Value(stride)) => {
                let more = self.b.ins().imul_imm_s(stride, lane);
                self.b.ins().iadd(base, more)
            }
        }
    }

    /// A vector of scalars.
    pub(super) fn vector_of(&mut self, k: &Lanes, scalar: Scalar, lanes: &[V]) -> V {
        let lanes: SmallVec<[V; 4]> = lanes.iter().map(|v| self.in_lane(k, scalar, *v)).collect();
        let mut vector = self.b.ins().scalar_to_vector(k.vector_type(scalar), lanes[0]);
        for (lane, v) in lanes.iter().enumerate().skip(1) {
            vector = self.b.ins().insertlane(vector, *v, lane as u8);
        }
        if scalar == Scalar::Bool { self.b.ins().ineg(vector) } else { vector }
    }

    /// A number in one lane, as a scalar.
    pub(super) fn lane(&mut self, k: &Lanes, num: Num, lane: usize) -> V {
        match k.held(num).clone() {
            Held::Scalar(v) => v,
            Held::Line(base, stride) => self.line_lane(base, stride, lane as i64),
            Held::Each(lanes) => lanes[lane],
            Held::Vectors(vectors) => {
                let (of, lane) = (vectors[lane / k.per_vector()], (lane % k.per_vector()) as u8);
                let v = self.b.ins().extractlane(of, lane);
                match k.kernel.scalar(num) {
                    scalar if k.is_widened(scalar) => self.b.ins().fdemote(types::F32, v),
                    Scalar::Bool => {
                        let byte = self.b.ins().ireduce(types::I8, v);
                        self.b.ins().band_imm_u(byte, 1)
                    }
                    _ => v,
                }
            }
        }
    }

    // ---- constants ----

    fn table_constant(&mut self, k: &mut Lanes, c: &Const) -> V {
        match c {
            Const::F64(bits) => self.table_vector(k, types::F64X2, [*bits; 2]),
            Const::F32(bits) => self.table_float(k, k.vector_type(Scalar::F32), f32::from_bits(*bits) as f64),
            Const::I64(x) => self.table_vector(k, types::I64X2, [*x as u64; 2]),
            Const::Bool(x) => self.table_vector(k, k.vector_type(Scalar::Bool), [(*x as u64).wrapping_neg(); 2]),
            Const::I32(_) | Const::U8(_) | Const::Str(_) => unreachable!("no vectors of {c:?}"),
        }
    }

    /// A float in all lanes of a vector of this type.
    pub(super) fn table_float(&mut self, k: &mut Lanes, ty: ClifType, x: f64) -> V {
        let bits = if ty == types::F32X4 { twice((x as f32).to_bits()) } else { x.to_bits() };
        self.table_vector(k, ty, [bits; 2])
    }

    /// A constant vector, from memory: in registers constants would push numbers out of them.
    pub(super) fn table_vector(&mut self, k: &mut Lanes, ty: ClifType, lanes: [u64; 2]) -> V {
        if lanes == [0; 2] {
            return self.zero_vector(ty);
        }
        let (base, flags) = (k.table.unwrap_or_else(|| self.table_base()), self.table_flags());
        let bytes = &mut self.table.as_mut().expect("there is one now").1;
        let offset = table_offset(&mut k.constants, bytes, lanes);
        self.b.ins().load(ty, flags, base, offset)
    }

    pub(super) fn zero_vector(&mut self, ty: ClifType) -> V {
        let zero = self.b.func.dfg.constants.insert(ConstantData::from(&[0u8; 16][..]));
        self.b.ins().vconst(ty, zero)
    }

    /// The address of the function's table of constants.
    pub(super) fn table_base(&mut self) -> V {
        let clif = &mut *self.clif;
        let mut declare = || clif.declare_anonymous_data(false, false).expect("data can be declared");
        let id = self.table.get_or_insert_with(|| (declare(), Vec::new())).0;
        let global = self.clif.declare_data_in_func(id, self.b.func);
        self.b.ins().symbol_value(PTR, global)
    }

    pub(super) fn table_flags(&mut self) -> MemFlagsData {
        self.flags(Memory::Table)
    }

    /// Puts the constants of the function's kernels into the module.
    pub(in crate::lower) fn finish_table(&mut self) {
        let Some((id, bytes)) = self.table.take() else { return };
        let mut data = cranelift_module::DataDescription::new();
        data.define(bytes.into_boxed_slice());
        data.set_align(16);
        self.clif.define_data(id, &data).expect("declared by us");
    }
}

/// Where a constant stands in the table. Each kernel has its own: Cranelift would else keep one in a register from the first kernel
/// to the last.
pub(super) fn table_offset(known: &mut FxHashMap<[u64; 2], i32>, bytes: &mut Vec<u8>, lanes: [u64; 2]) -> i32 {
    *known.entry(lanes).or_insert_with(|| {
        let offset = bytes.len() as i32;
        lanes.iter().for_each(|lane| bytes.extend_from_slice(&lane.to_le_bytes()));
        offset
    })
}

/// A number of 32 bits in both halves of one of 64.
fn twice(bits: u32) -> u64 {
    bits as u64 | (bits as u64) << 32
}
