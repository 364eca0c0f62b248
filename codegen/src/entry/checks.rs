//! What may be wrong with arguments from C: a status, before anything runs.

use super::*;

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    pub(super) fn check_params(&mut self) {
        for (i, param) in self.entry.function.params.iter().enumerate() {
            let v = self.params[i];
            if param.role == Role::Size {
                let negative = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, v, 0);
                self.refuse_if(negative, TrapCode::NegativeSize as i64, &format!("`{}` is negative", param.name));
            }
            if let CType::Value(scalar) = param.ty {
                self.check_case(scalar, v, param);
            }
        }
        for i in self.entry.function.pointers().collect::<Vec<_>>() {
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, self.params[i], 0);
            let name = &self.entry.function.params[i].name;
            self.refuse_if(null, Status::NullPointer as i64, &format!("`{name}` is a null pointer"));
        }
    }

    /// A number from outside that is to be a case of an enum is one.
    fn check_case(&mut self, scalar: CScalar, v: V, param: &CParam) {
        let Some(id) = scalar.cases else { return };
        let def = &self.entry.interface.enums[id as usize];
        let (count, name) = (def.cases.len() as i64, def.name.clone());
        let bad = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, v, count);
        self.refuse_if(bad, TrapCode::Bounds as i64, &format!("`{}` is no case of `{name}`", param.name));
    }

    /// Loads the pointers in structs.
    pub(super) fn check_pointers(&mut self) {
        let function = self.entry.function;
        let inputs = function.inputs.iter().filter_map(|input| match input {
            Input::Array { elements, .. } => Some(*elements),
            Input::Value { .. } | Input::Load { .. } | Input::Text { .. } => None,
        });
        let outputs = function.outputs.iter().filter_map(|output| match output {
            Output::Array { elements, .. } => Some(*elements),
            Output::Store { .. } | Output::Handle { .. } | Output::Text { .. } | Output::Drop => None,
        });
        for elements in inputs.chain(outputs).collect::<Vec<_>>() {
            let Elements::Field { param, offset } = elements else { continue };
            if self.pointers.iter().any(|(known, _)| *known == elements) {
                continue;
            }
            let pointer = self.b.ins().load(PTR, MemFlagsData::trusted(), self.params[param], offset as i32);
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, pointer, 0);
            let text = format!("a pointer in `{}` is null", function.params[param].name);
            self.refuse_if(null, Status::NullPointer as i64, &text);
            self.pointers.push((elements, pointer));
        }
    }
}
