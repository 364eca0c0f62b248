//! Expressions of scalar type. Each form is a function that gives `None` where it does not apply.

use super::feature::Feature;
use super::model::{Signature, Ty};
use super::state::Generator;

/// Floats that a tame program assigns stay within plus and minus this.
pub const BOUND: f64 = 10.0;

/// An expression of type `f64` and an estimate of its absolute value.
#[derive(Clone, Debug)]
pub struct Float {
    pub text: String,
    pub bound: f64,
}

impl Float {
    pub fn new(text: impl Into<String>, bound: f64) -> Float {
        Float { text: text.into(), bound }
    }
}

type Form<T> = fn(&mut Generator, usize) -> Option<T>;

const FLOAT_FORMS: &[(usize, Form<Float>)] = &[
    (30, float_arithmetic),
    (22, float_function),
    (6, float_two_arguments),
    (6, float_if),
    (4, float_match),
    (4, float_block),
    (6, float_element),
    (6, float_field),
    (8, float_reduction),
    (8, float_call),
    (5, float_closure_call),
    (3, float_method),
    (3, float_tree),
    (4, float_cast),
    (2, float_maybe),
    (2, float_inner_gradient),
];

const INT_FORMS: &[(usize, Form<String>)] = &[
    (30, int_arithmetic),
    (8, int_division),
    (8, int_bits),
    (5, int_if),
    (5, int_cast),
    (6, int_count),
    (5, int_element),
    (4, int_match),
];

impl Generator {
    /// An expression of type `f64`.
    pub fn float(&mut self, depth: usize) -> Float {
        for _ in 0..4 {
            if depth == 0 || self.random.percent(15) {
                break;
            }
            let form = self.random.weighted(FLOAT_FORMS);
            if let Some(float) = form(self, depth - 1) {
                return float;
            }
        }
        self.float_leaf()
    }

    /// An expression of type `f64` that, in a tame program, stays within [`BOUND`].
    pub fn folded(&mut self, depth: usize) -> String {
        let float = self.float(depth);
        self.fold(float)
    }

    /// Folds an expression back into the bound, if it may leave it.
    pub fn fold(&mut self, float: Float) -> String {
        if !self.style.tame || float.bound <= BOUND {
            return float.text;
        }
        match self.random.below(8) {
            0 => format!("clamp({}, -8.0, 8.0)", float.text),
            1 | 2 => format!("tanh({})", float.text),
            3 if float.bound <= 1000.0 => format!("({} / {:?})", float.text, float.bound / 5.0),
            _ => format!("sin({})", float.text),
        }
    }

    /// An expression of this type; for the types of arrays and aggregates see the other files.
    pub fn value(&mut self, ty: &Ty, depth: usize) -> String {
        match ty {
            Ty::F64 => self.folded(depth),
            Ty::I64 => self.int(depth),
            Ty::Bool => self.bool(depth),
            Ty::Str => self.string(),
            Ty::Vector(n) => self.folded_vector(*n, depth),
            Ty::Integers(n) => self.integers(*n, depth),
            Ty::Matrix(n, m) => self.matrix(*n, *m, depth),
            Ty::List => self.list(depth),
            Ty::Ragged => self.ragged(depth),
            Ty::Pair => self.pair(depth),
            Ty::Maybe => self.maybe(depth),
            Ty::Struct(k) => self.structure(*k, depth),
            Ty::Enum(k) => self.enumeration(*k, depth),
            Ty::Tree => self.tree_value(depth),
            Ty::Function => self.function_value(depth),
            Ty::Functions(n) => self.function_array(*n, depth),
        }
    }

    /// An expression of type `i64`.
    pub fn int(&mut self, depth: usize) -> String {
        for _ in 0..3 {
            if depth == 0 || self.random.percent(25) {
                break;
            }
            let form = self.random.weighted(INT_FORMS);
            if let Some(text) = form(self, depth - 1) {
                return text;
            }
        }
        match self.variable(|v| v.ty == Ty::I64) {
            Some(v) if self.random.percent(70) => v.name,
            _ => self.int_literal(),
        }
    }

