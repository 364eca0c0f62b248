//! Adjoints of nodes. The adjoint of a node is a node of the tangent type, of the same case, with the adjoints of its
//! active fields.
//!
//! A node is taken apart by several reads of its fields, usually in one region, under the `switch` on its case. Each read
//! alone would make an adjoint node with one field and zeros in the others, to be added to that of the next. So the reads
//! of one node in one region are gathered: their adjoints wait until the sweep has reached the first of them, and then one
//! node is made.

use crate::reverse::sweep::Sweep;
use dprog_ir::{Inst, InstData, NodeId, Op, Region, Value};
use rustc_hash::FxHashMap;

impl Sweep<'_, '_, '_> {
    /// New node.
    ///   primal:  n = node v…
    ///   tangent: ṅ = node v̇… of the active fields
    ///   adjoint: v̄ₖ += n̄.k
    ///   needs:   nothing
    pub(super) fn node_new(&mut self, node: NodeId, case: u32, data: &InstData) {
        let Some(n_adj) = self.take(data.results[0]) else { return };
        for (k, v) in data.args.iter().enumerate() {
            if self.is_active(*v)
                && let Some(field) = self.cx.module.tangent_field(node, case, k as u32)
            {
                let ty = self.tangent_type(*v);
                let part = self.b.node_get(n_adj, case, field, ty);
                self.contribute(*v, part);
            }
        }
    }

    /// Field of a node.
    ///   primal:  z = n.k
    ///   tangent: ż = ṅ.k
    ///   adjoint: n̄.k += z̄
    ///   needs:   n, if a field that is not read is an array or a node (its zero has its shape)
    pub(super) fn node_get(&mut self, region: Region, case: u32, field: u32, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let n = data.args[0];
        let node = self.active.func().value_type(n).as_node().expect("a node");
        if !self.is_active(n) {
            return;
        }
        let Some(k) = self.cx.module.tangent_field(node, case, field) else { return };
        let count = self.cx.module.nodes[node].cases[case as usize].fields.len();
        let gathered = self.fields.entry((region, n, case)).or_insert_with(|| vec![None; count]);
        let before = gathered[k as usize];
        let sum = before.map_or(z_adj, |before| self.sum(before, z_adj));
        self.fields.get_mut(&(region, n, case)).expect("made above")[k as usize] = Some(sum);
    }

    /// For each first read of a field of a node and case in a region: which these are.
    pub(super) fn first_field_reads(&self, region: Region) -> FxHashMap<Inst, (Value, u32)> {
        let mut firsts: FxHashMap<(Value, u32), Inst> = FxHashMap::default();
        let func = self.active.func();
        for &inst in &func.regions[region].insts {
            let data = &func.insts[inst];
            if let Op::NodeGet { case, .. } = data.op {
                firsts.entry((data.args[0], case)).or_insert(inst);
            }
        }
        firsts.into_iter().map(|(key, inst)| (inst, key)).collect()
    }

    /// Makes the adjoint node of what has been gathered.
    pub(super) fn flush_fields(&mut self, region: Region, (n, case): (Value, u32)) {
        let Some(gathered) = self.fields.remove(&(region, n, case)) else { return };
        let node = self.active.func().value_type(n).as_node().expect("a node");
        let tangent = self.cx.module.tangent_node(node).expect("an active node has a tangent type");
        let fields = self.cx.module.nodes[node].cases[case as usize].fields.clone();
        let mut adjoints = Vec::new();
        for (k, field) in fields.iter().enumerate() {
            let Some(ty) = self.cx.module.tangent(field.ty) else { continue };
            adjoints.push(match gathered[adjoints.len()] {
                Some(adjoint) => adjoint,
                None if field.ty.is_float() => self.b.float(0.0, ty),
                None => {
                    let primal = self.value(n);
                    let part = self.b.node_get(primal, case, k as u32, field.ty);
                    self.b.zeros_like(part, ty)
                }
            });
        }
        let n_adj = self.b.node_new(tangent, case, &adjoints);
        self.contribute(n, n_adj);
    }
}
