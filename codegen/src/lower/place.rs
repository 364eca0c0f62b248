//! Arrays that the function gives, made where the caller wants them; see [`crate::place`].

use super::*;
use dprog_runtime::layout::data_offset;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// A new array with unset elements that is `v`: the header. Its elements are at [`Lower::base`].
    pub(super) fn make(&mut self, v: Value, sizes: &[V]) -> V {
        let Some((header, place)) = self.offer(v) else { return self.new_array(self.ty(v), sizes) };
        let fits = self.has_sizes(header, sizes);
        let (otherwise, next) = (self.cold_block(), self.block(&[PTR, PTR]));
        self.brif(fits, next, &[header, place], otherwise, &[]);
        self.b.switch_to_block(otherwise);
        let array = self.new_array(self.ty(v), sizes);
        self.jump(next, &[array, array]);
        self.b.switch_to_block(next);
        let params = self.params(next);
        self.lies_at(v, params[1]);
        params[0]
    }

    /// The header and place that the caller offers for an array.
    pub(super) fn offer(&self, v: Value) -> Option<(V, V)> {
        self.offers[self.places.roots.get(&v)?.result]
    }

    /// Whether these are the sizes that the caller expects. A caller who has no place expects negative ones.
    fn has_sizes(&mut self, header: V, sizes: &[V]) -> V {
        let mut ok = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, sizes[0], 0);
        for (axis, size) in sizes.iter().enumerate() {
            let expected = self.dim(header, axis);
            let same = self.b.ins().icmp(IntCC::Equal, *size, expected);
            ok = self.b.ins().band(ok, same);
        }
        ok
    }

    /// Notes where the elements of an array are, under whatever name.
    fn lies_at(&mut self, root: Value, base: V) {
        for v in &self.places.roots[&root].chain {
            self.bases.insert(*v, base);
        }
    }

    /// The same of an array that the runtime has made, if it has not taken the caller's place.
    pub(super) fn lies_where_offered(&mut self, root: Value, header: V) {
        let Some((offered, place)) = self.offer(root) else { return };
        let taken = self.b.ins().icmp(IntCC::Equal, header, offered);
        let base = self.b.ins().select(taken, place, header);
        self.lies_at(root, base);
    }

    /// Whether an array may be in the caller's place; then it has no other reference.
    pub(super) fn is_placed(&self, v: Value) -> bool {
        self.bases.contains_key(&v) && self.places.roots.values().any(|root| root.chain.contains(&v))
    }

    /// Sets all elements of a new array.
    pub(super) fn set_elements(&mut self, v: Value, count: V, bits: V) {
        let (base, ty) = (self.base(v), self.ty(v));
        let to = self.b.ins().iadd_imm_s(base, data_offset(ty.rank()) as i64);
        let bytes = self.word(element_bytes(ty.element()) as i64);
        self.runtime("dprog_rt_set_apart", &[to, count, bytes, bits]);
    }
}
