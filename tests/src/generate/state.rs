//! The state of the generator while it writes a program.

use super::feature::{Coverage, Feature};
use super::model::{Enum, Signature, Struct, Style, Ty, Variable};
use super::random::Random;

/// Work that one call of a function may take, by the generator's estimate; keeps every program short.
pub const WORK_LIMIT: u64 = 8_000;

/// See the module's description.
#[derive(Debug)]
pub struct Generator {
    pub random: Random,
    pub style: Style,
    pub coverage: Coverage,
    pub structs: Vec<Struct>,
    pub enums: Vec<Enum>,
    /// Whether the program has the recursive enum `Tree` with `grow` and `value_of`.
    pub tree: bool,
    pub functions: Vec<Signature>,
    /// In scope, innermost last.
    pub variables: Vec<Variable>,
    /// Estimated work of the function so far, and how often the code being written runs in one call of it.
    pub work: u64,
    pub times: u64,
    /// Loops around, of those that `break` may leave.
    pub loops: usize,
    /// What the function returns, if a `return` may stand here.
    pub result: Option<Ty>,
    /// Inside a closure: no calls of functions that may be dear, no assignment to what is captured.
    pub closures: usize,
    names: usize,
}

impl Generator {
    pub fn new(seed: u64, style: Style) -> Generator {
        Generator {
            random: Random::new(seed),
            style,
            coverage: Coverage::default(),
            structs: Vec::new(),
            enums: Vec::new(),
            tree: false,
            functions: Vec::new(),
            variables: Vec::new(),
            work: 0,
            times: 1,
            loops: 0,
            result: None,
            closures: 0,
            names: 0,
        }
    }

    /// A name that no other variable has.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    pub fn mark(&mut self, feature: Feature) {
        self.coverage.mark(feature);
    }

    /// Brings a variable into scope.
    pub fn declare(&mut self, name: &str, ty: Ty, mutable: bool) {
        self.variables.push(Variable { name: name.into(), ty, mutable, below: None });
    }

    /// Writes something in a scope of its own.
    pub fn scoped<T>(&mut self, write: impl FnOnce(&mut Generator) -> T) -> T {
        let outside = self.variables.len();
        let result = write(self);
        self.variables.truncate(outside);
        result
    }

    /// Any variable in scope that fits. One that is hidden by another of the same name does not count.
    pub fn variable(&mut self, fits: impl Fn(&Variable) -> bool) -> Option<Variable> {
        let hidden = |at: usize, v: &Variable| self.variables[at + 1..].iter().any(|other| other.name == v.name);
        let all: Vec<&Variable> =
            self.variables.iter().enumerate().filter(|(at, v)| fits(v) && !hidden(*at, v)).map(|(_, v)| v).collect();
        if all.is_empty() {
            return None;
        }
        Some((*self.random.pick(&all)).clone())
    }

    /// The name of a variable of this type.
    pub fn variable_of(&mut self, ty: &Ty) -> Option<String> {
        self.variable(|v| v.ty == *ty).map(|v| v.name)
    }

    /// The name of a variable of this type that may be assigned.
    pub fn place_of(&mut self, ty: &Ty) -> Option<String> {
        self.variable(|v| v.ty == *ty && v.mutable).map(|v| v.name)
    }

    /// Counts work at this place, if there is room for it.
    pub fn afford(&mut self, cost: u64) -> bool {
        let whole = self.work + cost * self.times;
        if whole > WORK_LIMIT {
            return false;
        }
        self.work = whole;
        true
    }
}
