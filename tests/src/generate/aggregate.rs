//! Expressions of tuple, struct, enum and function type.

use super::feature::Feature;
use super::model::Ty;
use super::state::Generator;

impl Generator {
    /// An expression of type `(f64, i64)`.
    pub fn pair(&mut self, depth: usize) -> String {
        self.mark(Feature::Tuple);
        match self.variable_of(&Ty::Pair) {
            Some(name) if self.random.percent(60) => name,
            _ => format!("({}, {})", self.folded(depth), self.int(depth.min(1))),
        }
    }

    /// An expression of type `Option<f64>`.
    pub fn maybe(&mut self, depth: usize) -> String {
        self.mark(Feature::OptionType);
        match self.variable_of(&Ty::Maybe) {
            Some(name) if self.random.percent(60) => name,
            _ => format!("if_some({}, {})", self.bool(depth.min(1)), self.folded(depth.min(2))),
        }
    }

    /// An expression of the type of the `k`-th struct.
    pub fn structure(&mut self, k: usize, depth: usize) -> String {
        if let Some(name) = self.variable_of(&Ty::Struct(k))
            && self.random.percent(60)
        {
            return name;
        }
        if let Some(callee) = self.callee(&Ty::Struct(k))
            && self.random.percent(30)
        {
            self.mark(Feature::Call);
            return format!("{}({})", callee.name, self.arguments(&callee, depth.min(1)));
        }
        self.mark(Feature::Struct);
        let fields = self.structs[k].fields.clone();
        let parts: Vec<String> = fields
            .iter()
            .map(|(name, ty)| {
                if matches!(ty, Ty::Struct(_)) {
                    self.mark(Feature::NestedStruct);
                }
                format!("{name}: {}", self.value(ty, depth.min(2)))
            })
            .collect();
        format!("S{k} {{ {} }}", parts.join(", "))
    }

    /// An expression of the type of the `k`-th enum.
    pub fn enumeration(&mut self, k: usize, depth: usize) -> String {
        self.mark(Feature::Enum);
        match self.variable_of(&Ty::Enum(k)) {
            Some(name) if self.random.percent(60) => name,
            _ if depth > 0 && self.random.percent(30) => {
                let (c, a, b) = (self.bool(1), self.enum_case(k, depth - 1), self.enum_case(k, depth - 1));
                format!("(if {c} {{ {a} }} else {{ {b} }})")
            }
            _ => self.enum_case(k, depth),
        }
    }

    fn enum_case(&mut self, k: usize, depth: usize) -> String {
        let cases = self.enums[k].cases.clone();
        let c = self.random.below(cases.len());
        let (payload, named) = &cases[c];
        if payload.is_empty() {
            return format!("E{k}::C{c}");
        }
        let values: Vec<String> = payload.iter().map(|ty| self.value(ty, depth.min(2))).collect();
        if *named {
            let fields: Vec<String> = values.iter().enumerate().map(|(i, v)| format!("p{i}: {v}")).collect();
            format!("E{k}::C{c} {{ {} }}", fields.join(", "))
        } else {
            format!("E{k}::C{c}({})", values.join(", "))
        }
    }

    /// An expression of the recursive type `Tree`.
    pub fn tree_value(&mut self, depth: usize) -> String {
        let next = depth.saturating_sub(1);
        match (self.variable_of(&Ty::Tree), self.random.below(6)) {
            (Some(name), 0..=3) => name,
            (_, 4) => format!("grow({}, {})", self.random.below(4), self.folded(0)),
            _ if depth == 0 => format!("Tree::Leaf({})", self.folded(0)),
            (_, 0) => format!("Tree::Add({}, {})", self.tree_value(next), self.tree_value(next)),
            (_, 1) => format!("Tree::Mul({}, {})", self.tree_value(next), self.tree_value(next)),
            (_, 2) => "Tree::Input".into(),
            _ => format!("Tree::Leaf({})", self.folded(next)),
        }
    }

    /// An expression of type `fn(f64) -> f64`.
    pub fn function_value(&mut self, depth: usize) -> String {
        self.mark(Feature::Closure);
        let known = self.variable_of(&Ty::Function);
        match (self.random.below(7), known) {
            (0 | 1, Some(name)) => name,
            (2, _) => (*self.random.pick(&["sin", "tanh", "atan", "cos"])).into(),
            (3, _) if depth > 0 => {
                self.mark(Feature::ClosureBranch);
                let (a, b) = (self.closure(depth - 1), self.closure(depth - 1));
                format!("(if {} {{ {a} }} else {{ {b} }})", self.bool(1))
            }
            (4, _) => {
                self.mark(Feature::ClosureResult);
                format!("scaled({})", self.folded(depth.min(1)))
            }
            _ => self.closure(depth),
        }
    }

    /// A closure expression that captures what is in scope.
    fn closure(&mut self, depth: usize) -> String {
        let name = self.fresh("t");
        let body = self.scoped(|g| {
            g.declare(&name, Ty::F64, false);
            g.closures += 1;
            // A closure may be called from anywhere, so it pays in advance for being called often.
            let (work, times) = (g.work, g.times);
            g.times = times.max(50);
            let body = g.folded(depth.min(2));
            (g.work, g.times) = (work, times);
            g.closures -= 1;
            body
        });
        format!("|{name}| {body}")
    }

    /// An expression of type `[fn(f64) -> f64; n]`.
    pub fn function_array(&mut self, n: usize, depth: usize) -> String {
        self.mark(Feature::ClosureArray);
        let all: Vec<String> = (0..n).map(|_| self.closure(depth.min(1))).collect();
        format!("[{}]", all.join(", "))
    }
}
