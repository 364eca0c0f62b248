//! Expressions of array and list type. A vector comes with a bound on its elements, as a float does with one on itself.

use super::expr::{BOUND, Float};
use super::feature::Feature;
use super::model::Ty;
use super::state::Generator;

impl Generator {
    /// An expression of type `[f64; n]`, and a bound on its elements.
    pub fn vector(&mut self, n: usize, depth: usize) -> (String, f64) {
        if depth == 0 || self.random.percent(25) {
            return self.vector_leaf(n);
        }
        let next = depth - 1;
        let made = match self.random.below(12) {
            0 | 1 => Some(self.vector_arithmetic(n, next)),
            2 | 3 => Some(self.vector_function(n, next)),
            4 | 5 => Some(self.vector_comprehension(n, next)),
            6 => self.vector_slice(n),
            7 => self.vector_row(n),
            8 => self.vector_product(n, next),
            9 => self.vector_concat(n, next),
            10 => self.vector_if(n, next),
            _ => self.vector_call(n, next),
        };
        made.unwrap_or_else(|| self.vector_leaf(n))
    }

    /// An expression of type `[f64; n]` whose elements stay within the bound.
    pub fn folded_vector(&mut self, n: usize, depth: usize) -> String {
        let (text, bound) = self.vector(n, depth);
        self.fold(Float::new(text, bound))
    }

    fn vector_leaf(&mut self, n: usize) -> (String, f64) {
        match self.variable_of(&Ty::Vector(n)) {
            Some(name) if self.random.percent(80) => (name, BOUND),
            _ if self.random.percent(20) => (format!("[{}; {n}]", self.folded(0)), BOUND),
            _ => {
                let elements: Vec<String> = (0..n).map(|_| self.folded(0)).collect();
                (format!("[{}]", elements.join(", ")), BOUND)
            }
        }
    }

    fn vector_arithmetic(&mut self, n: usize, depth: usize) -> (String, f64) {
        self.mark(Feature::Elementwise);
        let (a, x) = self.vector(n, depth);
        match self.random.below(5) {
            0 => {
                let s = self.float(depth.min(1));
                (format!("({} * {a})", s.text), s.bound * x)
            }
            1 => {
                let s = self.float(depth.min(1));
                (format!("({a} - {})", s.text), s.bound + x)
            }
            2 => {
                let (b, y) = self.vector(n, depth);
                (format!("({a} + {b})"), x + y)
            }
            3 => {
                let (b, y) = self.vector(n, depth);
                (format!("({a} * {b})"), x * y)
            }
            _ => {
                let (b, _) = self.vector(n, depth);
                (format!("({a} / (1.5 + sin({b})))"), 2.0 * x)
            }
        }
    }

    fn vector_function(&mut self, n: usize, depth: usize) -> (String, f64) {
        self.mark(Feature::Elementwise);
        let (a, x) = self.vector(n, depth);
        match self.random.below(7) {
            0 => (format!("sin({a})"), 1.0),
            1 => (format!("tanh({a})"), 1.0),
            2 => (format!("cumsum({a})"), x * n as f64),
            3 => (format!("softmax({a})"), 1.0),
            4 => (format!("relu({a})"), x),
            5 => (format!("(-{a})"), x),
            _ => {
                let (b, y) = self.vector(n, depth);
                (format!("max({a}, {b})"), x.max(y))
            }
        }
    }

    fn vector_comprehension(&mut self, n: usize, depth: usize) -> (String, f64) {
        self.mark(Feature::Comprehension);
        let index = self.fresh("i");
        let float = self.repeated(n as u64, |g| {
            g.declare(&index, Ty::I64, false);
            g.variables.last_mut().expect("just declared").below = Some(n);
            g.float(depth)
        });
        (format!("[{} for {index} in 0..{n}]", float.text), float.bound)
    }

    /// Writes code that runs `times` times as often as the code around.
    pub fn repeated<T>(&mut self, times: u64, write: impl FnOnce(&mut Generator) -> T) -> T {
        let outside = self.times;
        self.times = outside.saturating_mul(times.max(1));
        let result = self.scoped(write);
        self.times = outside;
        result
    }

    fn vector_slice(&mut self, n: usize) -> Option<(String, f64)> {
        let v = self.variable(|v| matches!(v.ty, Ty::Vector(m) if m > n))?;
        let Ty::Vector(m) = v.ty else { return None };
        self.mark(Feature::Slice);
        let from = self.random.below(m - n + 1);
        Some((format!("{}[{from}..{}]", v.name, from + n), BOUND))
    }

