//! Functions of the embedding program, with the derivatives that it has given them.
//!
//! Foreign.
//!   primal:  y = f(x)
//!   tangent: ẏ = f.jvp(x, y, ẋ)
//!   adjoint: x̄ += f.vjp(x, y, ȳ)
//!   needs:   x, y
//!
//! Derivatives are foreign functions too, of their arguments one behind the other; so they have derivatives if they were given any.

use crate::context::Primal;
use crate::reverse::sweep::Sweep;
use dprog_ir::{Access, Builder, Const, Foreign, HostFn, InstData, Module, Op, Value};

/// The function that an instruction calls. Its number is a constant: nothing else is ever written.
pub fn of<'m>(module: &'m Module, primal: &Primal, data: &InstData) -> Option<&'m Foreign> {
    let constant = primal.producer(*data.args.first()?)?;
    let Op::Const(Const::I64(number)) = primal.func.insts[constant].op else { return None };
    module.foreign.get(usize::try_from(number).ok()?)
}

/// Calls a derivative: with arguments, results, and tangents or adjoints.
pub fn call(b: &mut Builder, derivative: u32, x: Value, y: Value, along: Value) -> Value {
    let (n, m, last) = (b.dim(x, 0), b.dim(y, 0), b.dim(along, 0));
    let both = b.add(n, m);
    let all = b.add(both, last);
    let (zero, start) = (b.f64(0.0), b.i64(0));
    let mut parts = b.fill(zero, &[all]);
    for (at, part) in [(start, x), (n, y), (both, along)] {
        parts = b.set_slice(Access::InBounds, parts, at, part);
    }
    let number = b.i64(derivative as i64);
    b.host(HostFn::Foreign, &[number, n, m, parts])[0]
}

impl Sweep<'_, '_, '_> {
    /// The adjoint.
    pub fn foreign(&mut self, data: &InstData) {
        let (x, y) = (data.args[3], data.results[0]);
        let Some(seed) = self.take(y) else { return };
        let active = self.active.clone();
        let Some(vjp) = of(self.cx.module, &active.primal, data).and_then(|f| f.vjp) else { return };
        let (x_value, y_value) = (self.value(x), self.value(y));
        let adjoint = call(&mut self.b, vjp, x_value, y_value, seed);
        self.contribute(x, adjoint);
    }
}
