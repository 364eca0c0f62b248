//! `export`: functions for C. An exported expression becomes a function of its own; sizes that are open are its parameters.

use super::body::{FnCx, Origin};
use super::infer::mentions_infer;
use super::size::{each_atom, each_size};
use super::{Cx, Env, tangent};
use crate::ast::{self, Item, ItemKind, Linkage, Symbol};
use crate::errors::exports;
use crate::resolve::scope::{Def, ScopeId};
use crate::source::Span;
use crate::typed::{
    AdtKind, Arg, CallArg, DiffOp, Differential, Export, Expr, ExprKind, FnDef, FnId, FnParamTy, FnRef, Generic,
    GenericKind, Param, Place, ResultNames, Size, SizeAtom, Ty,
};
use std::rc::Rc;

/// Words that C99, C11, C++17 or their headers keep for themselves.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char16_t", "char32_t", "class", "compl", "const", "const_cast", "constexpr", "continue", "decltype", "default", "delete",
    "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto",
    "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
    "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "restrict", "return", "short", "signed",
    "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true",
    "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while",
    "xor", "xor_eq", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t", "size_t",
    "NULL", "linux", "unix",
];

/// Whether C or C++ keeps this word for itself.
pub fn is_reserved_in_c(name: &str) -> bool {
    RESERVED.contains(&name)
}

impl<'a> Cx<'a> {
    /// The exports of a module, once everything else in it is declared; those of the root are remembered.
    pub(super) fn exports(&mut self, items: &'a [Item], scope: ScopeId, root: bool) {
        for item in items {
            let export = match &item.kind {
                ItemKind::Fn(f) if f.linkage == Linkage::Export => self.exported_fn(item, f, scope),
                ItemKind::Export(e) => self.exported_value(item, e, scope),
                _ => continue,
            };
            let Some(export) = export else { continue };
            self.check_c_name(&export);
            if root {
                self.program.exports.push(export);
            }
        }
    }

    fn check_c_name(&mut self, export: &Export) {
        let name = export.name.as_str();
        let why = if is_reserved_in_c(name) {
            "C or C++ keeps this word for itself"
        } else if name == "main" {
            "that is where a C program begins"
        } else if name.starts_with("dprog_") {
            "names that begin with `dprog_` belong to the runtime"
        } else if name.starts_with('_') {
            "C keeps names that begin with `_` for itself"
        } else if C_LIBRARY.contains(&name) {
            "the C library has a function of this name"
        } else {
            ""
        };
        if !why.is_empty() {
            self.report(exports::reserved(export.span, name, why));
        }
        if let Some(first) = self.program.exports.iter().find(|e| e.name == export.name) {
            let first = first.span;
            self.report(exports::twice(export.span, name, first));
        }
    }

    fn exported_fn(&mut self, item: &'a Item, f: &'a ast::FnItem, scope: ScopeId) -> Option<Export> {
        let Def::Fn(func) = self.scopes.get(scope).names.get(&f.name.text)?.def else { return None };
        let def = &self.program.fns[func];
        let types: Vec<&str> = def.generics.iter().filter(|g| !is_size(g)).map(|g| g.name.as_str()).collect();
        if !types.is_empty() {
            let problem = exports::generic(f.head, f.name.as_str(), &types);
            self.report(problem);
            return None;
        }
        let results = plain_results(&def.result.clone(), "result");
        self.check_c_types(func);
        let docs = item.docs.clone();
        Some(Export { name: f.name.text.clone(), func, results, docs, span: f.name.span })
    }

    fn exported_value(&mut self, item: &'a Item, e: &'a ast::ExportItem, scope: ScopeId) -> Option<Export> {
        let mut fcx = FnCx::new(self, Rc::new(Env::of_scope(scope)));
        let (def, results) = fcx.export_def(item, e)?;
        let func = self.add_made_fn(def);
        self.check_c_types(func);
        Some(Export { name: e.name.text.clone(), func, results, docs: item.docs.clone(), span: e.name.span })
    }

    /// Adds a function whose body is finished.
    fn add_made_fn(&mut self, def: FnDef) -> FnId {
        let env = Rc::new(Env::of_scope(ScopeId(0)));
        self.fns.push(super::FnSource { item: None, env, locals: Default::default(), queued: true });
        self.program.fns.push(def)
    }

    /// Every type in the head of an exported function has a form in C.
    fn check_c_types(&mut self, func: FnId) {
        let def = self.program.fns[func].clone();
        for param in &def.params {
            let what = format!("the parameter `{}`", param.name.as_str());
            self.check_c_type(&what, &param.ty, param.span, if param.inout { Side::Both } else { Side::In });
        }
        self.check_c_type("the result", &def.result, def.span, Side::Out);
    }

