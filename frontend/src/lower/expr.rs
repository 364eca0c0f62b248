//! Expressions: the dispatch, and those that are neither calls nor arrays.

use super::body::{Flat, FnLower};
use super::callable::Callable;
use super::control::{Leave, Selector};
use super::loops::Sequence;
use super::scan::Scan;
use crate::typed::*;
use dprog_ir::{CompareOp, Const, Scalar, Type, UnaryOp, Value};

impl<'p> FnLower<'_, 'p> {
    /// The leaves of an expression's value. Behind it the point being written is live or dead, never in between.
    pub fn expr(&mut self, e: &'p Expr) -> Flat {
        let flat = self.located(e);
        self.settle();
        flat
    }

    /// As [`Self::expr`], where a value of type `ty` is needed: an expression that does not return gives undefined leaves.
    pub fn expr_as(&mut self, e: &'p Expr, ty: &Ty) -> Flat {
        let flat = self.expr(e);
        if matches!(e.ty, Ty::Never) { self.undefined(ty) } else { flat }
    }

    /// An expression whose value is not needed. It may leave a pending exit behind.
    pub fn statement(&mut self, e: &'p Expr) {
        self.located(e);
    }

    /// The one leaf of a scalar, string or node.
    pub fn scalar(&mut self, e: &'p Expr) -> Value {
        match self.expr(e).first() {
            Some(value) => *value,
            None => self.b.undef(Type::I64),
        }
    }

    pub fn undefined(&mut self, ty: &Ty) -> Flat {
        let types = self.types(ty);
        self.undefs(&types)
    }

    fn located(&mut self, e: &'p Expr) -> Flat {
        self.refuse_deep_arrays(&e.ty);
        let before = self.at(e.span);
        let flat = self.expr_kind(e);
        self.back_to(before);
        flat
    }

    /// Only type arguments can make an array of an expression that the IR has no type for, so this is seldom looked at.
    fn refuse_deep_arrays(&mut self, ty: &Ty) {
        if matches!(ty, Ty::Array(..)) && !self.subst.is_empty() {
            self.types(ty);
        }
    }

    fn expr_kind(&mut self, e: &'p Expr) -> Flat {
        match &e.kind {
            ExprKind::Literal(literal) => vec![self.literal(literal, &e.ty)],
            ExprKind::Text(parts) => vec![self.text(parts)],
            ExprKind::Local(local) => self.local(*local),
            ExprKind::Size(size) => vec![self.size(size)],
            ExprKind::Const(id) => self.const_value(*id),
            ExprKind::FnRef(_) | ExprKind::Differential(_) | ExprKind::Closure(_) => self.function_value(e),
            ExprKind::Call { callee, args } => self.call(callee, args, &e.ty),
            ExprKind::CallValue { callee, args } => self.call_value(callee, args),
            ExprKind::ModelInit { adt, args, rng, fields } => self.model_init(*adt, args, rng, fields),
            ExprKind::Tuple(parts) => parts.iter().flat_map(|p| self.expr(p)).collect(),
            ExprKind::Struct { fields, order, .. } => self.fields_in_order(fields, order),
            ExprKind::Case { adt, args, case, fields, order } => {
                let flat = self.fields_in_order(fields, order);
                self.case_value(*adt, args, *case, &e.ty, &flat)
            }
            ExprKind::ArrayLiteral(items) => self.array_literal(items, &e.ty),
            ExprKind::Fill(value) => self.fill(value, &e.ty),
            ExprKind::Comprehension { body, clauses } => self.comprehension(body, clauses, &e.ty),
            ExprKind::Neg(x) => self.negated(x),
            ExprKind::Not(x) => {
                let flat = self.expr(x);
                vec![self.elementwise(flat[0], |s, x| s.b.unary(UnaryOp::Not, x))]
            }
            ExprKind::Binary(op, a, b) => {
                let (x, y) = (self.expr(a), self.expr(b));
                let (a, b) = (self.ty(&a.ty).into_owned(), self.ty(&b.ty).into_owned());
                self.arithmetic(*op, (&x, &a), (&y, &b))
            }
            ExprKind::MatMul(a, b) => {
                let (x, y) = (self.expr(a), self.expr(b));
                vec![self.matmul(x[0], y[0])]
            }
            ExprKind::Compare(op, a, b) => vec![self.comparison(*op, a, b)],
            ExprKind::And(a, b) => self.short_circuit(a, b, true),
            ExprKind::Or(a, b) => self.short_circuit(a, b, false),
            ExprKind::Convert(x) => {
                let flat = self.expr(x);
                let to = self.types(&e.ty)[0];
                vec![self.converted(flat[0], to)]
            }
            ExprKind::Reshaped { value, binds } => self.reshaped(value, binds, &e.ty),
            ExprKind::Index { base, args } => self.index(base, args),
            ExprKind::Field { base, field } => self.field(base, *field),
            ExprKind::Try(x) => self.try_expr(x),
            ExprKind::If { cond, then, otherwise } => self.if_expr(cond, then, otherwise.as_deref(), &e.ty),
            ExprKind::Match { scrutinee, arms } => self.match_expr(scrutinee, arms, &e.ty),
            ExprKind::Block { stmts, value } => self.block(stmts, value.as_deref()),
            ExprKind::For { pattern, iter, body } => {
                self.for_expr(pattern, iter, body);
                Vec::new()
            }
            ExprKind::While { cond, body } => {
                self.while_expr(cond, body);
                Vec::new()
            }
            ExprKind::Loop { body } => {
                self.loop_expr(body);
                Vec::new()
            }
            ExprKind::Break => {
                self.break_loop();
                Vec::new()
            }
            ExprKind::Continue => {
                self.die(Leave::Loop);
                Vec::new()
            }
            ExprKind::Return(value) => {
                self.return_expr(value.as_deref());
                Vec::new()
            }
            ExprKind::Assign { op, place, value } => {
                self.assign(*op, place, value);
                Vec::new()
            }
            ExprKind::Error => panic!("an erroneous expression reached lowering"),
        }
    }

    fn literal(&mut self, literal: &Literal, ty: &Ty) -> Value {
        match (literal, ty) {
            (Literal::Int(x), Ty::Scalar(s)) => self.scalar_constant(*s, *x),
            (Literal::Int(x), _) => self.b.i64(*x),
            (Literal::Float(x), Ty::Scalar(Scalar::F32)) => self.b.constant(Const::f32(*x as f32)),
            (Literal::Float(x), _) => self.b.f64(*x),
            (Literal::Bool(x), _) => self.b.bool(*x),
            (Literal::Str(text), _) => self.b.str(text),
        }
    }

    /// A small integer as a constant of a scalar type.
    pub fn scalar_constant(&mut self, s: Scalar, x: i64) -> Value {
        self.b.constant(match s {
            Scalar::F64 => Const::f64(x as f64),
            Scalar::F32 => Const::f32(x as f32),
            Scalar::I64 => Const::I64(x),
            Scalar::I32 => Const::I32(x as i32),
            Scalar::U8 => Const::U8(x as u8),
            Scalar::Bool => Const::Bool(x != 0),
        })
    }

    fn const_value(&mut self, id: ConstId) -> Flat {
        let def = &self.cx.program.consts[id];
        if let ExprKind::Literal(literal) = &def.value.kind {
            return vec![self.literal(literal, &def.value.ty)];
        }
        let code = self.cx.const_code(id);
        self.call_flat(&Callable { code, prefix: Vec::new() }, &[])
    }

    /// Fields are evaluated in the order of the text and lie in the order of the declaration.
    fn fields_in_order(&mut self, fields: &'p [Expr], order: &[u32]) -> Flat {
        let mut flats = vec![Flat::new(); fields.len()];
        for index in order {
            flats[*index as usize] = self.expr(&fields[*index as usize]);
        }
        flats.concat()
    }

    /// A value of an enum from the leaves of the case's fields.
    pub fn case_value(&mut self, adt: AdtId, args: &[Arg], case: u32, ty: &Ty, fields: &[Value]) -> Flat {
        let args: Vec<Arg> = args.iter().map(|a| self.arg(a)).collect();
        match self.cx.enum_node(adt, &args) {
            None => vec![self.b.i64(case as i64)],
            Some(_) => {
                let node = self.types(ty)[0].as_node().expect("an enum with fields is a node");
                vec![self.b.node_new(node, case, fields)]
            }
        }
    }

    fn field(&mut self, base: &'p Expr, field: u32) -> Flat {
        let flat = self.expr(base);
        let ty = self.ty(&base.ty).into_owned();
        let (start, count, _) = self.cx.component(&ty, field as usize);
        flat[start..start + count].to_vec()
    }

    fn short_circuit(&mut self, a: &'p Expr, b: &'p Expr, and: bool) -> Flat {
        let first = self.scalar(a);
        if is_cheap(b) {
            let second = self.scalar(b);
            let op = if and { dprog_ir::BinaryOp::And } else { dprog_ir::BinaryOp::Or };
            return vec![self.b.binary(op, first, second)];
        }
        self.branch(Selector::If(first), 2, &[Type::BOOL], |s, k| {
            if (k == 0) == and { vec![s.scalar(b)] } else { vec![s.b.bool(!and)] }
        })
    }

    fn comparison(&mut self, op: CompareOp, a: &'p Expr, b: &'p Expr) -> Value {
        let (x, y) = (self.expr(a), self.expr(b));
        let ty = self.ty(&a.ty).into_owned();
        if matches!(ty, Ty::Scalar(_) | Ty::Str) {
            return self.b.compare(op, x[0], y[0]);
        }
        let equal = self.equal(&x, &y, &ty);
        if op == CompareOp::Ne { self.b.unary(UnaryOp::Not, equal) } else { equal }
    }

    // ---- control ----

    fn if_expr(&mut self, cond: &'p Expr, then: &'p Expr, otherwise: Option<&'p Expr>, ty: &Ty) -> Flat {
        let cond = self.scalar(cond);
        let types = self.types(ty);
        self.branch(Selector::If(cond), 2, &types, |s, k| match (k, otherwise) {
            (0, _) => s.arm_value(then, &types),
            (_, Some(e)) => s.arm_value(e, &types),
            (_, None) => Vec::new(),
        })
    }

    /// The value of an arm; without leaves, the arm may end in a pending exit.
    pub fn arm_value(&mut self, e: &'p Expr, types: &[Type]) -> Flat {
        if types.is_empty() {
            self.statement(e);
            return Vec::new();
        }
        let flat = self.expr(e);
        if flat.len() == types.len() { flat } else { self.undefs(types) }
    }

    fn block(&mut self, stmts: &'p [Stmt], value: Option<&'p Expr>) -> Flat {
        let joins = self.joins.len();
        for stmt in stmts {
            self.settle();
            if self.dead.is_some() {
                return Vec::new();
            }
            if self.joins.len() > joins + MAX_WAITING {
                self.flatten_to(joins);
            }
            match stmt {
                Stmt::Expr(e) => self.statement(e),
                Stmt::Let { pattern, init } => self.let_stmt(pattern, init.as_ref()),
            }
        }
        match value {
            Some(e) => {
                self.settle();
                if self.dead.is_some() { Vec::new() } else { self.located(e) }
            }
            None => Vec::new(),
        }
    }

    fn let_stmt(&mut self, pattern: &'p Pattern, init: Option<&'p Expr>) {
        let flat = match init {
            Some(e) => self.expr_as(e, &pattern.ty),
            None => self.undefined(&pattern.ty),
        };
        let flat = if flat.is_empty() { self.undefined(&pattern.ty) } else { flat };
        self.bind(pattern, &flat);
    }

    fn return_expr(&mut self, value: Option<&'p Expr>) {
        let result = self.result.clone();
        let flat = value.map_or(Vec::new(), |e| self.expr_as(e, &result));
        if self.dead.is_none() {
            self.return_leaves(flat);
        }
    }

    /// `return` of a value that is there.
    pub fn return_leaves(&mut self, flat: Flat) {
        let flat = if flat.is_empty() { self.undefined(&self.result.clone()) } else { flat };
        self.set_results(flat);
        if !self.loops.is_empty() {
            let yes = self.b.bool(true);
            self.set(self.has_returned, vec![yes]);
        }
        self.die(Leave::Function);
    }

    /// `e?`: goes on with the payload, or returns the other case.
    fn try_expr(&mut self, x: &'p Expr) -> Flat {
        let value = self.scalar(x);
        let ty = self.ty(&x.ty).into_owned();
        let Ty::Adt(adt, args) = &ty else { panic!("`?` of {ty:?}") };
        let (good, bad) = if Some(*adt) == self.cx.program.lang.option { (1, 0) } else { (0, 1) };
        let payload = self.cx.case_fields(*adt, args, good).remove(0);
        let types = self.cx.types(&payload);
        let tag = self.b.node_tag(value);
        let wanted = self.b.i64(good as i64);
        let is_good = self.b.compare(CompareOp::Eq, tag, wanted);
        self.branch(Selector::If(is_good), 2, &types, |s, k| {
            if k == 0 {
                return s.case_leaves(value, good, 0, &types);
            }
            let error_types = s.case_types(*adt, args, bad);
            let error = s.case_leaves(value, bad, 0, &error_types);
            let Ty::Adt(adt, args) = s.result.clone() else { panic!("`?` in a function without such a result") };
            let result = s.result.clone();
            let flat = s.case_value(adt, &args, bad, &result, &error);
            s.return_leaves(flat);
            Vec::new()
        })
    }

    /// All leaves of a case's fields.
    fn case_types(&mut self, adt: AdtId, args: &[Arg], case: u32) -> Vec<Type> {
        self.cx.case_fields(adt, args, case).iter().flat_map(|t| self.cx.types(t)).collect()
    }

    /// Leaves `first…` of a node of a known case.
    pub fn case_leaves(&mut self, node: Value, case: u32, first: usize, types: &[Type]) -> Flat {
        let leaf = |(i, ty): (usize, &Type)| self.b.node_get(node, case, (first + i) as u32, *ty);
        types.iter().enumerate().map(leaf).collect()
    }

    // ---- comprehensions ----

    fn comprehension(&mut self, body: &'p Expr, clauses: &'p [(Pattern, Iterable)], ty: &Ty) -> Flat {
        let ty = self.ty(ty).into_owned();
        let sequences: Vec<Sequence> = clauses.iter().map(|(_, iter)| self.sequence(iter)).collect();
        let dims: Vec<Value> = sequences.iter().map(|s| self.size_of(s)).collect();
        let rank = match &ty {
            Ty::Array(_, sizes) => sizes.len(),
            _ => panic!("a comprehension has type {ty:?}"),
        };
        let scan = Scan::of(body);
        if rank == clauses.len() && scan.is_plain() {
            return self.build(&dims, |s, indices| {
                s.bind_clauses(clauses, &sequences, indices);
                let flat = s.expr(body);
                s.or_mark(flat)
            });
        }
        self.comprehension_loop(body, clauses, &sequences, &dims, &ty, &scan)
    }

    fn bind_clauses(&mut self, clauses: &'p [(Pattern, Iterable)], sequences: &[Sequence], indices: &[Value]) {
        for (((pattern, _), sequence), k) in clauses.iter().zip(sequences).zip(indices) {
            let element = self.element_at(sequence, *k);
            self.bind(pattern, &element);
        }
    }

    /// Elements without leaves are arrays of a mark.
    pub fn or_mark(&mut self, flat: Flat) -> Flat {
        if flat.is_empty() { vec![self.scalar_constant(Scalar::U8, 0)] } else { flat }
    }

    /// Loops that set element after element: the elements are arrays, or the body changes locals.
    fn comprehension_loop(
        &mut self,
        body: &'p Expr,
        clauses: &'p [(Pattern, Iterable)],
        sequences: &[Sequence],
        dims: &[Value],
        ty: &Ty,
        scan: &Scan,
    ) -> Flat {
        let Ty::Array(_, sizes) = ty else { panic!("a comprehension is an array") };
        let rest: Flat = sizes[clauses.len()..].iter().map(|s| self.size(s)).collect();
        let all = [dims, &rest[..]].concat();
        let types = self.cx.types(ty);
        let blank: Flat = types.iter().map(|t| self.blank(t.element(), &all)).collect();
        let whole = self.fresh_hidden();
        self.set(whole, blank);
        self.fill_loops(body, clauses, sequences, dims, scan, whole, &mut Vec::new());
        self.settle();
        self.local(whole)
    }

    #[expect(clippy::too_many_arguments, reason = "one recursion over the clauses")]
    fn fill_loops(
        &mut self,
        body: &'p Expr,
        clauses: &'p [(Pattern, Iterable)],
        sequences: &[Sequence],
        dims: &[Value],
        scan: &Scan,
        whole: LocalId,
        indices: &mut Flat,
    ) {
        let depth = indices.len();
        if depth == dims.len() {
            self.bind_clauses(clauses, sequences, indices);
            let flat = self.expr(body);
            let flat = self.or_mark(flat);
            let before = self.local(whole);
            let set = before.iter().zip(&flat).map(|(x, v)| self.b.set(dprog_ir::Access::InBounds, *x, indices, *v));
            let set = set.collect();
            return self.set(whole, set);
        }
        let zero = self.b.i64(0);
        self.counted(zero, dims[depth], scan, &[whole], |s, k| {
            indices.push(k);
            s.fill_loops(body, clauses, sequences, dims, scan, whole, indices);
            indices.pop();
        });
    }
}

/// Early returns of one block that may nest in each other; by feeling: deeper than people write, flat enough for passes
/// that recurse.
const MAX_WAITING: usize = 40;

/// Whether an operand of `&&` may as well be computed always: it can neither trap nor take long.
fn is_cheap(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Local(_) => true,
        ExprKind::Compare(_, a, b) => matches!(a.ty, Ty::Scalar(_)) && is_cheap(a) && is_cheap(b),
        ExprKind::Not(x) => is_cheap(x),
        ExprKind::Field { base, .. } => is_cheap(base),
        _ => false,
    }
}
