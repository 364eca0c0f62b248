//! Calls: arguments from left to right, places taken out last, results put back in order.

use super::body::{Flat, FnLower};
use super::callable::Callable;
use super::instance::Target;
use super::place::Spot;
use crate::typed::{CallArg, FnRef, Ty};
use dprog_ir::{FuncId, Value};

/// An evaluated argument.
enum Given {
    Value(Flat),
    Inout(Spot),
}

impl<'p> FnLower<'_, 'p> {
    pub fn call(&mut self, callee: &FnRef, args: &'p [CallArg], ty: &Ty) -> Flat {
        match self.resolve(callee) {
            Target::Fn(id, generics) => {
                let callable = self.fn_callable(id, &generics);
                self.call_args(&callable, args)
            }
            Target::Builtin(which) => self.builtin_call(which, args, ty),
            Target::Case { adt, args: generics, case } => {
                let fields: Flat = args
                    .iter()
                    .flat_map(|arg| match arg {
                        CallArg::Value(e) => self.expr(e),
                        CallArg::Inout(_) | CallArg::Default => panic!("a case takes values"),
                    })
                    .collect();
                self.case_value(adt, &generics, case, ty, &fields)
            }
        }
    }

    /// Calls a function with arguments from the source.
    pub fn call_args(&mut self, callable: &Callable, args: &'p [CallArg]) -> Flat {
        let never = args.iter().any(|a| matches!(a, CallArg::Value(e) if matches!(e.ty, Ty::Never)));
        let given: Vec<Given> = args.iter().enumerate().map(|(i, arg)| self.given(callable, i, arg)).collect();
        if never {
            let result = self.cx.codes[callable.code].result.clone();
            let types = self.cx.types(&result);
            return self.undefs(&types);
        }
        self.check_aliases(&given);
        let mut flat = Flat::new();
        let mut widths = Vec::new();
        for arg in &given {
            match arg {
                Given::Value(leaves) => flat.extend(leaves),
                Given::Inout(spot) => {
                    let leaves = self.take_out(spot);
                    widths.push(leaves.len());
                    flat.extend(leaves);
                }
            }
        }
        let mut results = self.call_flat(callable, &flat);
        let mut ends = results.split_off(results.len() - widths.iter().sum::<usize>()).into_iter();
        let spots = given.iter().filter_map(|g| if let Given::Inout(spot) = g { Some(spot) } else { None });
        for (spot, width) in spots.zip(widths) {
            let end = ends.by_ref().take(width).collect();
            self.put_back(spot, end);
        }
        results
    }

    fn given(&mut self, callable: &Callable, index: usize, arg: &'p CallArg) -> Given {
        match arg {
            CallArg::Value(e) => Given::Value(self.expr(e)),
            CallArg::Inout(place) => Given::Inout(self.spot(place)),
            CallArg::Default => {
                let (id, generics) = self.cx.origin(callable.code).expect("only named functions have defaults");
                let code = self.cx.default_code(id, generics, index);
                Given::Value(self.call_flat(&Callable { code, prefix: callable.prefix.clone() }, &[]))
            }
        }
    }

    fn check_aliases(&mut self, given: &[Given]) {
        let spots: Vec<&Spot> =
            given.iter().filter_map(|g| if let Given::Inout(spot) = g { Some(spot) } else { None }).collect();
        for (i, a) in spots.iter().enumerate() {
            for b in &spots[i + 1..] {
                self.check_apart(a, b);
            }
        }
    }

    pub fn call_func(&mut self, func: FuncId, args: &[Value]) -> Flat {
        let results = self.cx.result_types(func);
        self.b.call(func, args, &results)
    }
}
