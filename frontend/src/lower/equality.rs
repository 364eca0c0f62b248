//! `==` of what is more than a scalar or a text: by parts. Nodes are compared by a function for each node type, so
//! recursive enums need nothing special.

use super::Generated;
use super::body::{Flat, FnLower};
use crate::typed::{AdtId, Arg, Ty};
use dprog_ir::{BinaryOp, CompareOp, FuncId, NodeId, Type, Value};

impl<'p> FnLower<'_, 'p> {
    pub fn equal(&mut self, x: &[Value], y: &[Value], ty: &Ty) -> Value {
        match ty {
            Ty::Scalar(_) | Ty::Str => self.b.compare(CompareOp::Eq, x[0], y[0]),
            Ty::Array(element, _) | Ty::List(element) => self.equal_arrays(x, y, element),
            Ty::Adt(id, args) if self.cx.is_enum(ty) => self.equal_enums(x[0], y[0], *id, args),
            Ty::Tuple(_) | Ty::Adt(..) => {
                let parts = self.cx.components(ty);
                let types: Vec<Ty> = parts.into_iter().map(|c| c.ty).collect();
                self.equal_parts(x, y, &types)
            }
            _ => panic!("{ty:?} cannot be compared"),
        }
    }

    fn equal_parts(&mut self, x: &[Value], y: &[Value], types: &[Ty]) -> Value {
        let (mut at, mut all) = (0, None);
        for ty in types {
            let end = at + self.cx.leaf_count(ty);
            if end > at {
                let equal = self.equal(&x[at..end], &y[at..end], ty);
                all = Some(match all {
                    Some(all) => self.b.binary(BinaryOp::And, all, equal),
                    None => equal,
                });
            }
            at = end;
        }
        all.unwrap_or_else(|| self.b.bool(true))
    }

    /// Equal sizes, then equal elements.
    fn equal_arrays(&mut self, x: &[Value], y: &[Value], element: &Ty) -> Value {
        let (dims, others) = (self.b.dims(x[0]), self.b.dims(y[0]));
        let mut same: Option<Value> = None;
        for (a, b) in dims.iter().zip(&others) {
            let equal = self.b.compare(CompareOp::Eq, *a, *b);
            same = Some(match same {
                Some(same) => self.b.binary(BinaryOp::And, same, equal),
                None => equal,
            });
        }
        if self.cx.leaf_count(element) == 0 {
            return same.expect("an array has an axis");
        }
        let same = same.expect("an array has an axis");
        self.if_else(same, |s| vec![s.equal_elements(x, y, &dims, element)], |s| vec![s.b.bool(false)])[0]
    }

    fn equal_elements(&mut self, x: &[Value], y: &[Value], dims: &[Value], element: &Ty) -> Value {
        let count = self.product(dims);
        let flatten = |s: &mut Self, all: &[Value]| -> Flat {
            if dims.len() == 1 { all.to_vec() } else { all.iter().map(|x| s.b.reshape(*x, &[count])).collect() }
        };
        let (x, y) = (flatten(self, x), flatten(self, y));
        self.all_of(count, |s, k| {
            let a: Flat = x.iter().map(|x| s.at_index(*x, &[k])).collect();
            let b: Flat = y.iter().map(|y| s.at_index(*y, &[k])).collect();
            s.equal(&a, &b, element)
        })
    }

    fn equal_enums(&mut self, x: Value, y: Value, id: AdtId, args: &[Arg]) -> Value {
        match self.cx.enum_node(id, args) {
            None => self.b.compare(CompareOp::Eq, x, y),
            Some(node) => {
                let func = self.equality_function(node, id, args);
                self.b.call(func, &[x, y], &[Type::BOOL])[0]
            }
        }
    }

    fn equality_function(&mut self, node: NodeId, id: AdtId, args: &[Arg]) -> FuncId {
        if let Some(func) = self.cx.generated.get(&Generated::Equal(node)) {
            return *func;
        }
        let name = format!("{}.equal", self.cx.module.nodes[node].name);
        let ty = Type::node(node);
        let func = self.cx.declare(&name, vec![ty, ty], vec![Type::BOOL], self.b.loc);
        self.cx.generated.insert(Generated::Equal(node), func);
        self.generate(func, |s, params| {
            let (x, y) = (params[0], params[1]);
            let (tag, other) = (s.b.node_tag(x), s.b.node_tag(y));
            let same = s.b.compare(CompareOp::Eq, tag, other);
            s.if_else(same, |s| s.equal_cases(x, y, tag, id, args), |s| vec![s.b.bool(false)])
        });
        func
    }

    fn equal_cases(&mut self, x: Value, y: Value, tag: Value, id: AdtId, args: &[Arg]) -> Flat {
        let cases = self.cx.program.adts[id].cases().len();
        self.switch_cases(tag, cases, &[Type::BOOL], |s, case| {
            let fields = s.cx.case_fields(id, args, case as u32);
            let types: Vec<Type> = fields.iter().flat_map(|t| s.cx.types(t)).collect();
            let a = s.case_leaves(x, case as u32, 0, &types);
            let b = s.case_leaves(y, case as u32, 0, &types);
            vec![s.equal_parts(&a, &b, &fields)]
        })
    }
}