    /// An expression of type `bool`.
    pub fn bool(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match self.random.below(10) {
            0 if depth > 0 => format!("({} && {})", self.bool(next), self.bool(next)),
            1 if depth > 0 => format!("({} || {})", self.bool(next), self.bool(next)),
            2 if depth > 0 => format!("!{}", self.bool(next)),
            3 => self.variable_of(&Ty::Bool).unwrap_or_else(|| "true".into()),
            4..=6 => {
                let compare = *self.random.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {compare} {})", self.int(next), self.int(next))
            }
            _ => {
                let compare = *self.random.pick(&["<", "<=", ">", ">="]);
                format!("({} {compare} {})", self.float(next).text, self.float(next).text)
            }
        }
    }

    /// An index below `n`: a loop variable that is known to fit, a constant, or anything wrapped. In a risky program also
    /// something that may not fit.
    pub fn index(&mut self, n: usize, depth: usize) -> String {
        if self.style.risky && self.random.percent(4) {
            self.mark(Feature::Risky);
            return self.int(depth);
        }
        match self.random.below(4) {
            0 => self.random.below(n).to_string(),
            1 => format!("wrap({}, {n})", self.int(depth)),
            _ => match self.variable(|v| v.below.is_some_and(|below| below <= n)) {
                Some(v) => v.name,
                None => format!("wrap({}, {n})", self.int(depth.min(1))),
            },
        }
    }

    /// A text.
    pub fn string(&mut self) -> String {
        self.mark(Feature::StringValue);
        match self.variable_of(&Ty::Str) {
            Some(name) if self.random.percent(50) => name,
            _ => format!("\"t{}{{{}}}\"", self.random.below(10), self.int(1)),
        }
    }

    /// A float literal, in parentheses if negative.
    pub fn float_literal(&mut self) -> Float {
        let number = self.random.float(3.0);
        let text = if number < 0.0 { format!("({number:?})") } else { format!("{number:?}") };
        Float::new(text, number.abs())
    }

    fn int_literal(&mut self) -> String {
        let wide = self.random.percent(5);
        let number = if wide { (self.random.next() >> 2) as i64 } else { self.random.between(-4, 9) };
        if number < 0 { format!("({number})") } else { number.to_string() }
    }

    fn float_leaf(&mut self) -> Float {
        match self.variable(|v| v.ty == Ty::F64) {
            Some(v) if self.random.percent(75) => Float::new(v.name, BOUND),
            _ => self.float_literal(),
        }
    }

    /// Arguments for a call of `callee`; those of type `f64` are folded.
    pub fn arguments(&mut self, callee: &Signature, depth: usize) -> String {
        let skip = usize::from(callee.fuel);
        let mut parts: Vec<String> = Vec::new();
        if callee.fuel {
            parts.push(self.random.below(4).to_string());
        }
        for (ty, _) in &callee.params[skip..] {
            parts.push(self.value(ty, depth.min(2)));
        }
        parts.join(", ")
    }

    /// A function with this result and no `inout` parameters that may still be called here.
    pub fn callee(&mut self, result: &Ty) -> Option<Signature> {
        let all: Vec<Signature> = self
            .functions
            .iter()
            .filter(|f| f.result == *result && f.params.iter().all(|(_, inout)| !inout))
            .filter(|f| self.closures == 0 || !f.differentiates)
            .cloned()
            .collect();
        if all.is_empty() {
            return None;
        }
        let callee = self.random.pick(&all).clone();
        self.afford(callee.cost).then_some(callee)
    }
}

fn float_arithmetic(g: &mut Generator, depth: usize) -> Option<Float> {
    let (a, b) = (g.float(depth), g.float(depth));
    Some(match g.random.below(8) {
        0..=2 => Float::new(format!("({} + {})", a.text, b.text), a.bound + b.bound),
        3 | 4 => Float::new(format!("({} - {})", a.text, b.text), a.bound + b.bound),
        5 | 6 => Float::new(format!("({} * {})", a.text, b.text), a.bound * b.bound),
        _ if g.style.tame => Float::new(format!("({} / (1.5 + sin({})))", a.text, b.text), a.bound * 2.0),
        _ => Float::new(format!("({} / {})", a.text, b.text), f64::INFINITY),
    })
}

