//! Where results may be made: in the caller's memory, unless something lies there that the function reads.
//!
//! A result may lie where an argument lies. Then the function makes an array of its own, which is copied when it has run.

use super::*;

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    /// For each result that the function takes a place for, an offer.
    pub(super) fn offers(&mut self) -> Vec<Option<Offer>> {
        let entry = self.entry;
        let Target::Bare { places, .. } = &entry.target else { return vec![None; entry.function.outputs.len()] };
        let outputs = entry.function.outputs.iter().zip(places);
        outputs.map(|(output, placed)| placed.then(|| self.offer(output))).collect()
    }

    fn offer(&mut self, output: &Output) -> Offer {
        match output {
            Output::Array { elements, stride, sizes: Some(sizes), ty }
                if is_dense(*stride, element_bytes(ty.element())) =>
            {
                let (data, sizes) = (self.elements(*elements), self.all_sizes(sizes));
                let end = self.end_of(data, &sizes, stride.bytes);
                let mut free = self.word(1);
                for size in &sizes {
                    let fine = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, *size, 0);
                    let fine = self.b.ins().uextend(I64, fine);
                    free = self.b.ins().band(free, fine);
                }
                for apart in self.apart_from_arguments(data, end) {
                    free = self.b.ins().band(free, apart);
                }
                let none = self.word(-1);
                let sizes: Vec<V> = sizes.iter().map(|size| self.b.ins().select(free, *size, none)).collect();
                self.offer_with(&sizes, data)
            }
            Output::Array { ty, .. } | Output::Handle { ty, .. } => {
                let none = self.word(-1);
                self.offer_with(&vec![none; ty.rank()], none)
            }
            Output::Text { .. } | Output::Store { .. } | Output::Drop => {
                let none = self.word(-1);
                self.offer_with(&[none; 15], none)
            }
        }
    }

    fn offer_with(&mut self, sizes: &[V], data: V) -> Offer {
        let argument = self.header(sizes, data);
        Offer { header: argument.v, place: argument.base.expect("a header has a place") }
    }

    fn all_sizes(&mut self, sizes: &[Size]) -> Vec<V> {
        sizes.iter().map(|size| self.size(size)).collect()
    }

    fn end_of(&mut self, data: V, sizes: &[V], bytes: u32) -> V {
        let count = self.product(sizes);
        let length = self.b.ins().imul_imm_s(count, bytes as i64);
        self.b.ins().iadd(data, length)
    }

    /// For each array among the arguments, whether it lies apart from these bytes.
    fn apart_from_arguments(&mut self, start: V, end: V) -> Vec<V> {
        let mut all = Vec::new();
        for input in &self.entry.function.inputs {
            let Input::Array { elements, stride, sizes, .. } = input else { continue };
            let (data, sizes) = (self.elements(*elements), self.all_sizes(sizes));
            let behind = self.end_of(data, &sizes, stride.bytes);
            let before = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, data);
            let after = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, behind, start);
            let apart = self.b.ins().bor(before, after);
            all.push(self.b.ins().uextend(I64, apart));
        }
        all
    }
}
