//! Expressions: which form is checked where, and the small ones.

use super::body::FnCx;
use crate::ast::{self, ExprKind as Ast};
use crate::errors::{calls, items, names, types};
use crate::source::Span;
use crate::typed::{AdtId, AdtKind, Expr, ExprKind, Field, Iterable, Literal, RangeAdapter, Stmt, Ty};

impl<'a> FnCx<'_, 'a> {
    /// Checks an expression. `want` is a hint: what literals, closures and built-in functions should be; whoever needs the
    /// type to be that says so with [`FnCx::check`]. Long because it is exhaustive.
    pub fn expr(&mut self, e: &'a ast::Expr, want: Option<&Ty>) -> Expr {
        let tail = self.tail.take();
        let span = e.span;
        match &e.kind {
            Ast::Literal(literal) => self.literal(literal, span),
            Ast::Str(parts) => self.text(parts, span),
            Ast::Path(path) => self.path_value(path, want, span),
            Ast::Unary { op, operand } => self.unary(*op, operand, want, span),
            Ast::Binary { op, op_span, left, right } => self.binary((*op, *op_span), left, right, want, span),
            Ast::Range { .. } => {
                self.report(types::range_as_value(span));
                self.error(span)
            }
            Ast::Cast { value, ty } => self.cast(value, ty, span),
            Ast::Call { callee, args } => self.call(callee, args, want, span),
            Ast::MethodCall { receiver, method, generics, args } => {
                self.method_call(receiver, method, generics.as_ref(), args, span)
            }
            Ast::Field { base, name } => self.field(base, name, span),
            Ast::TupleField { base, index, index_span } => self.tuple_field(base, *index, *index_span, span),
            Ast::Index { base, args } => self.index(base, args, span),
            Ast::Try(value) => self.try_value(value, span),
            Ast::Tuple(parts) => self.tuple(parts, want, span),
            Ast::Array(parts) => self.array(parts, want, span),
            Ast::Fill { value, sizes } => self.fill(value, sizes, want, span),
            Ast::Comprehension { body, clauses } => self.comprehension(body, clauses, want, span),
            Ast::Struct { path, fields } => self.struct_literal(path, fields, span),
            Ast::Closure { params, result, body } => self.closure(params, result.as_ref(), body, want, span),
            Ast::Block(block) => {
                self.tail = tail;
                self.block(block, want)
            }
            Ast::If { cond, then, otherwise } => self.if_expr(cond, then, otherwise.as_deref(), want, tail, span),
            Ast::Match { scrutinee, arms, source } => self.match_expr(scrutinee, arms, *source, want, tail, span),
            Ast::For(f) => self.for_loop(f, span),
            Ast::While { cond, body, attrs } => self.while_loop(cond, body, attrs, span),
            Ast::Loop { body, attrs } => self.loop_loop(body, attrs, span),
            Ast::Break => self.leave_loop(ExprKind::Break, "break", span),
            Ast::Continue => self.leave_loop(ExprKind::Continue, "continue", span),
            Ast::Return(value) => self.return_expr(value.as_deref(), span),
            Ast::Assign { op, op_span, place, value } => self.assign(*op, *op_span, place, value, span),
            Ast::Error => self.error(span),
        }
    }

    fn literal(&mut self, literal: &ast::Literal, span: Span) -> Expr {
        match literal {
            ast::Literal::Int(n) => self.int_literal(i128::from(*n), span),
            ast::Literal::Float { f64, .. } => {
                let ty = self.infer.float();
                self.make(ExprKind::Literal(Literal::Float(*f64)), ty, span)
            }
            ast::Literal::Bool(b) => self.make(ExprKind::Literal(Literal::Bool(*b)), Ty::BOOL, span),
            ast::Literal::Str(s) => self.make(ExprKind::Literal(Literal::Str(s.clone())), Ty::Str, span),
        }
    }

    /// An integer literal; whether it fits is known when its type is.
    pub fn int_literal(&mut self, value: i128, span: Span) -> Expr {
        let ty = self.infer.int();
        self.literals.push((value, ty.clone(), span));
        self.make(ExprKind::Literal(Literal::Int(value as i64)), ty, span)
    }

    /// `-1` and `-1.0` are literals too, so that the smallest integer can be written.
    pub fn negative_literal(&mut self, literal: &ast::Literal, span: Span) -> Option<Expr> {
        match literal {
            ast::Literal::Int(n) => Some(self.int_literal(-i128::from(*n), span)),
            ast::Literal::Float { f64, .. } => {
                let ty = self.infer.float();
                Some(self.make(ExprKind::Literal(Literal::Float(-*f64)), ty, span))
            }
            ast::Literal::Bool(_) | ast::Literal::Str(_) => None,
        }
    }

    fn tuple(&mut self, parts: &'a [ast::Expr], want: Option<&Ty>, span: Span) -> Expr {
        let wants = match want.map(|t| self.infer.shallow(t)) {
            Some(Ty::Tuple(types)) if types.len() == parts.len() => types,
            _ => Vec::new(),
        };
        let parts: Vec<Expr> = parts.iter().enumerate().map(|(i, e)| self.expr(e, wants.get(i))).collect();
        let ty = Ty::Tuple(parts.iter().map(|p| p.ty.clone()).collect());
        self.make(ExprKind::Tuple(parts), ty, span)
    }

    /// `[a, b]`: rows of equal shape make a higher rank.
    fn array(&mut self, parts: &'a [ast::Expr], want: Option<&Ty>, span: Span) -> Expr {
        let wanted = self.row_hint(want);
        let element = self.infer.fresh();
        let mut values: Vec<Expr> = Vec::with_capacity(parts.len());
        for part in parts {
            let hint = wanted.clone().unwrap_or_else(|| element.clone());
            let value = self.expr(part, Some(&hint));
            if value.ty != Ty::Never && self.unify(&element, &value.ty).is_err() {
                self.ragged(&values[0], &value);
                return self.error(span);
            }
            values.push(value);
        }
        let element = match &wanted {
            Some(hint) if parts.is_empty() => hint.clone(),
            _ => element,
        };
        let ty = Ty::array(self.infer.shallow(&element), vec![crate::typed::Size::constant(parts.len() as i64)]);
        self.make(ExprKind::ArrayLiteral(values), ty, span)
    }

    fn ragged(&mut self, first: &Expr, value: &Expr) {
        let (a, b) = (self.resolve(&first.ty), self.resolve(&value.ty));
        let (shown_a, shown_b) = (self.show(&a), self.show(&b));
        let diagnostic = match (&a, &b) {
            (Ty::Array(..), Ty::Array(..)) => types::ragged_literal(value.span, &shown_b, first.span, &shown_a),
            _ => {
                self.mismatch(&a, value, Some((first.span, "the first element decides the type")));
                return;
            }
        };
        self.report(diagnostic);
    }

    /// What the elements of an array literal should be.
    fn row_hint(&self, want: Option<&Ty>) -> Option<Ty> {
        match self.resolve(want?) {
            Ty::Array(element, sizes) if sizes.len() > 1 => Some(Ty::Array(element, sizes[1..].to_vec())),
            Ty::Array(element, _) => Some(*element),
            _ => None,
        }
    }

    /// `[x; n, m]`: sizes that are no sizes by themselves get names first.
    fn fill(&mut self, value: &'a ast::Expr, sizes: &'a [ast::Expr], want: Option<&Ty>, span: Span) -> Expr {
        let hint = match want.map(|t| self.resolve(t)) {
            Some(Ty::Array(element, all)) if all.len() > sizes.len() => {
                Some(Ty::Array(element, all[sizes.len()..].to_vec()))
            }
            Some(Ty::Array(element, _)) => Some(*element),
            _ => None,
        };
        let value = self.expr(value, hint.as_ref());
        let mut before: Vec<Stmt> = Vec::new();
        let mut shape = Vec::new();
        for e in sizes {
            let size = self.check(e, &Ty::I64, Some((e.span, "a size is an `i64`")));
            if size.ty == Ty::Error {
                shape.push(self.infer.size());
                continue;
            }
            let (value, size) = self.force_size(size, &mut before);
            self.refuse_negative(&value, &size);
            shape.push(size);
        }
        if value.ty == Ty::Error {
            return self.error(span);
        }
        let ty = Ty::array(self.resolve(&value.ty), shape);
        let fill = self.make(ExprKind::Fill(Box::new(value)), ty, span);
        self.after(before, fill)
    }

    fn comprehension(
        &mut self,
        body: &'a ast::Expr,
        clauses: &'a [ast::Clause],
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        let mut before = Vec::new();
        let mut sizes = Vec::new();
        // All that is run over is evaluated before the first variable is bound.
        let mut runs = Vec::new();
        for clause in clauses {
            let (iterable, item) = self.iterable(&clause.iter);
            let (iterable, size) = self.extent(iterable, &mut before);
            sizes.push(size);
            runs.push((iterable, item));
        }
        let hint = match want.map(|t| self.resolve(t)) {
            Some(Ty::Array(element, all)) if all.len() > sizes.len() => {
                Some(Ty::Array(element, all[sizes.len()..].to_vec()))
            }
            Some(Ty::Array(element, _)) => Some(*element),
            _ => None,
        };
        let (typed, value) = self.in_region(|cx| {
            let mut typed = Vec::new();
            for (clause, (iterable, item)) in clauses.iter().zip(runs) {
                let pattern = cx.bind_pattern(&clause.pattern, &item, false, super::body::Origin::Loop);
                typed.push((pattern, iterable));
            }
            (typed, cx.expr(body, hint.as_ref()))
        });
        if value.ty == Ty::Error {
            return self.error(span);
        }
        let element = self.structure(&value.ty);
        self.check_escape(&element, value.span);
        let ty = Ty::array(element, sizes);
        let made = self.make(ExprKind::Comprehension { body: Box::new(value), clauses: typed }, ty, span);
        self.after(before, made)
    }

    /// How many steps something has, with names for what is no size by itself.
    fn extent(&mut self, iterable: Iterable, before: &mut Vec<Stmt>) -> (Iterable, crate::typed::Size) {
        match iterable {
            Iterable::Values(values) => match self.structure(&values.ty) {
                Ty::Array(_, sizes) => (Iterable::Values(values), sizes[0].clone()),
                Ty::List(_) => {
                    let list = self.hide(values, before);
                    let call = ExprKind::Call {
                        callee: crate::typed::FnRef::Builtin(crate::typed::Builtin::Len),
                        args: vec![crate::typed::CallArg::Value(list.clone())],
                    };
                    let len = self.make(call, Ty::I64, list.span);
                    let (_, size) = self.force_size(len, before);
                    (Iterable::Values(list), size)
                }
                _ => (Iterable::Values(values), self.infer.size()),
            },
            Iterable::Range { start, end, adapters } => {
                let (start, end, mut size) = match self.difference(&start, &end) {
                    Some(size) => (start, end, size),
                    None => {
                        let (start, a) = self.force_size(start, before);
                        let (end, b) = self.force_size(end, before);
                        (start, end, b.sub(&a))
                    }
                };
                let mut named = Vec::new();
                for adapter in adapters {
                    named.push(match adapter {
                        RangeAdapter::Rev => RangeAdapter::Rev,
                        RangeAdapter::Step(step) => {
                            let (step, k) = self.force_size(step, before);
                            // Rounded up: (size + k - 1) / k
                            let sum = size.add(&k).sub(&crate::typed::Size::constant(1));
                            size = super::infer::operation(crate::typed::SizeOp::Div, &sum, &k);
                            RangeAdapter::Step(step)
                        }
                    });
                }
                (Iterable::Range { start, end, adapters: named }, size)
            }
        }
    }

    /// `Point { x: 1.0, y }`, also of a case or a model.
    fn struct_literal(&mut self, path: &'a ast::Path, inits: &'a [ast::FieldInit], span: Span) -> Expr {
        let Some((adt, case, args)) = self.struct_path(path) else {
            inits.iter().for_each(|f| drop(self.expr(&f.value, None)));
            return self.error(span);
        };
        let def = &self.cx.program.adts[adt];
        let subst = super::subst::Subst::new(&def.generics, &args);
        let fields: Vec<Field> = match case {
            Some(case) => def.cases()[case as usize].fields.clone(),
            None => def.fields().to_vec(),
        };
        let (name, at) = match case {
            Some(case) => (def.cases()[case as usize].name.clone(), def.cases()[case as usize].span),
            None => (def.name.clone(), def.span),
        };
        let mut values: Vec<Option<Expr>> = fields.iter().map(|_| None).collect();
        let mut order = Vec::new();
        for init in inits {
            let Some(index) = fields.iter().position(|f| f.name == init.name.text) else {
                let known = crate::resolve::suggest::nearest(&init.name.text, fields.iter().map(|f| f.name.as_str()));
                self.report(names::no_field(&init.name, &name, known, Some(at), &field_names(&fields)));
                self.expr(&init.value, None);
                continue;
            };
            let ty = subst.ty(&self.cx.program, &fields[index].ty);
            let value = self.check(&init.value, &ty, Some((fields[index].span, "the field is declared here")));
            if values[index].is_some() {
                self.report(items::field_twice(&init.name));
                continue;
            }
            values[index] = Some(value);
            order.push(index as u32);
        }
        let missing: Vec<&str> =
            fields.iter().zip(&values).filter(|(_, v)| v.is_none()).map(|(f, _)| f.name.as_str()).collect();
        if !missing.is_empty() {
            self.report(items::missing_fields(path.span, &name, &missing, at));
            return Expr { kind: ExprKind::Error, ty: Ty::Adt(adt, args), span };
        }
        let fields: Vec<Expr> = values.into_iter().flatten().collect();
        let ty = Ty::Adt(adt, args.clone());
        let kind = match case {
            Some(case) => ExprKind::Case { adt, args, case, fields, order },
            None => ExprKind::Struct { adt, args, fields, order },
        };
        self.make(kind, ty, span)
    }

    /// The struct, model or case with braces that a path names.
    fn struct_path(&mut self, path: &'a ast::Path) -> Option<(AdtId, Option<u32>, Vec<crate::typed::Arg>)> {
        use super::path::Value;
        let case = path.segments.len() > 1 || {
            let def = self.cx.resolve_item(self.scope, path).map(|(def, _)| def);
            matches!(def, Some(crate::resolve::scope::Def::Case(..)))
        };
        // A path with several segments may be `module::Struct`, too.
        if case {
            let def = self.cx.resolve_item(self.scope, path);
            let is_type =
                matches!(def, Some((crate::resolve::scope::Def::Adt(_), used)) if used == path.segments.len());
            if !is_type {
                return match self.resolve_value(path) {
                    Value::Case(adt, case, args) => Some((adt, Some(case), args)),
                    Value::Error => None,
                    _ => {
                        self.report(names::not_a_struct(path.span));
                        None
                    }
                };
            }
        }
        match self.path_type(path) {
            Ty::Adt(id, args) if !matches!(self.cx.program.adts[id].kind, AdtKind::Enum(_)) => Some((id, None, args)),
            Ty::Error => None,
            _ => {
                self.report(names::not_a_struct(path.span));
                None
            }
        }
    }

    /// `x?` of `Option` and `Result`; the function returns the same.
    fn try_value(&mut self, value: &'a ast::Expr, span: Span) -> Expr {
        let value = self.expr(value, None);
        let ty = self.structure(&value.ty);
        let lang = self.cx.program.lang.clone();
        let Some(frame) = self.frames.last() else { return self.error(span) };
        let (result, result_span) = (self.resolve(&frame.result.clone()), frame.result_span);
        use crate::typed::Arg;
        let (inner, wanted) = match &ty {
            Ty::Error => return self.error(span),
            Ty::Adt(id, args) if Some(*id) == lang.option => match args.as_slice() {
                [Arg::Ty(t)] => (t.clone(), Ty::Adt(*id, vec![Arg::Ty(self.infer.fresh())])),
                _ => return self.error(span),
            },
            Ty::Adt(id, args) if Some(*id) == lang.result => match args.as_slice() {
                [Arg::Ty(t), Arg::Ty(e)] => {
                    (t.clone(), Ty::Adt(*id, vec![Arg::Ty(self.infer.fresh()), Arg::Ty(e.clone())]))
                }
                _ => return self.error(span),
            },
            _ => {
                let shown = self.show(&ty);
                self.report(types::try_of(span, &shown));
                return self.error(span);
            }
        };
        if self.unify(&result, &wanted).is_err() {
            let (shown, result) = (self.show(&ty), self.show(&result));
            self.report(types::try_in(span, &shown, result_span, &result));
            return self.error(span);
        }
        self.make(ExprKind::Try(Box::new(value)), inner, span)
    }

    /// `x.name`
    fn field(&mut self, base: &'a ast::Expr, name: &ast::Name, span: Span) -> Expr {
        if self.path_with_dot(base, name) {
            return self.error(span);
        }
        let base = self.expr(base, None);
        let ty = self.structure(&base.ty);
        match self.field_of(&ty, name, base.span) {
            Some((index, ty)) => self.make(ExprKind::Field { base: Box::new(base), field: index }, ty, span),
            None => self.error(span),
        }
    }

    fn tuple_field(&mut self, base: &'a ast::Expr, index: u32, index_span: Span, span: Span) -> Expr {
        let base = self.expr(base, None);
        let ty = self.structure(&base.ty);
        match self.tuple_field_of(&ty, index, index_span) {
            Some(ty) => self.make(ExprKind::Field { base: Box::new(base), field: index }, ty, span),
            None => self.error(span),
        }
    }

    /// The number and type of a component of a tuple.
    pub fn tuple_field_of(&mut self, ty: &Ty, index: u32, index_span: Span) -> Option<Ty> {
        match ty {
            Ty::Error => None,
            Ty::Tuple(parts) if (index as usize) < parts.len() => Some(parts[index as usize].clone()),
            _ => {
                let shown = self.show(ty);
                self.report(types::no_component(index_span, index, &shown));
                None
            }
        }
    }

    /// The number and type of a named field of a value.
    pub fn field_of(&mut self, ty: &Ty, name: &ast::Name, base: Span) -> Option<(u32, Ty)> {
        let (of, is_tangent) = match ty {
            Ty::Tangent(of) => ((**of).clone(), true),
            other => (other.clone(), false),
        };
        match &of {
            Ty::Error => None,
            Ty::Adt(id, args) if !matches!(self.cx.program.adts[*id].kind, AdtKind::Enum(_)) => {
                let def = &self.cx.program.adts[*id];
                let subst = super::subst::Subst::new(&def.generics, args);
                let Some(index) = def.fields().iter().position(|f| f.name == name.text) else {
                    self.no_field(&of, *id, name);
                    return None;
                };
                if !is_tangent {
                    return Some((index as u32, subst.ty(&self.cx.program, &def.fields()[index].ty)));
                }
                match super::tangent::field(&self.cx.program, *id, &subst, index) {
                    Some(ty) => Some((index as u32, ty)),
                    None => {
                        let field = &def.fields()[index];
                        let (at, field_ty) = (field.span, subst.ty(&self.cx.program, &field.ty));
                        let shown = self.show(&field_ty);
                        self.report(crate::errors::differential::field_without_tangent(name, &shown, at));
                        None
                    }
                }
            }
            Ty::Infer(_) => {
                self.report(types::must_be_known(base));
                None
            }
            _ => {
                let shown = self.show(ty);
                let is_unit = of.is_unit();
                self.report(names::no_field_in(name, &shown, is_unit));
                None
            }
        }
    }

    fn no_field(&mut self, ty: &Ty, id: AdtId, name: &ast::Name) {
        let shown = self.show(ty);
        let def = &self.cx.program.adts[id];
        let nearest = crate::resolve::suggest::nearest(&name.text, def.fields().iter().map(|f| f.name.as_str()));
        let is_method = self.cx.inherent.contains_key(&(id, name.text.clone()));
        let mut diagnostic = names::no_field(name, &shown, nearest, Some(def.span), &field_names(def.fields()));
        if is_method {
            diagnostic = diagnostic.help(format!("`{name}` is a method: write `.{name}(…)`"));
        }
        self.report(diagnostic);
    }

    /// `return`, of the innermost function or closure.
    fn return_expr(&mut self, value: Option<&'a ast::Expr>, span: Span) -> Expr {
        let Some(frame) = self.frames.last() else { return self.error(span) };
        let (result, result_span, is_closure) = (frame.result.clone(), frame.result_span, frame.is_closure);
        let wanted = if is_closure { result } else { self.open_computed(&result) };
        let value = match value {
            Some(e) => Some(Box::new(self.check(e, &wanted, Some((result_span, "the result type is here"))))),
            None => {
                if self.unify(&wanted, &Ty::UNIT).is_err() {
                    let shown = self.show(&wanted);
                    self.report(calls::return_without_value(span, &shown, result_span));
                }
                None
            }
        };
        self.make(ExprKind::Return(value), Ty::Never, span)
    }
}

/// The names of fields as a message lists them.
pub(super) fn field_names(fields: &[Field]) -> Vec<String> {
    const SHOWN: usize = 8;
    let more = (fields.len() > SHOWN).then(|| "…".to_string());
    fields.iter().take(SHOWN).map(|f| format!("`{}`", f.name)).chain(more).collect()
}