fn float_function(g: &mut Generator, depth: usize) -> Option<Float> {
    let a = g.float(depth);
    let (text, bound) = (a.text, a.bound);
    Some(match g.random.below(14) {
        0 | 1 => Float::new(format!("sin({text})"), 1.0),
        2 => Float::new(format!("cos({text})"), 1.0),
        3 | 4 => Float::new(format!("tanh({text})"), 1.0),
        5 if bound <= 2.0 || !g.style.tame => Float::new(format!("exp({text})"), bound.exp()),
        5 => Float::new(format!("exp(sin({text}))"), 3.0),
        6 => Float::new(format!("log(1.0 + {text} * {text})"), (1.0 + bound * bound).ln()),
        7 => Float::new(format!("sqrt(0.5 + {text} * {text})"), 1.0 + bound),
        8 => Float::new(format!("abs({text})"), bound),
        9 => Float::new(format!("sigmoid({text})"), 1.0),
        10 => Float::new(format!("atan({text})"), 2.0),
        11 => Float::new(format!("relu({text})"), bound),
        12 => Float::new(format!("softplus({text})"), bound + 1.0),
        _ => Float::new(format!("(-{text})"), bound),
    })
}

fn float_two_arguments(g: &mut Generator, depth: usize) -> Option<Float> {
    let (a, b) = (g.float(depth), g.float(depth));
    let larger = a.bound.max(b.bound);
    let (x, y) = (a.text, b.text);
    Some(match g.random.below(5) {
        0 => Float::new(format!("max({x}, {y})"), larger),
        1 => Float::new(format!("min({x}, {y})"), larger),
        2 => Float::new(format!("atan2({x}, 1.5 + cos({y}))"), 2.0),
        3 => Float::new(format!("hypot({x}, 1.0 + abs({y}))"), a.bound + b.bound + 1.0),
        _ => Float::new(format!("pow(1.0 + sin({x}) * sin({x}), tanh({y}))"), 2.0),
    })
}

fn float_if(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::IfExpression);
    let (c, a, b) = (g.bool(depth.min(1)), g.float(depth), g.float(depth));
    Some(Float::new(format!("(if {c} {{ {} }} else {{ {} }})", a.text, b.text), a.bound.max(b.bound)))
}

fn float_match(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::MatchExpression);
    let (scrutinee, a, b, c) = (g.int(1), g.float(depth), g.float(depth), g.float(depth));
    let bound = a.bound.max(b.bound).max(c.bound);
    let (a, b, c) = (a.text, b.text, c.text);
    Some(Float::new(format!("(match wrap({scrutinee}, 4) {{ 0 => {a}, 1 | 3 => {b}, _ => {c} }})"), bound))
}

fn float_block(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::BlockExpression);
    g.scoped(|g| {
        let name = g.fresh("b");
        let first = g.folded(depth);
        g.declare(&name, Ty::F64, false);
        let last = g.float(depth);
        Some(Float::new(format!("({{ let {name} = {first}; {} }})", last.text), last.bound))
    })
}

fn float_element(g: &mut Generator, depth: usize) -> Option<Float> {
    let v = g.variable(|v| matches!(v.ty, Ty::Vector(_) | Ty::Matrix(..) | Ty::List | Ty::Ragged))?;
    let name = &v.name;
    let text = match v.ty {
        Ty::Vector(n) => format!("{name}[{}]", g.index(n, depth.min(1))),
        Ty::Matrix(n, m) => format!("{name}[{}, {}]", g.index(n, depth.min(1)), g.index(m, depth.min(1))),
        Ty::List => {
            g.mark(Feature::ListIndex);
            format!("at({name}, {})", g.int(depth.min(1)))
        }
        _ => {
            g.mark(Feature::Ragged);
            format!("cell({name}, {}, {})", g.int(0), g.int(0))
        }
    };
    Some(Float::new(text, BOUND))
}

