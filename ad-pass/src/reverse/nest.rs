//! Adjoints of `map` and `build`: their bodies are pure, so nothing is kept; the sweep of an element runs what it needs of
//! the body once more, in the same place, and memory stays flat.
//!
//! Before: `%z = map %x { (%e) %s = sin %e; %t = mul %s, %a; yield %t }`. After, with z̄ given:
//!
//! ```text
//! %x.adj, %as = map %x, %z.adj { (%e, %t.adj) %s = sin %e; …; yield %e.adj, %a.adj }
//! %a.adj = reduce sum %as
//! ```
//!
//! That form serves as long as all that the body captures and contributes to are floats. A body that contributes to
//! captured arrays becomes a nest of loops that carries these as accumulators, and so does every `build`.
//!
//! Of an array of which only the greatest or the least element is used, only that element has an adjoint, and only it is swept:
//! the nearest of many candidates costs no more than one of them.

use crate::reverse::item::Item;
use crate::reverse::sweep::Sweep;
use dprog_ir::{Access, Inst, InstData, Op, ReduceOp, Region, Type, Value};

impl Sweep<'_, '_, '_> {
    pub(super) fn map(&mut self, inst: Inst, data: &InstData) {
        let body = data.regions[0];
        let free = self.free_in(body);
        let scalar = |v: &Value| self.active.func().value_type(*v).is_float();
        let elements_are_scalar = data.results.iter().chain(&data.args).all(|v| {
            let element = self.active.func().value_type(*v).element();
            !self.is_active(*v) || element.is_float()
        });
        if free.iter().all(scalar) && elements_are_scalar {
            self.map_as_map(inst, data, &free);
        } else {
            self.nest(inst, data, &free);
        }
    }

    pub(super) fn build(&mut self, inst: Inst, data: &InstData) {
        let free = self.free_in(data.regions[0]);
        self.nest(inst, data, &free);
    }

    /// The sweep of a `map` or `build` of whose result one element has an adjoint: of that element only.
    pub(super) fn one_element(&mut self, inst: Inst, data: &InstData, indices: &[Value], adjoint: Value) {
        let active = self.active.clone();
        let region = &active.func().regions[data.regions[0]];
        let nest = Nest { inst, data, carried: Vec::new(), seeds: Vec::new(), dims: Vec::new() };
        let bindings = self.element_bindings(&nest, indices);
        self.begin_inline(inst, &bindings);
        self.contribute(region.yields[0], adjoint);
        self.region(data.regions[0]);
        self.b.loc = data.loc;
        self.spread_to_operands(data, indices);
        self.end_inline(inst);
    }

    /// Adds the adjoints of the parameters of the body of a `map` to those of its operands.
    fn spread_to_operands(&mut self, data: &InstData, indices: &[Value]) {
        if data.op != Op::Map {
            return;
        }
        let active = self.active.clone();
        for (param, array) in active.func().regions[data.regions[0]].params.iter().zip(&data.args) {
            if let Some(c) = self.take(*param) {
                let whole = self.materialize(*array);
                let sum = self.b.add_at(Access::InBounds, whole, indices, c);
                self.replace(*array, sum);
            }
        }
    }

    fn free_in(&self, body: Region) -> Vec<Value> {
        self.active.active_free(body).to_vec()
    }

    /// Map.
    ///   primal:  z… = map x… { e… -> body -> t… }
    ///   tangent: the same map over x… and ẋ…, with the tangent of the body
    ///   adjoint: x̄…, part… = map x…, z̄… { body again; t̄… = z̄'s; reverse of the body };  captured ā += Σ part
    ///   needs:   of x… and the captured values what the body reads
    fn map_as_map(&mut self, inst: Inst, data: &InstData, free: &[Value]) {
        let active = self.active.clone();
        let region = &active.func().regions[data.regions[0]];
        let seeds: Vec<(usize, Value)> =
            (0..data.results.len()).filter_map(|k| self.take(data.results[k]).map(|seed| (k, seed))).collect();
        let read: Vec<usize> = match self.is_paper() {
            true => Vec::new(),
            false => {
                let plan = self.plan().inline[&inst].clone();
                (0..data.args.len()).filter(|k| plan.params.contains(&region.params[*k])).collect()
            }
        };
        let mut arrays: Vec<Value> = read.iter().map(|k| self.value(data.args[*k])).collect();
        arrays.extend(seeds.iter().map(|(_, seed)| *seed));
        let types: Vec<Type> = arrays.iter().map(|v| self.b.ty(*v).element()).collect();
        self.b.open_region(&types);
        let bindings: Vec<(Value, Value)> =
            read.iter().enumerate().map(|(at, k)| (region.params[*k], self.b.region_param(at))).collect();
        self.begin_inline(inst, &bindings);
        let before: Vec<Option<Value>> = free.iter().map(|v| self.take(*v)).collect();
        for (at, (k, _)) in seeds.iter().enumerate() {
            let seed = self.b.region_param(read.len() + at);
            self.contribute(region.yields[*k], seed);
        }
        self.region(data.regions[0]);
        self.b.loc = data.loc;
        let active_args: Vec<usize> = (0..data.args.len()).filter(|k| self.is_active(data.args[*k])).collect();
        let mut yields: Vec<Value> = active_args.iter().map(|k| self.materialize(region.params[*k])).collect();
        yields.extend(free.iter().map(|v| self.materialize(*v)));
        free.iter().zip(&before).for_each(|(v, adjoint)| self.put(*v, *adjoint));
        region.params.iter().for_each(|v| self.put(*v, None));
        self.end_inline(inst);
        let reverse = self.b.close_region(&yields);
        let rank = active.func().value_type(data.results[0]).rank();
        let types: Vec<Type> = yields.iter().map(|v| self.b.ty(*v).array(rank)).collect();
        let map = self.b.inst(Op::Map, &arrays, &[reverse], &types);
        let results = self.b.results(map);
        for (k, c) in active_args.iter().zip(&results) {
            self.contribute(data.args[*k], *c);
        }
        for (v, parts) in free.iter().zip(&results[active_args.len()..]) {
            let sum = self.b.reduce(ReduceOp::Sum, *parts);
            self.contribute(*v, sum);
        }
    }

    /// Build, and map in general.
    ///   primal:  z… = build dim… { i… -> body -> t… }
    ///   tangent: the same with the tangent of the body
    ///   adjoint: for i… carry the captured ā… { body again; t̄… = z̄[i…]…; reverse of the body }
    ///   needs:   dim…; of the captured values what the body reads
    fn nest(&mut self, inst: Inst, data: &InstData, free: &[Value]) {
        let dims = match data.op {
            Op::Map => self.dims(data.args[0]),
            _ => self.values(&data.args),
        };
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        let mut carried = free.to_vec();
        if data.op == Op::Map {
            let more: Vec<Value> = data.args.iter().copied().filter(|v| self.is_active(*v)).collect();
            more.into_iter().for_each(|v| {
                if !carried.contains(&v) {
                    carried.push(v);
                }
            });
        }
        let start: Vec<Value> = carried.iter().map(|v| self.materialize(*v)).collect();
        let nest = Nest { inst, data, carried, seeds, dims };
        let results = self.axis(&nest, &mut Vec::new(), &start);
        nest.carried.iter().zip(results).for_each(|(v, adjoint)| self.replace(*v, adjoint));
    }

    /// The loop over one axis, with those of the further axes in it.
    fn axis(&mut self, nest: &Nest, indices: &mut Vec<Value>, accumulators: &[Value]) -> Vec<Value> {
        let Some(dim) = nest.dims.get(indices.len()) else { return self.element(nest, indices, accumulators) };
        let types: Vec<Type> = accumulators.iter().map(|v| self.b.ty(*v)).collect();
        let zero = self.b.i64(0);
        let region = self.b.open_region(&[&[Type::I64], types.as_slice()].concat());
        indices.push(self.b.region_param(0));
        let inner: Vec<Value> = self.b.func.regions[region].params[1..].to_vec();
        let yields = self.axis(nest, indices, &inner);
        indices.pop();
        self.b.loc = nest.data.loc;
        let region = self.b.close_region(&yields);
        let reverse = self.b.inst(Op::For, &[&[zero, *dim], accumulators].concat(), &[region], &types);
        self.b.results(reverse)
    }

    fn element(&mut self, nest: &Nest, indices: &[Value], accumulators: &[Value]) -> Vec<Value> {
        let active = self.active.clone();
        let data = nest.data;
        let region = &active.func().regions[data.regions[0]];
        nest.carried.iter().zip(accumulators).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        let bindings = self.element_bindings(nest, indices);
        self.begin_inline(nest.inst, &bindings);
        for (v, seed) in region.yields.iter().zip(&nest.seeds) {
            if let Some(seed) = seed {
                let part = self.b.get(Access::InBounds, *seed, indices);
                self.contribute(*v, part);
            }
        }
        self.region(data.regions[0]);
        self.b.loc = data.loc;
        self.spread_to_operands(data, indices);
        self.end_inline(nest.inst);
        nest.carried.iter().map(|v| self.materialize(*v)).collect()
    }

    /// The parameters of the body: indices, or the elements that it reads.
    fn element_bindings(&mut self, nest: &Nest, indices: &[Value]) -> Vec<(Value, Value)> {
        if self.is_paper() {
            return Vec::new();
        }
        let active = self.active.clone();
        let params = active.func().regions[nest.data.regions[0]].params.iter().copied();
        if nest.data.op == Op::Build {
            return params.zip(indices.iter().copied()).collect();
        }
        let plan = self.plan().inline[&nest.inst].clone();
        let read = params.zip(&nest.data.args).filter(|(param, _)| plan.params.contains(param));
        let read: Vec<(Value, Value)> = read.map(|(param, array)| (param, *array)).collect();
        read.into_iter()
            .map(|(param, array)| {
                let array = self.item(Item::Value(array));
                (param, self.b.get(Access::InBounds, array, indices))
            })
            .collect()
    }
}

/// A `map` or `build` on its way to a nest of loops.
struct Nest<'a> {
    inst: Inst,
    data: &'a InstData,
    /// The active values to which the body contributes.
    carried: Vec<Value>,
    seeds: Vec<Option<Value>>,
    dims: Vec<Value>,
}