    fn vector_row(&mut self, n: usize) -> Option<(String, f64)> {
        let v = self.variable(|v| matches!(v.ty, Ty::Matrix(_, m) if m == n))?;
        let Ty::Matrix(rows, _) = v.ty else { return None };
        self.mark(Feature::Row);
        let index = self.index(rows, 1);
        let all = *self.random.pick(&["", ", :"]);
        Some((format!("{}[{index}{all}]", v.name), BOUND))
    }

    fn vector_product(&mut self, n: usize, depth: usize) -> Option<(String, f64)> {
        let v = self.variable(|v| matches!(v.ty, Ty::Matrix(rows, _) if rows == n))?;
        let Ty::Matrix(_, m) = v.ty else { return None };
        self.mark(Feature::MatVec);
        let (x, bound) = self.vector(m, depth);
        Some((format!("({} @ {x})", v.name), bound * BOUND * m as f64))
    }

    fn vector_concat(&mut self, n: usize, depth: usize) -> Option<(String, f64)> {
        if n < 2 {
            return None;
        }
        self.mark(Feature::Concat);
        let first = 1 + self.random.below(n - 1);
        let ((a, x), (b, y)) = (self.vector(first, depth), self.vector(n - first, depth));
        Some((format!("concat({a}, {b})"), x.max(y)))
    }

    fn vector_if(&mut self, n: usize, depth: usize) -> Option<(String, f64)> {
        self.mark(Feature::IfExpression);
        let condition = self.bool(1);
        let ((a, x), (b, y)) = (self.vector(n, depth), self.vector(n, depth));
        Some((format!("(if {condition} {{ {a} }} else {{ {b} }})"), x.max(y)))
    }

    fn vector_call(&mut self, n: usize, depth: usize) -> Option<(String, f64)> {
        let callee = self.callee(&Ty::Vector(n))?;
        self.mark(Feature::Call);
        let arguments = self.arguments(&callee, depth);
        Some((format!("{}({arguments})", callee.name), BOUND))
    }

    /// An expression of type `[i64; n]`.
    pub fn integers(&mut self, n: usize, depth: usize) -> String {
        match self.variable_of(&Ty::Integers(n)) {
            Some(name) if self.random.percent(50) => name,
            _ if self.random.percent(50) => {
                let elements: Vec<String> = (0..n).map(|_| self.int(depth.min(1))).collect();
                format!("[{}]", elements.join(", "))
            }
            _ => {
                self.mark(Feature::Comprehension);
                let index = self.fresh("i");
                let element = self.repeated(n as u64, |g| {
                    g.declare(&index, Ty::I64, false);
                    g.int(depth.min(2))
                });
                format!("[{element} for {index} in 0..{n}]")
            }
        }
    }

    /// An expression of type `[f64; n, m]` whose elements stay within the bound.
    pub fn matrix(&mut self, n: usize, m: usize, depth: usize) -> String {
        match self.variable_of(&Ty::Matrix(n, m)) {
            Some(name) if self.random.percent(50) => return name,
            _ => {}
        }
        let flipped = self.variable_of(&Ty::Matrix(m, n));
        match (self.random.below(5), flipped) {
            (_, Some(name)) if n == m && self.random.percent(70) => {
                self.mark(Feature::MatMul);
                format!("sin({name} @ {name})")
            }
            (0, Some(name)) => format!("transpose({name})"),
            (2, _) => {
                let rows: Vec<String> = (0..n).map(|_| self.folded_vector(m, 0)).collect();
                format!("[{}]", rows.join(", "))
            }
            _ => {
                self.mark(Feature::Comprehension);
                let (i, j) = (self.fresh("i"), self.fresh("j"));
                let element = self.repeated((n * m) as u64, |g| {
                    for (name, below) in [(&i, n), (&j, m)] {
                        g.declare(name, Ty::I64, false);
                        g.variables.last_mut().expect("just declared").below = Some(below);
                    }
                    g.folded(depth.min(2))
                });
                format!("[{element} for {i} in 0..{n}, {j} in 0..{m}]")
            }
        }
    }

    /// An expression of type `List<f64>`.
    pub fn list(&mut self, depth: usize) -> String {
        match self.variable_of(&Ty::List) {
            Some(name) if self.random.percent(70) => name,
            _ => {
                self.mark(Feature::ListNew);
                let n = 1 + self.random.below(4);
                format!("List::from({})", self.folded_vector(n, depth.min(1)))
            }
        }
    }

    /// An expression of type `List<List<f64>>`.
    pub fn ragged(&mut self, depth: usize) -> String {
        self.mark(Feature::Ragged);
        match self.variable_of(&Ty::Ragged) {
            Some(name) => name,
            None => format!("two_rows({}, {})", self.list(depth), self.list(depth)),
        }
    }
}