    fn check_c_type(&mut self, what: &str, ty: &Ty, at: Span, side: Side) {
        if let Some((why, help)) = self.why_not_in_c(ty, side, Within::Top, 0) {
            let shown = self.show(ty);
            self.report(exports::no_c_type(at, what, &shown, why, help));
        }
    }

    fn why_not_in_c(&self, ty: &Ty, side: Side, place: Within, depth: usize) -> Option<(&'static str, &'static str)> {
        if depth > 30 {
            return Some(("it nests too deeply", "export a function of simpler types"));
        }
        let inside = |ty: &Ty, place: Within| self.why_not_in_c(ty, side, place, depth + 1);
        match ty {
            Ty::Scalar(_) | Ty::Param(_) | Ty::Infer(_) | Ty::Error | Ty::Never => None,
            Ty::Str if place != Within::Top || side == Side::Both => {
                Some(("a text is passed as a parameter or a result of its own", "pass the text by itself"))
            }
            Ty::Str => None,
            Ty::Tuple(parts) if place == Within::Element && !parts.is_empty() => {
                Some(("an array of tuples has no layout", "use a `struct` for its elements"))
            }
            Ty::Tuple(parts) => parts.iter().find_map(|part| inside(part, place)),
            Ty::Array(..) if place == Within::Element => Some((
                "an array whose elements hold arrays has no layout",
                "export arrays of numbers, one for each field",
            )),
            Ty::Array(of, _) => inside(of, Within::Element),
            Ty::List(_) if place != Within::Top || side == Side::Both => Some((
                "a list is passed as a parameter or a result of its own",
                "pass an array with a size parameter, or the list by itself",
            )),
            Ty::List(of) => inside(of, Within::Element),
            Ty::Fn(..) => Some((
                "a closure has no address that C could call",
                "export one function for each closure that is wanted: `export name = |x: f64| …;`",
            )),
            Ty::Tangent(of) => inside(&tangent_fields(self, of), place),
            Ty::Adt(id, args) => {
                let def = &self.program.adts[*id];
                let subst = super::Subst::new(&def.generics, args);
                match &def.kind {
                    AdtKind::Enum(cases) if cases.iter().all(|c| c.fields.is_empty()) => None,
                    AdtKind::Enum(_) => Some((
                        "an `enum` whose cases carry values is not a C type",
                        "export a function that takes the parts, and builds the case itself",
                    )),
                    AdtKind::Struct(fields) | AdtKind::Model(fields) => {
                        let place = if place == Within::Top { Within::Field } else { place };
                        fields.iter().find_map(|f| inside(&subst.ty(&self.program, &f.ty), place))
                    }
                }
            }
        }
    }
}

/// The type whose parts are the leaves of a tangent: for the question whether C has types for them, the primal's.
fn tangent_fields(cx: &Cx<'_>, of: &Ty) -> Ty {
    match of {
        Ty::Adt(id, _) if matches!(cx.program.adts[*id].kind, AdtKind::Enum(_)) => of.clone(),
        Ty::Adt(id, args) => {
            let def = &cx.program.adts[*id];
            let subst = super::Subst::new(&def.generics, args);
            let parts = def.fields().iter().map(|f| tangent::tangent(&cx.program, &subst.ty(&cx.program, &f.ty)));
            Ty::Tuple(parts.filter(|ty| !ty.is_unit()).collect())
        }
        other => other.clone(),
    }
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    In,
    Out,
    Both,
}

/// Where in a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Top,
    Field,
    Element,
}

/// Functions of the C library that a definition of the same name would replace for the whole program.
#[rustfmt::skip]
const C_LIBRARY: &[&str] = &[
    "abort", "abs", "acos", "asin", "atan", "atan2", "calloc", "ceil", "cos", "cosh", "exit", "exp", "fabs", "floor", "fmod",
    "free", "log", "log10", "malloc", "memcpy", "memmove", "memset", "pow", "printf", "puts", "rand", "read", "realloc", "sin",
    "sinh", "sqrt", "strlen", "tan", "tanh", "time", "write", "open", "close", "round", "trunc", "exp2", "log2", "erf",
    "tgamma", "lgamma", "gamma", "hypot", "cbrt", "j0", "j1", "y0", "y1",
];

fn is_size(generic: &Generic) -> bool {
    matches!(generic.kind, GenericKind::Size)
}

/// Names for the parts of a result that has none: `result`, or `result_0`, `result_1`.
fn plain_results(ty: &Ty, name: &str) -> ResultNames {
    match ty {
        Ty::Tuple(parts) => ResultNames::Tuple(
            parts.iter().enumerate().map(|(i, part)| plain_results(part, &format!("{name}_{i}"))).collect(),
        ),
        _ => ResultNames::One(name.into()),
    }
}

