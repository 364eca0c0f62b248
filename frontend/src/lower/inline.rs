//! Calls written in place: those that are given functions whose code is known, and those that give functions back.
//!
//! So `fold(xs, |a, b| a + b)` calls the closure directly, and `d(d(f))` with `d = |h| |x| jvp(h)(x, 1.0).1` asks for
//! derivatives of closures that are known, not for one of `apply`, which could call the very closure that asks for it.
//! A body that is being written in place is not written in place again, which ends recursion.

use super::body::{Binder, Flat, FnLower};
use super::closure::{Callable, ClosureCode, Code, closure_params};
use super::instance::{size_params, type_subst};
use crate::ast::Symbol;
use crate::check::Subst;
use crate::typed::{Arg, Expr, FnId, GenericId, Local, LocalId, Ty};
use dprog_ir::{Arena, Value};
use rustc_hash::FxHashMap;
use std::mem::{replace, take};
use std::rc::Rc;

/// Bodies within bodies written in place; by feeling.
const MAX_DEPTH: usize = 12;

/// A body and its surroundings.
struct Text<'p> {
    display: Symbol,
    subst: Rc<Subst>,
    args: Rc<[Arg]>,
    sizes: FxHashMap<GenericId, Value>,
    captures: Vec<(LocalId, Ty, Flat)>,
    params: Vec<(Binder<'p>, Ty, bool)>,
    locals: Option<&'p Arena<LocalId, Local>>,
    value: &'p Expr,
    result: Ty,
}

impl<'p> FnLower<'_, 'p> {
    /// The results of a call, if it is written in place.
    pub fn in_place(&mut self, callable: &Callable<'p>, args: &[Value]) -> Option<Flat> {
        let wanted = contains_function(&callable.result) || args.iter().any(|v| self.known.contains_key(v));
        if !wanted || self.inlined.len() >= MAX_DEPTH {
            return None;
        }
        let text = match &callable.code {
            Code::None => return None,
            Code::Fn(id, generics) => self.text_of_fn(*id, generics, &callable.prefix),
            Code::Closure(code) => self.text_of_closure(code, callable),
        };
        let body = std::ptr::from_ref(text.value) as usize;
        if self.inlined.contains(&body) {
            return None;
        }
        self.inlined.push(body);
        let results = self.write_in_place(text, args);
        self.inlined.pop();
        Some(results)
    }

    fn text_of_fn(&mut self, id: FnId, generics: &[Arg], sizes: &[Value]) -> Text<'p> {
        let program = self.cx.program;
        let def = &program.fns[id];
        let body = def.body.as_ref().expect("an instance has a body");
        let subst = Rc::new(type_subst(&def.generics, generics));
        let ids = size_params(&def.generics, generics).into_iter().zip(sizes);
        let sizes = ids.flat_map(|(ids, value)| ids.into_iter().map(|id| (id, *value))).collect();
        let params = def.params.iter().map(|p| (Binder::Local(p.local), subst.ty(program, &p.ty), p.inout)).collect();
        Text {
            display: def.display.clone(),
            result: subst.ty(program, &def.result),
            subst,
            args: generics.into(),
            sizes,
            captures: Vec::new(),
            params,
            locals: Some(&body.locals),
            value: &body.value,
        }
    }

    fn text_of_closure(&mut self, code: &ClosureCode<'p>, callable: &Callable<'p>) -> Text<'p> {
        Text {
            display: code.display.clone(),
            subst: code.subst.clone(),
            args: code.args.clone(),
            sizes: code.sizes.iter().copied().collect(),
            captures: code.captures.clone(),
            params: closure_params(code.closure, &callable.params),
            locals: code.locals,
            value: &code.closure.body,
            result: callable.result.clone(),
        }
    }

    /// Everything that belongs to one body is exchanged, and put back at the end.
    fn write_in_place(&mut self, text: Text<'p>, args: &[Value]) -> Flat {
        let name = text.display.as_str().into();
        let display = replace(&mut self.display, text.display);
        let function = replace(&mut self.function, name);
        let subst = replace(&mut self.subst, text.subst);
        let generics = replace(&mut self.args, text.args);
        let sizes = replace(&mut self.sizes, text.sizes);
        let locals = replace(&mut self.locals, text.locals);
        let result = replace(&mut self.result, text.result);
        let inlined_at = replace(&mut self.inlined_at, self.b.loc);
        let (env, trail, joins) = (take(&mut self.env), take(&mut self.trail), take(&mut self.joins));
        let (loops, inouts, locations) = (take(&mut self.loops), take(&mut self.inouts), take(&mut self.locations));
        let (dead, exit, loc) = (self.dead.take(), self.exit.take(), (self.b.loc, self.span));
        let (hidden, returned, has_returned) = (self.hidden, self.returned, self.has_returned);
        self.hidden = text.locals.map_or(0, |l| l.len());
        self.returned = self.fresh_hidden();
        self.has_returned = self.fresh_hidden();

        let results = self.body_in_place(&text.captures, &text.params, text.value, args);

        self.back_to(loc);
        (self.hidden, self.returned, self.has_returned) = (hidden, returned, has_returned);
        (self.dead, self.exit) = (dead, exit);
        (self.loops, self.inouts, self.locations) = (loops, inouts, locations);
        (self.env, self.trail, self.joins) = (env, trail, joins);
        (self.display, self.function, self.subst, self.args) = (display, function, subst, generics);
        (self.sizes, self.locals, self.result, self.inlined_at) = (sizes, locals, result, inlined_at);
        results
    }

    fn body_in_place(
        &mut self,
        captures: &[(LocalId, Ty, Flat)],
        params: &[(Binder<'p>, Ty, bool)],
        value: &'p Expr,
        args: &[Value],
    ) -> Flat {
        let scope = self.enter_here();
        for (local, ty, flat) in captures {
            self.bind_local(*local, ty, flat.clone());
        }
        let mut rest = args;
        for (binder, ty, inout) in params {
            let (flat, others) = rest.split_at(self.cx.leaf_count(ty));
            rest = others;
            match *binder {
                Binder::Local(local) => self.bind_local(local, ty, flat.to_vec()),
                Binder::Pattern(pattern) => self.bind(pattern, flat),
            }
            self.inouts.extend(inout.then(|| binder.local()));
        }
        let result = self.result.clone();
        let flat = self.expr_as(value, &result);
        if self.dead.is_none() {
            self.set_results(flat);
        }
        self.finish_scope(scope);
        match self.lookup(self.returned) {
            Some(flat) => flat.clone(),
            None => {
                let mut types = self.cx.types(&result);
                for (_, ty, _) in params.iter().filter(|(_, _, inout)| *inout) {
                    types.extend(self.cx.types(ty));
                }
                self.undefs(&types)
            }
        }
    }
}

fn contains_function(ty: &Ty) -> bool {
    match ty {
        Ty::Fn(..) => true,
        Ty::Tuple(parts) => parts.iter().any(contains_function),
        _ => false,
    }
}
