//! Blocks and statements.

use super::body::{FnCx, Origin};
use crate::ast::{self, StmtKind};
use crate::errors::calls;
use crate::source::Span;
use crate::typed::{Builtin, Expr, ExprKind, FnRef, Pattern, PatternKind, Stmt, Ty};
use dprog_ir::entity::Entity;

impl<'a> FnCx<'_, 'a> {
    /// A block; its items are seen in all of it, its variables from where they are bound.
    pub fn block(&mut self, block: &'a ast::Block, want: Option<&Ty>) -> Expr {
        let tail = self.tail.take();
        self.scoped(|cx| cx.block_inside(block, want, tail))
    }

    fn block_inside(&mut self, block: &'a ast::Block, want: Option<&Ty>, tail: Option<Span>) -> Expr {
        if block.stmts.iter().any(|s| matches!(s.kind, StmtKind::Item(_))) {
            self.declare_items(block);
        }
        let mut stmts = Vec::with_capacity(block.stmts.len());
        let mut never = false;
        for stmt in &block.stmts {
            if let Some(stmt) = self.stmt(stmt) {
                never |= match &stmt {
                    Stmt::Expr(e) => e.ty == Ty::Never,
                    Stmt::Let { init, .. } => init.as_ref().is_some_and(|e| e.ty == Ty::Never),
                };
                stmts.push(stmt);
            }
        }
        self.tail = tail;
        let value = block.value.as_ref().map(|e| Box::new(self.tail_value(e, want, block)));
        self.tail = None;
        let ty = match &value {
            Some(v) if !never => v.ty.clone(),
            Some(v) if v.ty == Ty::Error => Ty::Error,
            None if !never => Ty::UNIT,
            _ => Ty::Never,
        };
        let ty = self.infer.shallow(&ty);
        self.make(ExprKind::Block { stmts, value }, ty, block.span)
    }

    /// The last expression. If the function must give something and this is a statement like a loop, what is missing is
    /// a `return`.
    fn tail_value(&mut self, e: &'a ast::Expr, want: Option<&Ty>, block: &ast::Block) -> Expr {
        let tail = self.tail;
        let value = self.expr(e, want);
        let (Some(result_span), Some(want)) = (tail, want) else { return value };
        let statement = match &e.kind {
            ast::ExprKind::For(_) | ast::ExprKind::While { .. } | ast::ExprKind::Loop { .. } => true,
            ast::ExprKind::If { otherwise, .. } => otherwise.is_none(),
            _ => false,
        };
        if statement && value.ty.is_unit() {
            let shown = self.show(want);
            self.report(calls::missing_return(result_span, &shown, block.span));
            return self.error(value.span);
        }
        value
    }

    fn declare_items(&mut self, block: &'a ast::Block) {
        let is_std = self.cx.scopes.get(self.scope).is_std;
        let scope = self.cx.scopes.push(Some(self.scope), is_std);
        self.scope = scope;
        let mut declared = super::collect::Declared { scope: Some(scope), ..Default::default() };
        for stmt in &block.stmts {
            if let StmtKind::Item(item) = &stmt.kind {
                let one = self.cx.declare(scope, std::slice::from_ref(item));
                declared.append(one);
            }
        }
        self.cx.complete(declared);
    }

    fn stmt(&mut self, stmt: &'a ast::Stmt) -> Option<Stmt> {
        match &stmt.kind {
            StmtKind::Item(_) => None,
            StmtKind::Expr(e) => Some(Stmt::Expr(self.statement_expr(e))),
            StmtKind::Let { mutable, pattern, ty, init } => {
                Some(self.let_stmt(*mutable, pattern, ty.as_ref(), init.as_ref()))
            }
        }
    }

    /// An expression whose value is dropped; branches of an `if` need not agree then.
    fn statement_expr(&mut self, e: &'a ast::Expr) -> Expr {
        let reported = self.cx.diagnostics.len();
        let value = self.expr(e, None);
        let ty = self.infer.shallow(&value.ty);
        if !ty.is_unit()
            && !matches!(ty, Ty::Error | Ty::Never)
            && self.cx.diagnostics.len() == reported
            && let Some(help) = self.without_effect(e, &value)
        {
            self.report(calls::unused_value(e.span, help));
        }
        value
    }

    /// What was probably meant by a statement that does nothing but compute a value.
    fn without_effect(&self, e: &ast::Expr, value: &Expr) -> Option<&'static str> {
        use ast::ExprKind::{Array, Binary, Call, Cast, Field, Index, Literal, Path, Str, Tuple, TupleField, Unary};
        match &e.kind {
            Binary { op: ast::BinaryOp::Eq, .. } => Some("`==` compares; to assign, write `=`"),
            Path(_) if matches!(value.ty, Ty::Fn(..)) => Some("to call the function, write `(…)` behind it"),
            Binary { .. } | Unary { .. } | Cast { .. } => Some("bind it, `let y = …;`, or assign it, `x = …;`"),
            Path(_) | Literal(_) | Str(_) | Field { .. } | TupleField { .. } | Index { .. } | Tuple(_) | Array(_) => {
                Some("remove it, or use the value")
            }
            Call { .. } => match &value.kind {
                ExprKind::Call { callee: FnRef::Builtin(Builtin::Host(_)), .. } => None,
                ExprKind::Call { callee: FnRef::Builtin(_), .. } => {
                    Some("the function changes nothing, it gives a new value: `let y = …;`, or `x = …;`")
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn let_stmt(
        &mut self,
        mutable: bool,
        pattern: &'a ast::Pattern,
        ty: Option<&'a ast::TypeExpr>,
        init: Option<&'a ast::Expr>,
    ) -> Stmt {
        let declared = ty.map(|te| self.ty(te));
        let Some(init) = init else {
            let ty = declared.unwrap_or_else(|| self.infer.fresh());
            self.has_unassigned = true;
            let origin = if mutable { Origin::Let } else { Origin::LateLet };
            let pattern = self.bind_pattern(pattern, &ty, mutable, origin);
            self.must_match_all(&pattern);
            return Stmt::Let { pattern, init: None };
        };
        let value = match (&declared, ty) {
            (Some(ty), Some(te)) => {
                let value = self.check(init, ty, Some((te.span, "because of this annotation")));
                Expr { ty: if value.ty == Ty::Never { Ty::Never } else { ty.clone() }, ..value }
            }
            _ => self.expr(init, None),
        };
        let bound = match (&declared, &value.ty) {
            (Some(ty), _) => ty.clone(),
            (None, Ty::Never) => self.infer.fresh(),
            (None, ty) => ty.clone(),
        };
        let pattern = self.bind_pattern(pattern, &bound, mutable, Origin::Let);
        self.must_match_all(&pattern);
        if value.ty == Ty::Never {
            let _ = self.unify(&bound, &Ty::Error);
        }
        if !mutable {
            self.remember(&pattern, &value);
        }
        Stmt::Let { pattern, init: Some(value) }
    }

    /// What an immutable local is as a size, and the parameter names of a local function.
    fn remember(&mut self, pattern: &Pattern, value: &Expr) {
        let PatternKind::Binding(local) = pattern.kind else { return };
        if let Some(size) = self.size_form(value) {
            self.infos[local.index()].size = Some(size);
        }
        let names = self.param_names(value);
        self.infos[local.index()].param_names = names;
    }

    /// Names of the parameters of a function value, as far as they are known.
    pub fn param_names(&self, value: &Expr) -> Option<Vec<Option<ast::Symbol>>> {
        let of_fn = |id: crate::typed::FnId| {
            self.cx.program.fns[id].params.iter().map(|p| Some(p.name.clone())).collect::<Vec<_>>()
        };
        match &value.kind {
            ExprKind::FnRef(FnRef::Fn(id, _)) => Some(of_fn(*id)),
            ExprKind::FnRef(FnRef::Trait { of_trait, method, .. }) => {
                Some(of_fn(self.cx.program.traits[*of_trait].methods[*method as usize]))
            }
            ExprKind::Closure(closure) => Some(
                closure
                    .params
                    .iter()
                    .map(|p| match p.pattern.kind {
                        PatternKind::Binding(local) => Some(self.locals[local].name.clone()),
                        _ => None,
                    })
                    .collect(),
            ),
            ExprKind::Local(local) => self.infos[local.index()].param_names.clone(),
            ExprKind::Differential(d) => self.param_names(&d.of),
            ExprKind::Block { value: Some(value), .. } => self.param_names(value),
            _ => None,
        }
    }
}
