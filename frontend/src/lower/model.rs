//! `Net::init(&rng, rate: 0.1)`: each field is what was given, its default, or drawn.

use super::body::{Flat, FnLower};
use super::layout::Component;
use crate::typed::*;
use dprog_ir::{Access, Type, UnaryOp, Value};

impl<'p> FnLower<'_, 'p> {
    pub fn model_init(&mut self, adt: AdtId, args: &[Arg], rng: &'p Place, given: &'p [Option<Expr>]) -> Flat {
        let args: Vec<Arg> = args.iter().map(|a| self.arg(a)).collect();
        let given: Vec<Option<Flat>> = given.iter().map(|e| e.as_ref().map(|e| self.expr(e))).collect();
        let spot = self.spot(rng);
        let mut state = self.take_out(&spot);
        let flat = self.init_fields(adt, &args, &given, &mut state);
        self.put_back(&spot, state);
        flat
    }

    /// The leaves of a model; `state` is the generator's.
    fn init_fields(&mut self, adt: AdtId, args: &[Arg], given: &[Option<Flat>], state: &mut Flat) -> Flat {
        let def = &self.cx.program.adts[adt];
        let parts = self.cx.components(&Ty::Adt(adt, args.to_vec()));
        let mut all = Flat::new();
        for (index, (field, part)) in def.fields().iter().zip(&parts).enumerate() {
            let flat = match (given.get(index).cloned().flatten(), &field.default) {
                (Some(flat), _) => flat,
                (None, Some(FieldDefault::Value(body))) => self.default_field(adt, args, index, body, state),
                (None, Some(FieldDefault::Initializer(kind, body))) => self.draw_field(*kind, body, part, state),
                (None, None) => self.nested_field(&part.ty, state),
            };
            all.extend(flat);
        }
        all
    }

    /// A nested model without a default is initialised like this one.
    fn nested_field(&mut self, ty: &Ty, state: &mut Flat) -> Flat {
        match ty {
            Ty::Adt(adt, args) if self.cx.is_model(ty) => self.init_fields(*adt, args, &[], state),
            _ => self.undefined(ty),
        }
    }

    fn default_field(&mut self, adt: AdtId, args: &[Arg], index: usize, body: &'p Body, state: &mut Flat) -> Flat {
        let (numbered, mut params) = self.instance_args(args);
        let func = self.cx.field_default(adt, &numbered, index, body);
        let draws = self.cx.rng_local(body).is_some();
        if draws {
            params.extend(state.iter());
        }
        let mut results = self.call_func(func, &params);
        if draws {
            *state = results.split_off(results.len() - state.len());
        }
        results
    }

    fn draw_field(&mut self, kind: Initializer, body: &'p Body, part: &Component, state: &mut Flat) -> Flat {
        let numbers: Vec<Value> = match &body.value.kind {
            ExprKind::Tuple(parts) => parts.iter().map(|e| self.scalar(e)).collect(),
            _ => vec![self.scalar(&body.value)],
        };
        let sizes: Flat =
            if let Ty::Array(_, sizes) = &part.ty { sizes.iter().map(|s| self.size(s)).collect() } else { Vec::new() };
        let ty = self.cx.types(&part.ty)[0];
        let scalar = if ty.is_array() { ty.element() } else { ty };
        let constant = match kind {
            Initializer::Zeros => Some(0.0),
            Initializer::Ones => Some(1.0),
            Initializer::HeNormal | Initializer::Glorot | Initializer::Normal | Initializer::Uniform => None,
        };
        if let Some(x) = constant {
            let x = self.b.float(x, scalar);
            return vec![if sizes.is_empty() { x } else { self.b.fill(x, &sizes) }];
        }
        let draw = self.distribution(kind, &numbers, &sizes);
        vec![self.drawn(&draw, scalar, &sizes, state)]
    }

    /// How numbers are drawn: a method of the generator, then `offset + factor * x`.
    fn distribution(&mut self, kind: Initializer, numbers: &[Value], sizes: &[Value]) -> Distribution {
        let lang = &self.cx.program.lang;
        let (normal, uniform) = (lang.rng_normal, lang.rng_uniform);
        match kind {
            Initializer::HeNormal => {
                let (fan_in, _) = self.fans(sizes);
                let two = self.b.f64(2.0);
                let variance = self.b.div(two, fan_in);
                Distribution { method: normal, factor: self.b.unary(UnaryOp::Sqrt, variance), offset: None }
            }
            Initializer::Glorot => {
                let (fan_in, fan_out) = self.fans(sizes);
                let (six, two) = (self.b.f64(6.0), self.b.f64(2.0));
                let both = self.b.add(fan_in, fan_out);
                let square = self.b.div(six, both);
                let bound = self.b.unary(UnaryOp::Sqrt, square);
                let offset = self.b.unary(UnaryOp::Neg, bound);
                Distribution { method: uniform, factor: self.b.mul(two, bound), offset: Some(offset) }
            }
            Initializer::Uniform => {
                let factor = self.b.sub(numbers[1], numbers[0]);
                Distribution { method: uniform, factor, offset: Some(numbers[0]) }
            }
            Initializer::Normal | Initializer::Zeros | Initializer::Ones => {
                Distribution { method: normal, factor: numbers[0], offset: None }
            }
        }
    }

    /// Fan-in and fan-out of `[out, in, …]`: the axes behind these are a kernel's. A vector has its length as both.
    fn fans(&mut self, sizes: &[Value]) -> (Value, Value) {
        let (fan_in, fan_out) = match sizes {
            [] => (self.b.i64(1), self.b.i64(1)),
            [n] => (*n, *n),
            [out, rest @ ..] => {
                let kernel = self.product(&rest[1..]);
                (self.product(rest), if rest.len() == 1 { *out } else { self.b.mul(*out, kernel) })
            }
        };
        (self.b.convert(fan_in, dprog_ir::Scalar::F64), self.b.convert(fan_out, dprog_ir::Scalar::F64))
    }

    /// Draws a scalar, or an array element after element.
    fn drawn(&mut self, draw: &Distribution, scalar: Type, sizes: &[Value], state: &mut Flat) -> Value {
        if sizes.is_empty() {
            let (x, next) = self.draw(draw, scalar, state);
            *state = next;
            return x;
        }
        let count = self.product(sizes);
        let blank = self.blank(scalar, sizes);
        let flat = self.b.reshape(blank, &[count]);
        let init = [&[flat][..], state].concat();
        let mut results = self.repeat(count, &init, |s, k, carried| {
            let (x, next) = s.draw(draw, scalar, &carried[1..]);
            let set = s.b.set(Access::InBounds, carried[0], &[k], x);
            [vec![set], next].concat()
        });
        let filled = results.remove(0);
        *state = results;
        self.b.reshape(filled, sizes)
    }

    fn draw(&mut self, draw: &Distribution, scalar: Type, state: &[Value]) -> (Value, Flat) {
        let method = draw.method.expect("std::random has the method");
        let (func, prefix, _) = self.instance_of(method, &[]);
        let mut results = self.call_func(func, &[&prefix, state].concat());
        let x = results.remove(0);
        let x = self.b.mul(x, draw.factor);
        let x = draw.offset.map_or(x, |offset| self.b.add(x, offset));
        (self.converted(x, scalar), results)
    }
}

struct Distribution {
    method: Option<FnId>,
    factor: Value,
    offset: Option<Value>,
}