fn float_field(g: &mut Generator, _: usize) -> Option<Float> {
    let v = g.variable(|v| matches!(v.ty, Ty::Struct(_) | Ty::Pair))?;
    let Ty::Struct(k) = v.ty else {
        g.mark(Feature::Tuple);
        return Some(Float::new(format!("{}.0", v.name), BOUND));
    };
    let (field, ty) = g.random.pick(&g.structs[k].fields.clone()).clone();
    let place = format!("{}.{field}", v.name);
    match ty {
        Ty::F64 => Some(Float::new(place, BOUND)),
        Ty::Vector(n) => Some(Float::new(format!("{place}[{}]", g.index(n, 0)), BOUND)),
        Ty::Struct(inner) => {
            let (field, _) = g.structs[inner].fields.iter().find(|(_, ty)| *ty == Ty::F64)?.clone();
            Some(Float::new(format!("{place}.{field}"), BOUND))
        }
        Ty::Function => {
            g.mark(Feature::ClosureField);
            let argument = g.folded(0);
            Some(Float::new(format!("({place})({argument})"), BOUND))
        }
        _ => None,
    }
}

fn float_call(g: &mut Generator, depth: usize) -> Option<Float> {
    let callee = g.callee(&Ty::F64)?;
    g.mark(Feature::Call);
    let arguments = g.arguments(&callee, depth);
    Some(Float::new(format!("{}({arguments})", callee.name), BOUND))
}

fn float_closure_call(g: &mut Generator, depth: usize) -> Option<Float> {
    let v = g.variable(|v| matches!(v.ty, Ty::Function | Ty::Functions(_)))?;
    if !g.afford(60) {
        return None;
    }
    g.mark(Feature::ClosureCall);
    let argument = g.folded(depth);
    let callee = match v.ty {
        Ty::Functions(n) => {
            g.mark(Feature::ClosureArray);
            format!("{}[{}]", v.name, g.index(n, depth.min(1)))
        }
        _ => v.name,
    };
    Some(Float::new(format!("{callee}({argument})"), BOUND))
}

fn float_method(g: &mut Generator, depth: usize) -> Option<Float> {
    let structs = g.structs.clone();
    let v = g.variable(|v| matches!(v.ty, Ty::Struct(k) if structs[k].methods || structs[k].weighs))?;
    let Ty::Struct(k) = v.ty else { return None };
    let argument = g.folded(depth);
    if structs[k].weighs && (!structs[k].methods || g.random.percent(50)) {
        g.mark(Feature::Trait);
        return Some(Float::new(format!("weight_of({}, {argument})", v.name), BOUND));
    }
    g.mark(Feature::Method);
    Some(Float::new(format!("{}.level({argument})", v.name), BOUND))
}

fn float_tree(g: &mut Generator, depth: usize) -> Option<Float> {
    if !g.tree || !g.afford(200) {
        return None;
    }
    g.mark(Feature::RecursiveEnum);
    let (tree, argument) = (g.tree_value(depth), g.folded(depth.min(1)));
    Some(Float::new(format!("value_of({tree}, {argument})"), BOUND))
}

fn float_cast(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::Cast);
    let int = g.int(depth);
    Some(Float::new(format!("(wrap({int}, 7) as f64)"), 6.0))
}

fn float_maybe(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::OptionType);
    let maybe = g.maybe(depth);
    let other = g.float(depth);
    let text = format!("(match {maybe} {{ Some(s) => s, None => {} }})", other.text);
    Some(Float::new(text, other.bound.max(BOUND)))
}

fn float_reduction(g: &mut Generator, depth: usize) -> Option<Float> {
    g.mark(Feature::Reduction);
    let n = 2 + g.random.below(3);
    let (a, bound) = g.vector(n, depth);
    Some(match g.random.below(6) {
        0 | 1 => Float::new(format!("sum({a})"), bound * n as f64),
        2 => Float::new(format!("mean({a})"), bound),
        3 => Float::new(format!("max({a})"), bound),
        4 => Float::new(format!("norm(1.0 + {a} * {a})"), (1.0 + bound * bound) * n as f64),
        _ => {
            let (b, other) = g.vector(n, depth);
            Float::new(format!("dot({a}, {b})"), bound * other * n as f64)
        }
    })
}

