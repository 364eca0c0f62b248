//! Derivatives that nobody wrote: of a function of a checked program, asked for by name from outside of its text.

use super::super::body::FnCx;
use super::super::{Cx, Env, subst};
use super::Subject;
use crate::ast::Name;
use crate::check::known::operator_name;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::errors::differential;
use crate::resolve::scope::Scopes;
use crate::typed::{DiffOp, Expr, ExprKind, FnId, FnParamTy, FnRef, Program, Ty};
use std::rc::Rc;

/// A derivative of a function of the program: what stands in the typed tree where a text says `op(f, wrt: …)`.
#[derive(Clone, Debug)]
pub struct Asked {
    pub op: DiffOp,
    pub of: FnId,
    /// Numbers of the parameters of `of`, in the order that was asked for.
    pub wrt: Vec<usize>,
    /// Names of the parameters, those that the operator adds too.
    pub names: Vec<String>,
    /// With the sizes of `of` as they are named there.
    pub params: Vec<FnParamTy>,
    pub result: Ty,
}

/// What `op(of, wrt: …)` is; the first parameter if `wrt` is empty, a tuple of gradients if it names several.
pub fn ask(program: &Program, of: FnId, op: DiffOp, wrt: &[&str]) -> Result<Asked, Vec<Diagnostic>> {
    let mut cx = Cx::new(Diagnostics::new());
    cx.program = program.clone();
    let scope = Scopes::default().push(None, false);
    let def = &program.fns[of];
    let env = Env { scope, generics: def.generics.clone(), self_ty: None };
    let mut fcx = FnCx::new(&mut cx, Rc::new(env));
    fcx.locals = def.body.as_ref().map(|body| body.locals.clone()).unwrap_or_default();
    let asked = fcx.asked(program, of, op, wrt);
    asked.ok_or_else(|| cx.diagnostics.into_sorted())
}

impl FnCx<'_, '_> {
    fn asked(&mut self, program: &Program, id: FnId, op: DiffOp, wrt: &[&str]) -> Option<Asked> {
        let def = &program.fns[id];
        let params: Vec<FnParamTy> =
            def.params.iter().map(|p| FnParamTy { inout: p.inout, ty: p.ty.clone() }).collect();
        let names = def.params.iter().map(|p| Some(p.name.clone())).collect();
        let subject = Subject { params: params.clone(), result: def.result.clone(), names };
        let ty = Ty::Fn(params, Box::new(def.result.clone()));
        let of = Expr { kind: ExprKind::FnRef(FnRef::Fn(id, subst::identity(&def.generics))), ty, span: def.span };
        let numbers = self.asked_parameters(&subject, op, wrt, &of)?;
        let aux = self.check_objective(op, &subject, &of)?;
        let ty = self.differential_type(op, &subject, &numbers, wrt.len() > 1, aux, of.span)?;
        let Ty::Fn(params, result) = ty else { return None };
        let names = asked_names(op, &subject, &numbers, params.len());
        Some(Asked { op, of: id, wrt: numbers, names, params, result: *result })
    }

    fn asked_parameters(&mut self, subject: &Subject, op: DiffOp, wrt: &[&str], of: &Expr) -> Option<Vec<usize>> {
        if subject.params.is_empty() {
            self.report(differential::no_parameters(of.span, operator_name(op)));
            return None;
        }
        if wrt.is_empty() {
            self.check_active(subject, 0, of.span, true)?;
            return Some(vec![0]);
        }
        let mut found = Vec::new();
        for text in wrt {
            let name = Name { text: (*text).into(), span: of.span };
            let Some(index) = subject.names.iter().position(|n| n.as_ref() == Some(&name.text)) else {
                let known: Vec<&str> = subject.names.iter().flatten().map(|n| n.as_str()).collect();
                self.report(differential::unknown_wrt(&name, &known, of.span));
                return None;
            };
            if found.contains(&index) {
                self.report(differential::wrt_twice(&name));
                return None;
            }
            self.check_active(subject, index, of.span, false)?;
            found.push(index);
        }
        Some(found)
    }
}

/// The parameters of the function, then what the operator adds: a seed, or a tangent for each parameter in `wrt`.
fn asked_names(op: DiffOp, subject: &Subject, wrt: &[usize], count: usize) -> Vec<String> {
    let name = |i: usize| subject.names[i].as_ref().map(|n| n.to_string()).unwrap_or_default();
    let own = (0..subject.params.len()).map(name);
    let added: Vec<String> = match op {
        DiffOp::Vjp => vec!["seed".to_string()],
        DiffOp::GradInto => vec!["gradient".to_string()],
        DiffOp::Jvp | DiffOp::Hvp => wrt.iter().map(|i| format!("{}_tangent", name(*i))).collect(),
        DiffOp::Grad | DiffOp::ValueAndGrad | DiffOp::Pullback => Vec::new(),
        DiffOp::Jacobian | DiffOp::Hessian | DiffOp::HessianDiag => Vec::new(),
    };
    own.chain(added).take(count).collect()
}
