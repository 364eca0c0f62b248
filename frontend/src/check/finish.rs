//! The end of a body: everything that was inferred is put into the tree; literals are measured; closures learn what they
//! capture.

use super::body::FnCx;
use super::size::{each_atom, each_size};
use super::unify::has_free;
use crate::errors::types;
use crate::source::Span;
use crate::typed::{
    Arg, CallArg, Closure, Expr, ExprKind, FnRef, GenericId, IndexArg, Iterable, Literal, LocalId, Pattern,
    PatternKind, Place, Projection, RangeAdapter, Size, SizeAtom, Stmt, TextPart, Ty,
};
use dprog_ir::Scalar;
use dprog_ir::entity::Entity;
use rustc_hash::FxHashSet;

impl FnCx<'_, '_> {
    /// Decides what is still open and gives the finished tree.
    pub fn finish(&mut self, mut value: Expr) -> Expr {
        self.settle_finally();
        self.check_literals();
        let mut finish = Finish { cx: self, closures: Vec::new(), open: Vec::new() };
        finish.expr(&mut value);
        let open = std::mem::take(&mut finish.open);
        if !self.cx.diagnostics.has_errors() {
            if let Some((span, shown)) = open.first() {
                self.report(types::cannot_infer(*span, shown));
            }
        }
        self.finish_locals();
        if self.has_unassigned {
            self.check_assigned(&value);
        }
        value
    }

    fn check_literals(&mut self) {
        for (value, ty, span) in std::mem::take(&mut self.literals) {
            let range = match self.resolve(&ty) {
                Ty::Scalar(Scalar::I64) => i128::from(i64::MIN)..=i128::from(i64::MAX),
                Ty::Scalar(Scalar::I32) => i128::from(i32::MIN)..=i128::from(i32::MAX),
                Ty::Scalar(Scalar::U8) => 0..=255,
                _ => continue,
            };
            if !range.contains(&value) {
                let shown = self.show(&ty);
                self.report(types::literal_range(span, value, &shown, *range.start(), *range.end()));
            }
        }
    }

    fn finish_locals(&mut self) {
        for id in self.locals.keys().collect::<Vec<_>>() {
            let ty = self.resolve(&self.locals[id].ty.clone());
            let region = self.infos[id.index()].region;
            if let Some(size) = self.escaping(&ty, region)
                && !self.cx.diagnostics.has_errors()
            {
                let (name, at) = (self.locals[size].name.clone(), self.locals[size].span);
                let (shown, span) = (self.show(&ty), self.locals[id].span);
                self.report(types::size_escapes(span, &shown, &name, at));
            }
            if has_free(&ty) && !self.cx.diagnostics.has_errors() {
                let (span, shown) = (self.locals[id].span, self.show(&ty));
                self.report(types::cannot_infer(span, &shown));
            }
            self.locals[id].ty = ty;
        }
    }
}

/// A closure on the way down.
struct Open {
    /// Its own locals, parameters included.
    own: FxHashSet<LocalId>,
    captures: Vec<LocalId>,
    sizes: Vec<GenericId>,
}

struct Finish<'f, 'c, 'a> {
    cx: &'f mut FnCx<'c, 'a>,
    closures: Vec<Open>,
    /// Where a type is not known.
    /// What is still open: where, and what is known of it.
    open: Vec<(Span, String)>,
}

