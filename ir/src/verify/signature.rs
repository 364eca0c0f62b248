//! Rules about what a module declares: node types, names, signatures, requests for derivatives.

use super::VerifyError;
use crate::function::{AxisSize, Body, Derivative, DerivativeMode, Function, Value};
use crate::module::{FuncId, Module, NodeKind};
use crate::types::{Leaf, Type};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// V002 and V003.
pub(super) fn nodes(module: &Module, errors: &mut Vec<VerifyError>) {
    let mut seen = FxHashSet::default();
    for def in module.nodes.values() {
        let mut error = |rule, message| {
            errors.push(VerifyError { rule, func: None, func_name: "".into(), inst: None, message });
        };
        if !seen.insert(def.name.clone()) {
            error(2, format!("there are two node types %{}", def.name));
        }
        if let NodeKind::Tangent(of) = def.kind
            && !module.nodes.get(of).is_some_and(|of| !matches!(of.kind, NodeKind::Tangent(_)))
        {
            error(3, format!("%{} is the tangent type of nothing that has one", def.name));
        }
        if def.cases.iter().flat_map(|case| &case.fields).any(|field| !exists(module, field.ty)) {
            error(3, format!("a field of %{} has a type that does not exist", def.name));
        }
    }
}

fn exists(module: &Module, ty: Type) -> bool {
    match ty.leaf {
        Leaf::Node(id) => module.nodes.get(id).is_some(),
        Leaf::Scalar(_) | Leaf::Str => true,
    }
}

/// V001.
pub(super) fn function_names(module: &Module, errors: &mut Vec<VerifyError>) {
    let mut seen: FxHashSet<Arc<str>> = FxHashSet::default();
    for (id, func) in module.funcs.iter() {
        if !seen.insert(func.name.clone()) {
            errors.push(error(module, id, 1, "there are two functions of this name".to_string()));
        }
    }
}

fn error(module: &Module, id: FuncId, rule: u16, message: String) -> VerifyError {
    VerifyError { rule, func: Some(id), func_name: module.funcs[id].name.clone(), inst: None, message }
}

/// V003 for a function and its values, V004, V040 to V044.
pub(super) fn function(module: &Module, id: FuncId, errors: &mut Vec<VerifyError>) {
    let func = &module.funcs[id];
    let mut types = func.params.iter().chain(&func.results).copied().chain(func.values.values().map(|v| v.ty));
    if types.any(|ty| !exists(module, ty)) {
        return errors.push(error(module, id, 3, "a value has a type that does not exist".to_string()));
    }
    let broken = match &func.body {
        Body::Defined(entry) => fixed_sizes(func, &func.regions[*entry].params),
        Body::Pending => Err((4, "this function has no body".to_string())),
        Body::Derivative(request) => derivative(module, id, request),
    };
    if let Err((rule, message)) = broken {
        errors.push(error(module, id, rule, message));
    }
}

fn fixed_sizes(func: &Function, params: &[Value]) -> Result<(), (u16, String)> {
    let is_size = |size: &AxisSize| match size {
        AxisSize::Open => true,
        AxisSize::Number(n) => *n >= 0,
        AxisSize::Param(k) => params.get(*k as usize).is_some_and(|v| func.value_type(*v) == Type::I64),
    };
    let wrong = |v: &Value| {
        let data = &func.values[*v];
        data.sizes
            .as_ref()
            .is_some_and(|sizes| !data.ty.is_array() || data.ty.rank() != sizes.len() || !sizes.iter().all(is_size))
    };
    match params.iter().any(wrong) {
        true => Err((44, "a parameter has fixed sizes that it cannot have".to_string())),
        false => Ok(()),
    }
}

fn derivative(module: &Module, id: FuncId, request: &Derivative) -> Result<(), (u16, String)> {
    let Some(primal) = module.funcs.get(request.primal) else {
        return Err((40, "the primal does not exist".to_string()));
    };
    if (request.wrt.len(), request.outs.len()) != (primal.params.len(), primal.results.len()) {
        return Err((40, "there are not as many marks as the primal has parameters and results".to_string()));
    }
    if asked_of_itself(module, id) {
        return Err((43, "this is a derivative of itself".to_string()));
    }
    if let DerivativeMode::Augmented { tape } | DerivativeMode::Reverse { tape } = request.mode
        && !module.nodes.get(tape).is_some_and(|def| def.kind == NodeKind::Tape)
    {
        return Err((42, "the tape is no tape".to_string()));
    }
    let tangents = |types: &[Type], marks: &[bool]| -> Option<Vec<Type>> {
        let marked = types.iter().zip(marks).filter(|(_, marked)| **marked);
        marked.map(|(ty, _)| module.known_tangent(*ty)).collect()
    };
    let (dp, dr) = (tangents(&primal.params, &request.wrt), tangents(&primal.results, &request.outs));
    let (Some(dp), Some(dr)) = (dp, dr) else {
        return Err((40, "what has no tangent type is marked".to_string()));
    };
    let (p, r) = (primal.params.clone(), primal.results.clone());
    let signature = match request.mode {
        DerivativeMode::Jvp => ([p, dp].concat(), [r, dr].concat()),
        DerivativeMode::Vjp => ([p, dr].concat(), [r, dp].concat()),
        DerivativeMode::VjpInto => ([p, dr, dp.clone()].concat(), [r, dp].concat()),
        DerivativeMode::Augmented { tape } => (p, [r, vec![Type::node(tape)]].concat()),
        DerivativeMode::Reverse { tape } => ([vec![Type::node(tape)], dr].concat(), dp),
    };
    let func = &module.funcs[id];
    let fits = (&func.params, &func.results) == (&signature.0, &signature.1);
    if fits { Ok(()) } else { Err((41, "this is not the signature of such a derivative".to_string())) }
}

/// Whether the chain of primals comes back to `id`, or never ends.
fn asked_of_itself(module: &Module, id: FuncId) -> bool {
    let mut next = id;
    for _ in 0..=module.funcs.len() {
        match module.funcs.get(next).map(|f| &f.body) {
            Some(Body::Derivative(request)) => next = request.primal,
            Some(Body::Defined(_) | Body::Pending) | None => return false,
        }
    }
    true
}