/// A derivative of a small closure: captured variables make it a nested one when the whole is differentiated.
fn float_inner_gradient(g: &mut Generator, depth: usize) -> Option<Float> {
    if !g.style.gradients || g.closures > 0 || !g.afford(300) {
        return None;
    }
    let body = g.scoped(|g| {
        g.closures += 1;
        g.declare("q", Ty::F64, false);
        let body = g.folded(depth.min(2));
        g.closures -= 1;
        body
    });
    let at = g.folded(depth.min(1));
    let text = if g.random.percent(60) {
        g.mark(Feature::InnerGrad);
        format!("grad(|q: f64| {body})({at})")
    } else {
        g.mark(Feature::InnerJvp);
        format!("slope_of(|q| {body}, {at})")
    };
    Some(Float::new(text, 1e6))
}

fn int_arithmetic(g: &mut Generator, depth: usize) -> Option<String> {
    g.mark(Feature::IntegerMath);
    let operator = *g.random.pick(&["+", "-", "*"]);
    Some(format!("({} {operator} {})", g.int(depth), g.int(depth)))
}

fn int_division(g: &mut Generator, depth: usize) -> Option<String> {
    let operator = *g.random.pick(&["/", "%"]);
    let dividend = g.int(depth);
    if g.style.risky && g.random.percent(5) {
        g.mark(Feature::Risky);
        return Some(format!("({dividend} {operator} {})", g.int(depth)));
    }
    let divisor = *g.random.pick(&["2", "3", "7", "(-2)", "(-5)"]);
    Some(format!("({dividend} {operator} {divisor})"))
}

fn int_bits(g: &mut Generator, depth: usize) -> Option<String> {
    let operator = *g.random.pick(&["&", "|", "^", "<<", ">>"]);
    Some(format!("({} {operator} {})", g.int(depth), g.int(depth)))
}

fn int_if(g: &mut Generator, depth: usize) -> Option<String> {
    Some(format!("(if {} {{ {} }} else {{ {} }})", g.bool(depth.min(1)), g.int(depth), g.int(depth)))
}

fn int_cast(g: &mut Generator, depth: usize) -> Option<String> {
    g.mark(Feature::Cast);
    Some(match g.random.below(4) {
        0 => format!("({} as i64)", g.bool(depth)),
        1 => format!("(({} as i32) as i64)", g.int(depth)),
        2 => format!("(({} as u8) as i64)", g.int(depth)),
        // A discontinuity: programs that are compared with differences leave it out.
        _ if g.style.prints => format!("({} as i64)", g.float(depth).text),
        _ => return None,
    })
}

fn int_count(g: &mut Generator, depth: usize) -> Option<String> {
    if let Some(name) = g.variable_of(&Ty::List) {
        g.mark(Feature::ListLen);
        return Some(format!("{name}.len()"));
    }
    let n = 2 + g.random.below(3);
    g.style.prints.then(|| format!("argmax({})", g.vector(n, depth.min(1)).0))
}

fn int_element(g: &mut Generator, depth: usize) -> Option<String> {
    let v = g.variable(|v| matches!(v.ty, Ty::Integers(_) | Ty::Pair))?;
    Some(match v.ty {
        Ty::Integers(n) => format!("{}[{}]", v.name, g.index(n, depth.min(1))),
        _ => format!("{}.1", v.name),
    })
}

fn int_match(g: &mut Generator, depth: usize) -> Option<String> {
    g.mark(Feature::MatchTuple);
    let (a, b, x, y) = (g.int(depth.min(1)), g.bool(0), g.int(depth), g.int(depth));
    Some(format!("(match (wrap({a}, 3), {b}) {{ (0, true) => {x}, (_, false) => {y}, (k, _) => k }})"))
}
