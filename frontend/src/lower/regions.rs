//! Regions written by lowering itself: nothing in them assigns to a local or leaves. Code of the user goes through
//! `control.rs` and `loops.rs`.

use super::body::{Flat, FnLower};
use dprog_ir::{Access, Op, Region, Type, Value};

impl<'p> FnLower<'_, 'p> {
    fn region(&mut self, params: &[Type], body: impl FnOnce(&mut Self, &[Value]) -> Flat) -> Region {
        let region = self.b.open_region(params);
        let params = self.b.func.regions[region].params.clone();
        let yields = body(self, &params);
        self.b.close_region(&yields)
    }

    pub fn yield_types(&self, region: Region) -> Vec<Type> {
        self.b.func.regions[region].yields.iter().map(|v| self.b.ty(*v)).collect()
    }

    /// Arrays of what a region yields.
    fn lifted_types(&self, region: Region, rank: usize) -> Vec<Type> {
        let lift = |ty: Type| ty.try_array(rank).unwrap_or_else(|| self.cx.nested_too_deeply());
        self.yield_types(region).into_iter().map(lift).collect()
    }

    /// `body` gets an element of each of the arrays.
    pub fn map(&mut self, arrays: &[Value], body: impl FnOnce(&mut Self, &[Value]) -> Flat) -> Flat {
        let elements: Vec<Type> = arrays.iter().map(|x| self.b.ty(*x).element()).collect();
        let rank = self.b.ty(arrays[0]).rank();
        let region = self.region(&elements, body);
        let types = self.lifted_types(region, rank);
        let inst = self.b.inst(Op::Map, arrays, &[region], &types);
        self.b.results(inst)
    }

    /// `body` gets the indices.
    pub fn build(&mut self, dims: &[Value], body: impl FnOnce(&mut Self, &[Value]) -> Flat) -> Flat {
        let region = self.region(&vec![Type::I64; dims.len()], body);
        let types = self.lifted_types(region, dims.len());
        let inst = self.b.inst(Op::Build, dims, &[region], &types);
        self.b.results(inst)
    }

    /// `body` gets the counter and the carried values.
    pub fn for_range(
        &mut self,
        lo: Value,
        hi: Value,
        init: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Flat,
    ) -> Flat {
        let types: Vec<Type> = init.iter().map(|v| self.b.ty(*v)).collect();
        let params = [&[Type::I64][..], &types].concat();
        let region = self.region(&params, |s, p| body(s, p[0], &p[1..]));
        let inst = self.b.inst(Op::For, &[&[lo, hi], init].concat(), &[region], &types);
        self.b.results(inst)
    }

    /// `for i in 0..count`.
    pub fn repeat(
        &mut self,
        count: Value,
        init: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Flat,
    ) -> Flat {
        let zero = self.b.i64(0);
        self.for_range(zero, count, init, body)
    }

    pub fn if_else(
        &mut self,
        cond: Value,
        then: impl FnOnce(&mut Self) -> Flat,
        otherwise: impl FnOnce(&mut Self) -> Flat,
    ) -> Flat {
        let then = self.region(&[], |s, _| then(s));
        let otherwise = self.region(&[], |s, _| otherwise(s));
        let types = self.yield_types(then);
        let inst = self.b.inst(Op::If, &[cond], &[then, otherwise], &types);
        self.b.results(inst)
    }

    /// `body` writes the region of each case; the default gives undefined values.
    pub fn switch_cases(
        &mut self,
        tag: Value,
        cases: usize,
        types: &[Type],
        mut body: impl FnMut(&mut Self, usize) -> Flat,
    ) -> Flat {
        let mut regions: Vec<Region> = (0..cases).map(|k| self.region(&[], |s, _| body(s, k))).collect();
        regions.push(self.region(&[], |s, _| s.undefs(types)));
        let inst = self.b.inst(Op::Switch, &[tag], &regions, types);
        self.b.results(inst)
    }

    /// An element or sub-array at indices that are inside.
    pub fn at_index(&mut self, x: Value, indices: &[Value]) -> Value {
        self.b.get(Access::InBounds, x, indices)
    }

    /// The product of some sizes.
    pub fn product(&mut self, sizes: &[Value]) -> Value {
        match sizes {
            [] => self.b.i64(1),
            [first, rest @ ..] => rest.iter().fold(*first, |p, s| self.b.mul(p, *s)),
        }
    }

    /// An array with all elements zero, empty or undefined, to be filled by `set`.
    pub fn blank(&mut self, element: Type, dims: &[Value]) -> Value {
        let zero = self.zero_of(element);
        self.b.fill(zero, dims)
    }

    /// Zero of a scalar type; undefined of others.
    pub fn zero_of(&mut self, ty: Type) -> Value {
        match ty.as_scalar() {
            Some(s) => self.scalar_constant(s, 0),
            None => self.b.undef(ty),
        }
    }
}