impl Finish<'_, '_, '_> {
    fn ty(&mut self, ty: &mut Ty, span: Span) {
        if matches!(ty, Ty::Scalar(_) | Ty::Str) {
            return;
        }
        *ty = self.cx.resolve(ty);
        if has_free(ty) {
            let shown = self.cx.show(ty);
            self.open.push((span, shown));
        }
        self.sizes_in(ty, span);
    }

    fn arg(&mut self, arg: &mut Arg, span: Span) {
        match arg {
            Arg::Ty(ty) => self.ty(ty, span),
            Arg::Size(size) => self.size(size, span),
        }
    }

    fn args(&mut self, args: &mut [Arg], span: Span) {
        args.iter_mut().for_each(|a| self.arg(a, span));
    }

    fn size(&mut self, size: &mut Size, span: Span) {
        *size = self.cx.infer.size_of(size);
        let size = size.clone();
        self.note_size(&size, span);
    }

    /// Sizes in a type are used by the closures around.
    fn sizes_in(&mut self, ty: &Ty, span: Span) {
        let mut sizes = Vec::new();
        each_size(ty, &mut |size| {
            if !size.terms.is_empty() {
                sizes.push(size.clone());
            }
        });
        sizes.iter().for_each(|size| self.note_size(size, span));
    }

    fn note_size(&mut self, size: &Size, span: Span) {
        let mut atoms = Vec::new();
        each_atom(size, &mut |atom| atoms.push(atom.clone()));
        for atom in atoms {
            match atom {
                SizeAtom::Local(local) => self.used(local),
                SizeAtom::Param(id) => self.closures.iter_mut().for_each(|c| {
                    if !c.sizes.contains(&id) {
                        c.sizes.push(id);
                    }
                }),
                SizeAtom::Infer(_) => self.open.push((span, "_".to_string())),
                SizeAtom::Op(..) => {}
            }
        }
    }

    /// A local is captured by the closures between its binding and here.
    fn used(&mut self, local: LocalId) {
        for closure in self.closures.iter_mut().rev() {
            if closure.own.contains(&local) {
                return;
            }
            if !closure.captures.contains(&local) {
                closure.captures.push(local);
            }
        }
    }

    fn bound(&mut self, local: LocalId) {
        if let Some(closure) = self.closures.last_mut() {
            closure.own.insert(local);
        }
    }

    fn each(&mut self, list: &mut [Expr]) {
        list.iter_mut().for_each(|e| self.expr(e));
    }

    /// Long because it is exhaustive.
    fn expr(&mut self, e: &mut Expr) {
        let span = e.span;
        match &mut e.kind {
            ExprKind::Literal(_) | ExprKind::Const(_) | ExprKind::Break | ExprKind::Continue | ExprKind::Error => {}
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Value(value, _) = part {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Local(local) => self.used(*local),
            ExprKind::Size(size) => self.size(size, span),
            ExprKind::FnRef(f) => self.fn_ref(f, span),
            ExprKind::Differential(d) => self.expr(&mut d.of),
            ExprKind::Closure(closure) => self.closure(closure, span),
            ExprKind::Call { callee, args } => {
                self.fn_ref(callee, span);
                self.call_args(args);
            }
            ExprKind::CallValue { callee, args } => {
                self.expr(callee);
                self.call_args(args);
            }
            ExprKind::ModelInit { args, rng, fields, .. } => {
                self.args(args, span);
                self.place(rng);
                fields.iter_mut().flatten().for_each(|f| self.expr(f));
            }
            ExprKind::Tuple(parts) | ExprKind::ArrayLiteral(parts) => self.each(parts),
            ExprKind::Struct { args, fields, .. } | ExprKind::Case { args, fields, .. } => {
                self.args(args, span);
                self.each(fields);
            }
            ExprKind::Fill(x) | ExprKind::Neg(x) | ExprKind::Not(x) | ExprKind::Convert(x) | ExprKind::Try(x) => {
                self.expr(x)
            }
            ExprKind::Comprehension { body, clauses } => {
                for (pattern, iterable) in clauses {
                    self.iterable(iterable);
                    self.pattern(pattern);
                }
                self.expr(body);
            }
            ExprKind::Binary(_, a, b) | ExprKind::MatMul(a, b) | ExprKind::Compare(_, a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Reshaped { value, binds } => {
                self.expr(value);
                binds.iter().for_each(|(_, local)| self.bound(*local));
            }
            ExprKind::Index { base, args } => {
                self.expr(base);
                self.index(args);
            }
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.expr(then);
                otherwise.iter_mut().for_each(|e| self.expr(e));
            }
            ExprKind::Match { scrutinee, arms } => {
                self.expr(scrutinee);
                for arm in arms {
                    self.pattern(&mut arm.pattern);
                    arm.guard.iter_mut().for_each(|g| self.expr(g));
                    self.expr(&mut arm.body);
                }
            }
            ExprKind::Block { stmts, value } => {
                stmts.iter_mut().for_each(|s| self.stmt(s));
                value.iter_mut().for_each(|e| self.expr(e));
            }
            ExprKind::For { pattern, iter, body } => {
                self.iterable(iter);
                self.pattern(pattern);
                self.expr(body);
            }
            ExprKind::While { cond, body } => {
                self.expr(cond);
                self.expr(body);
            }
            ExprKind::Loop { body } => self.expr(body),
            ExprKind::Return(value) => value.iter_mut().for_each(|e| self.expr(e)),
            ExprKind::Assign { place, value, .. } => {
                self.place(place);
                self.expr(value);
            }
        }
        self.ty(&mut e.ty, span);
        round(e);
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Let { pattern, init } => {
                init.iter_mut().for_each(|e| self.expr(e));
                self.pattern(pattern);
            }
            Stmt::Expr(e) => self.expr(e),
        }
    }

    fn fn_ref(&mut self, f: &mut FnRef, span: Span) {
        match f {
            FnRef::Fn(_, args) | FnRef::Trait { args, .. } | FnRef::Case { args, .. } => self.args(args, span),
            FnRef::Builtin(_) => {}
        }
    }

    fn call_args(&mut self, args: &mut [CallArg]) {
        for arg in args {
            match arg {
                CallArg::Value(e) => self.expr(e),
                CallArg::Inout(place) => self.place(place),
                CallArg::Default => {}
            }
        }
    }

    fn place(&mut self, place: &mut Place) {
        self.used(place.local);
        for step in &mut place.path {
            if let Projection::Index(args, _) = step {
                self.index(args);
            }
        }
        self.ty(&mut place.ty, place.span);
    }

    fn index(&mut self, args: &mut [IndexArg]) {
        for arg in args {
            match arg {
                IndexArg::At(e) => self.expr(e),
                IndexArg::All => {}
                IndexArg::Range(a, b) => a.iter_mut().chain(b).for_each(|e| self.expr(e)),
            }
        }
    }

    fn iterable(&mut self, iterable: &mut Iterable) {
        match iterable {
            Iterable::Range { start, end, adapters } => {
                self.expr(start);
                self.expr(end);
                for adapter in adapters {
                    if let RangeAdapter::Step(e) = adapter {
                        self.expr(e);
                    }
                }
            }
            Iterable::Values(e) => self.expr(e),
        }
    }

    fn pattern(&mut self, pattern: &mut Pattern) {
        self.ty(&mut pattern.ty, pattern.span);
        match &mut pattern.kind {
            PatternKind::Wildcard | PatternKind::Literal(_) => {}
            PatternKind::Binding(local) => self.bound(*local),
            PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter_mut().for_each(|p| self.pattern(p)),
            PatternKind::Struct(fields) | PatternKind::Case { fields, .. } => {
                fields.iter_mut().for_each(|(_, p)| self.pattern(p));
            }
        }
    }

    fn closure(&mut self, closure: &mut Closure, span: Span) {
        self.closures.push(Open { own: FxHashSet::default(), captures: Vec::new(), sizes: Vec::new() });
        for param in &mut closure.params {
            self.ty(&mut param.ty, span);
            self.pattern(&mut param.pattern);
        }
        self.expr(&mut closure.body);
        if let Some(open) = self.closures.pop() {
            closure.captures = open.captures;
            closure.size_params = open.sizes;
        }
    }
}

/// A float literal has the precision of its type.
fn round(e: &mut Expr) {
    if let (ExprKind::Literal(Literal::Float(x)), Ty::Scalar(Scalar::F32)) = (&mut e.kind, &e.ty) {
        *x = f64::from(*x as f32);
    }
}
