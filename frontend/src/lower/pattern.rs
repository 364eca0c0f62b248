//! Patterns: tests, bindings, and `match`.
//!
//! A `match` on an enum whose arms name different cases is one `switch` on the tag. Every other one is a chain of tests. A
//! field of a node is only read where the tag has been tested.

use super::body::{Flat, FnLower};
use super::control::Selector;
use crate::typed::*;
use dprog_ir::{BinaryOp, CompareOp, Type, Value};

impl<'p> FnLower<'_, 'p> {
    /// Binds the locals of a pattern that matches.
    pub fn bind(&mut self, pattern: &'p Pattern, flat: &[Value]) {
        let ty = self.ty(&pattern.ty).into_owned();
        match &pattern.kind {
            PatternKind::Wildcard | PatternKind::Literal(_) => {}
            PatternKind::Binding(local) => self.bind_local(*local, &ty, flat.to_vec()),
            PatternKind::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    self.bind_component(part, &ty, i, flat);
                }
            }
            PatternKind::Struct(fields) => {
                for (field, part) in fields {
                    self.bind_component(part, &ty, *field as usize, flat);
                }
            }
            PatternKind::Case { case, fields, .. } => {
                for (field, part) in fields {
                    let leaves = self.case_field(flat[0], &ty, *case, *field);
                    self.bind(part, &leaves);
                }
            }
            PatternKind::Or(alternatives) => self.bind_alternative(alternatives, flat),
        }
    }

    fn bind_component(&mut self, part: &'p Pattern, ty: &Ty, index: usize, flat: &[Value]) {
        let (start, count, _) = self.cx.component(ty, index);
        self.bind(part, &flat[start..start + count]);
    }

    /// Leaves of a field of a case, in a node that is of this case. Also of the tangent of an enum.
    fn case_field(&mut self, node: Value, ty: &Ty, case: u32, field: u32) -> Flat {
        let (first, types) = self.case_field_types(ty, case, field);
        self.case_leaves(node, case, first, &types)
    }

    fn case_field_types(&mut self, ty: &Ty, case: u32, field: u32) -> (usize, Vec<Type>) {
        let (of, is_tangent) = match ty {
            Ty::Tangent(of) => (&**of, true),
            of => (of, false),
        };
        let Ty::Adt(adt, args) = of else { panic!("a case of {ty:?}") };
        let fields = self.cx.case_fields(*adt, args, case);
        let mut leaves = |ty: &Ty| -> Vec<Type> {
            if is_tangent {
                self.cx.layout(ty).to_vec().iter().filter_map(|slot| self.cx.module.tangent(slot.ty)).collect()
            } else {
                self.cx.types(ty)
            }
        };
        let first = fields[..field as usize].iter().map(|ty| leaves(ty).len()).sum();
        (first, leaves(&fields[field as usize]))
    }

    /// Alternatives bind the same locals: the one that matches decides from where.
    fn bind_alternative(&mut self, alternatives: &'p [Pattern], flat: &[Value]) {
        let [first, rest @ ..] = alternatives else { return };
        let mut locals = Vec::new();
        bound_locals(first, &mut locals);
        if locals.is_empty() {
            return;
        }
        if rest.is_empty() {
            return self.bind(first, flat);
        }
        let test = self.test(first, flat).unwrap_or_else(|| self.b.bool(true));
        let types: Vec<Type> = locals.iter().flat_map(|(_, ty)| self.types(ty)).collect();
        let values = self.branch(Selector::If(test), 2, &types, |s, k| {
            if k == 0 {
                s.bind(first, flat)
            } else {
                s.bind_alternative(rest, flat)
            }
            locals.iter().flat_map(|(local, _)| s.local(*local)).collect()
        });
        let mut values = values.into_iter();
        for (local, ty) in &locals {
            let count = self.types(ty).len();
            let flat = values.by_ref().take(count).collect();
            let ty = self.ty(ty).into_owned();
            self.bind_local(*local, &ty, flat);
        }
    }

    /// Whether a value matches; `None` if it always does.
    fn test(&mut self, pattern: &'p Pattern, flat: &[Value]) -> Option<Value> {
        if is_irrefutable(pattern) {
            return None;
        }
        let ty = self.ty(&pattern.ty).into_owned();
        match &pattern.kind {
            PatternKind::Wildcard | PatternKind::Binding(_) => None,
            PatternKind::Literal(literal) => {
                let value = self.pattern_literal(literal, &pattern.ty);
                Some(self.b.compare(CompareOp::Eq, flat[0], value))
            }
            PatternKind::Tuple(parts) => {
                let parts: Vec<(usize, &Pattern)> = parts.iter().enumerate().collect();
                self.test_components(&parts, &ty, flat)
            }
            PatternKind::Struct(fields) => {
                let parts: Vec<(usize, &Pattern)> = fields.iter().map(|(i, p)| (*i as usize, p)).collect();
                self.test_components(&parts, &ty, flat)
            }
            PatternKind::Case { case, fields, .. } => Some(self.test_case(&ty, *case, fields, flat[0])),
            PatternKind::Or(alternatives) => {
                let mut any: Option<Value> = None;
                for alternative in alternatives {
                    let test = self.test(alternative, flat)?;
                    any = Some(match any {
                        Some(any) => self.b.binary(BinaryOp::Or, any, test),
                        None => test,
                    });
                }
                any
            }
        }
    }

    fn pattern_literal(&mut self, literal: &Literal, ty: &Ty) -> Value {
        match (literal, ty) {
            (Literal::Int(x), Ty::Scalar(s)) => self.scalar_constant(*s, *x),
            (Literal::Int(x), _) => self.b.i64(*x),
            (Literal::Float(x), ty) => {
                let ty = self.types(ty)[0];
                self.b.float(*x, ty)
            }
            (Literal::Bool(x), _) => self.b.bool(*x),
            (Literal::Str(text), _) => self.b.str(text),
        }
    }

    fn test_components(&mut self, parts: &[(usize, &'p Pattern)], ty: &Ty, flat: &[Value]) -> Option<Value> {
        let mut all: Option<Value> = None;
        for (index, part) in parts {
            let (start, count, _) = self.cx.component(ty, *index);
            if let Some(test) = self.test(part, &flat[start..start + count]) {
                all = Some(match all {
                    Some(all) => self.b.binary(BinaryOp::And, all, test),
                    None => test,
                });
            }
        }
        all
    }

    fn test_case(&mut self, ty: &Ty, case: u32, fields: &'p [(u32, Pattern)], value: Value) -> Value {
        let tag = self.tag(value);
        let wanted = self.b.i64(case as i64);
        let is_case = self.b.compare(CompareOp::Eq, tag, wanted);
        if fields.iter().all(|(_, p)| is_irrefutable(p)) {
            return is_case;
        }
        let matches = self.if_else(
            is_case,
            |s| {
                let mut all: Option<Value> = None;
                for (field, part) in fields.iter().filter(|(_, p)| !is_irrefutable(p)) {
                    let leaves = s.case_field(value, ty, case, *field);
                    let test = s.test(part, &leaves).expect("the pattern is refutable");
                    all = Some(match all {
                        Some(all) => s.b.binary(BinaryOp::And, all, test),
                        None => test,
                    });
                }
                vec![all.expect("a field is tested")]
            },
            |s| vec![s.b.bool(false)],
        );
        matches[0]
    }

    /// The number of an enum's case.
    pub fn tag(&mut self, value: Value) -> Value {
        if self.b.ty(value) == Type::I64 { value } else { self.b.node_tag(value) }
    }

    // ---- match ----

    pub fn match_expr(&mut self, scrutinee: &'p Expr, arms: &'p [Arm], ty: &Ty) -> Flat {
        let flat = self.expr(scrutinee);
        let types = self.types(ty);
        if arms.is_empty() {
            return self.undefs(&types);
        }
        match self.cases_of_arms(scrutinee, arms) {
            Some(cases) => self.switch_arms(&flat, arms, &cases, &types),
            None if arms.len() > 3 && arms.iter().all(|a| a.guard.is_none() && is_shallow(&a.pattern)) => {
                self.numbered_arms(&flat, arms, &types)
            }
            None => self.chain(&flat, arms, &types),
        }
    }

    /// If each arm is a case of its own without inner tests, and perhaps a last one for the others: for each case of the
    /// enum, and the default behind them, its arm.
    fn cases_of_arms(&mut self, scrutinee: &Expr, arms: &[Arm]) -> Option<Vec<usize>> {
        let adt = match self.ty(&scrutinee.ty).as_ref() {
            Ty::Adt(adt, _) => *adt,
            Ty::Tangent(of) => match **of {
                Ty::Adt(adt, _) => adt,
                _ => return None,
            },
            _ => return None,
        };
        let count = self.cx.program.adts[adt].cases().len();
        let mut chosen: Vec<Option<usize>> = vec![None; count];
        let mut default = None;
        for (index, arm) in arms.iter().enumerate() {
            if arm.guard.is_some() || default.is_some() {
                return None;
            }
            match &arm.pattern.kind {
                PatternKind::Wildcard | PatternKind::Binding(_) => default = Some(index),
                PatternKind::Case { case, fields, .. } if fields.iter().all(|(_, p)| is_irrefutable(p)) => {
                    chosen[*case as usize].replace(index).is_none().then_some(())?;
                }
                _ => return None,
            }
        }
        // An arm is written once: the default cannot stand for several cases except as the default, at the end.
        let known = chosen.iter().position(Option::is_none).unwrap_or(count);
        if count == 0 || known == 0 || chosen[known..].iter().any(Option::is_some) {
            return None;
        }
        let mut cases: Vec<usize> = chosen.into_iter().map_while(|c| c).collect();
        match default {
            Some(default) => cases.push(default),
            None if cases.len() < count => return None,
            None => {}
        }
        Some(cases)
    }

    fn switch_arms(&mut self, flat: &[Value], arms: &'p [Arm], cases: &[usize], types: &[Type]) -> Flat {
        if let [only] = cases {
            self.bind(&arms[*only].pattern, flat);
            return self.arm_value(&arms[*only].body, types);
        }
        let tag = self.tag(flat[0]);
        let selector = if cases.len() == 2 {
            let first = self.b.i64(0);
            Selector::If(self.b.compare(CompareOp::Eq, tag, first))
        } else {
            Selector::Switch(tag)
        };
        self.branch(selector, cases.len(), types, |s, k| {
            let arm = &arms[cases[k]];
            s.bind(&arm.pattern, flat);
            s.arm_value(&arm.body, types)
        })
    }

    /// Many arms whose tests can all be made: the number of the first that matches, then one `switch` on it.
    fn numbered_arms(&mut self, flat: &[Value], arms: &'p [Arm], types: &[Type]) -> Flat {
        let mut number = self.b.i64(arms.len() as i64 - 1);
        for (index, arm) in arms.iter().enumerate().rev().skip(1) {
            let own = self.b.i64(index as i64);
            number = match self.test(&arm.pattern, flat) {
                Some(test) => self.b.select(test, own, number),
                None => own,
            };
        }
        self.branch(Selector::Switch(number), arms.len(), types, |s, k| {
            s.bind(&arms[k].pattern, flat);
            s.arm_value(&arms[k].body, types)
        })
    }

    fn chain(&mut self, flat: &[Value], arms: &'p [Arm], types: &[Type]) -> Flat {
        let [arm, rest @ ..] = arms else { return self.undefs(types) };
        // The last arm matches: the checker has seen to that.
        let test = if rest.is_empty() { None } else { self.test(&arm.pattern, flat) };
        let test = match (&arm.guard, test) {
            (None, None) => {
                self.bind(&arm.pattern, flat);
                return self.arm_value(&arm.body, types);
            }
            (None, Some(test)) => test,
            (Some(guard), None) => {
                self.bind(&arm.pattern, flat);
                self.scalar(guard)
            }
            (Some(guard), Some(test)) => {
                let matches = self.branch(Selector::If(test), 2, &[Type::BOOL], |s, k| {
                    if k == 1 {
                        return vec![s.b.bool(false)];
                    }
                    s.bind(&arm.pattern, flat);
                    vec![s.scalar(guard)]
                });
                matches[0]
            }
        };
        self.branch(Selector::If(test), 2, types, |s, k| {
            if k == 1 {
                return s.chain(flat, rest, types);
            }
            s.bind(&arm.pattern, flat);
            s.arm_value(&arm.body, types)
        })
    }
}

fn is_irrefutable(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Wildcard | PatternKind::Binding(_) => true,
        PatternKind::Literal(_) | PatternKind::Case { .. } => false,
        PatternKind::Tuple(parts) => parts.iter().all(is_irrefutable),
        PatternKind::Struct(fields) => fields.iter().all(|(_, p)| is_irrefutable(p)),
        PatternKind::Or(alternatives) => alternatives.iter().any(is_irrefutable),
    }
}

/// Whether the test of a pattern looks at tags and scalars only, not into nodes.
fn is_shallow(pattern: &Pattern) -> bool {
    match &pattern.kind {
        PatternKind::Wildcard | PatternKind::Binding(_) | PatternKind::Literal(_) => true,
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter().all(is_shallow),
        PatternKind::Struct(fields) => fields.iter().all(|(_, p)| is_shallow(p)),
        PatternKind::Case { fields, .. } => fields.iter().all(|(_, p)| is_irrefutable(p)),
    }
}

fn bound_locals<'p>(pattern: &'p Pattern, locals: &mut Vec<(LocalId, &'p Ty)>) {
    match &pattern.kind {
        PatternKind::Wildcard | PatternKind::Literal(_) => {}
        PatternKind::Binding(local) => locals.push((*local, &pattern.ty)),
        PatternKind::Tuple(parts) => parts.iter().for_each(|p| bound_locals(p, locals)),
        PatternKind::Struct(fields) | PatternKind::Case { fields, .. } => {
            fields.iter().for_each(|(_, p)| bound_locals(p, locals));
        }
        PatternKind::Or(alternatives) => alternatives.iter().take(1).for_each(|p| bound_locals(p, locals)),
    }
}