impl<'a> FnCx<'_, 'a> {
    /// The function that an exported expression becomes: it calls the value.
    fn export_def(&mut self, item: &'a Item, e: &'a ast::ExportItem) -> Option<(FnDef, ResultNames)> {
        self.push_frame(Ty::UNIT, e.value.span, false);
        let callee = self.expr(&e.value, None);
        self.settle();
        let (params, result) = match self.structure(&callee.ty) {
            Ty::Fn(params, result) => (params, *result),
            Ty::Error => return None,
            other => {
                let shown = self.show(&other);
                self.report(exports::not_a_function(e.value.span, &shown));
                return None;
            }
        };
        let generics = self.close_sizes(&callee, e.value.span);
        let names = self.names_of_params(&callee, params.len());
        let results = self.names_of_results(&callee, &result);
        let params = self.export_params(&params, &names, e.value.span);
        let args = params.iter().map(|p| self.passed(p)).collect();
        let value = self.make(ExprKind::CallValue { callee: Box::new(callee), args }, result.clone(), e.value.span);
        self.env = Rc::new(Env { generics: generics.clone(), ..(*self.env).clone() });
        let value = self.finish(value);
        let params = params.into_iter().map(|p| Param { ty: self.locals[p.local].ty.clone(), ..p }).collect();
        let result = self.resolve(&result);
        let body = crate::typed::Body { locals: std::mem::take(&mut self.locals), value };
        let def = FnDef {
            name: e.name.text.clone(),
            display: e.name.text.clone(),
            generics,
            params,
            result,
            computed_sizes: vec![],
            body: Some(body),
            is_method: false,
            is_test: false,
            is_bench: false,
            public: item.public,
            span: e.value.span,
        };
        Some((def, results))
    }

    /// Sizes that nothing decides become size parameters, named as in the function that they come from.
    fn close_sizes(&mut self, callee: &Expr, span: Span) -> Vec<Generic> {
        let mut generics = Vec::new();
        let mut named = Vec::new();
        self.named_sizes(callee, &mut named);
        let mut open: Vec<(Size, Symbol)> = named;
        let mut in_type = Vec::new();
        each_size(&self.resolve(&callee.ty), &mut |size| in_type.push(size.clone()));
        open.extend(in_type.into_iter().map(|size| (size, "n".into())));
        for (size, name) in open {
            let size = self.infer.size_of(&size);
            if !mentions_infer(&size) {
                continue;
            }
            let mut vars = Vec::new();
            each_atom(&size, &mut |atom| {
                if let SizeAtom::Infer(var) = atom {
                    vars.push(*var);
                }
            });
            for var in vars {
                if mentions_infer(&self.infer.size_of(&Size::atom(SizeAtom::Infer(var)))) {
                    let name = unused(&name, &generics);
                    let id = self.cx.fresh_generic(&name);
                    self.infer.solve_size(var, Size::atom(SizeAtom::Param(id)));
                    generics.push(Generic { id, name, kind: GenericKind::Size, span });
                }
            }
        }
        generics
    }

    fn named_sizes(&self, value: &Expr, found: &mut Vec<(Size, Symbol)>) {
        match &value.kind {
            ExprKind::FnRef(FnRef::Fn(id, args)) => {
                for (generic, arg) in self.cx.program.fns[*id].generics.iter().zip(args) {
                    if let Arg::Size(size) = arg {
                        found.push((size.clone(), generic.name.clone()));
                    }
                }
            }
            ExprKind::Differential(d) => self.named_sizes(&d.of, found),
            ExprKind::Block { value: Some(value), .. } => self.named_sizes(value, found),
            _ => {}
        }
    }

    fn export_params(&mut self, params: &[FnParamTy], names: &[Symbol], span: Span) -> Vec<Param> {
        let mut made = Vec::new();
        for (param, name) in params.iter().zip(names) {
            let local = self.local(name, param.ty.clone(), param.inout, span, Origin::Param);
            let (name, ty, inout) = (name.clone(), param.ty.clone(), param.inout);
            made.push(Param { name, ty, inout, local, default: None, span });
        }
        made
    }

    fn passed(&mut self, param: &Param) -> CallArg {
        if param.inout {
            let (local, ty, span) = (param.local, param.ty.clone(), param.span);
            return CallArg::Inout(Place { local, path: Vec::new(), ty, span });
        }
        CallArg::Value(self.make(ExprKind::Local(param.local), param.ty.clone(), param.span))
    }

    /// Names for all parameters; those that an operator adds are named after what they belong to.
    fn names_of_params(&self, callee: &Expr, count: usize) -> Vec<Symbol> {
        let mut names = self.own_names(callee);
        let mut all: Vec<Symbol> = Vec::new();
        for i in 0..count {
            let name = if i < names.len() { names[i].clone() } else { format!("arg{i}").as_str().into() };
            all.push(if all.contains(&name) { format!("{}_{i}", name.as_str()).as_str().into() } else { name });
        }
        names.clear();
        all
    }

    fn own_names(&self, callee: &Expr) -> Vec<Symbol> {
        let ExprKind::Differential(d) = &callee.kind else {
            let names = self.param_names(callee).unwrap_or_default();
            let name = |(i, name): (usize, Option<Symbol>)| {
                name.filter(|n| *n != "_").unwrap_or_else(|| format!("arg{i}").as_str().into())
            };
            return names.into_iter().enumerate().map(name).collect();
        };
        let mut names = self.own_names(&d.of);
        let by = |suffix: &str| -> Vec<Symbol> {
            let names = wrt_names(d, &names);
            names.iter().map(|n| format!("{n}_{suffix}").as_str().into()).collect()
        };
        let extra = match d.op {
            DiffOp::Vjp => vec!["seed".into()],
            DiffOp::Jvp => by("tangent"),
            DiffOp::Hvp if d.wrt.len() == 1 => vec!["v".into()],
            DiffOp::Hvp => by("v"),
            DiffOp::GradInto if d.wrt.len() == 1 => by("grad"),
            DiffOp::GradInto => vec!["grad".into()],
            DiffOp::Grad
            | DiffOp::ValueAndGrad
            | DiffOp::Pullback
            | DiffOp::Jacobian
            | DiffOp::Hessian
            | DiffOp::HessianDiag => Vec::new(),
        };
        names.extend(extra);
        names
    }

    /// Names for what the function gives: `value`, `x_grad`.
    fn names_of_results(&self, callee: &Expr, result: &Ty) -> ResultNames {
        let ExprKind::Differential(d) = &callee.kind else { return plain_results(&self.resolve(result), "result") };
        let names = wrt_names(d, &self.own_names(&d.of));
        let by = |suffix: &str| -> ResultNames {
            let mut each = names.iter().map(|n| ResultNames::One(format!("{n}_{suffix}").as_str().into()));
            if d.wrt_tuple {
                ResultNames::Tuple(each.collect())
            } else {
                each.next().unwrap_or(ResultNames::One("grad".into()))
            }
        };
        let parts = match self.resolve(result) {
            Ty::Tuple(parts) => parts,
            other => vec![other],
        };
        let value = |i: usize| match &parts[i] {
            Ty::Tuple(of_value) => ResultNames::Tuple(
                of_value
                    .iter()
                    .enumerate()
                    .map(|(k, part)| if k == 0 { plain_results(part, "value") } else { plain_results(part, &aux(k)) })
                    .collect(),
            ),
            other => plain_results(other, "value"),
        };
        match d.op {
            DiffOp::Grad if d.aux => ResultNames::Tuple(
                std::iter::once(by("grad"))
                    .chain(parts[1..].iter().enumerate().map(|(k, part)| plain_results(part, &aux(k + 1))))
                    .collect(),
            ),
            DiffOp::Grad => by("grad"),
            DiffOp::ValueAndGrad | DiffOp::Vjp => ResultNames::Tuple(vec![value(0), by("grad")]),
            DiffOp::Jvp => ResultNames::Tuple(vec![value(0), plain_results(&parts[1], "value_tangent")]),
            DiffOp::GradInto | DiffOp::Pullback => plain_results(&self.resolve(result), "value"),
            DiffOp::Hvp if !d.wrt_tuple => ResultNames::One("hv".into()),
            DiffOp::Hvp => by("hv"),
            DiffOp::Jacobian if !d.wrt_tuple => ResultNames::One("jacobian".into()),
            DiffOp::Jacobian => by("jacobian"),
            DiffOp::Hessian => ResultNames::One("hessian".into()),
            DiffOp::HessianDiag if !d.wrt_tuple => ResultNames::One("hessian_diag".into()),
            DiffOp::HessianDiag => by("hessian_diag"),
        }
    }
}

/// `aux`, or `aux_2`, … for what a function gives besides its objective.
fn aux(number: usize) -> String {
    if number == 1 { "aux".to_string() } else { format!("aux_{number}") }
}

fn wrt_names(d: &Differential, names: &[Symbol]) -> Vec<String> {
    d.wrt.iter().map(|i| names.get(*i).map_or_else(|| format!("arg{i}"), |n| n.to_string())).collect()
}

/// `name`, with a number behind it if another size has it.
fn unused(name: &Symbol, generics: &[Generic]) -> Symbol {
    if generics.iter().all(|g| g.name != *name) {
        return name.clone();
    }
    let numbered = (2..).map(|k| format!("{}{k}", name.as_str()));
    let free = numbered.into_iter().find(|n| generics.iter().all(|g| g.name != **n));
    free.map_or_else(|| name.clone(), |n| n.as_str().into())
}
