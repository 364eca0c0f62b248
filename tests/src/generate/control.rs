//! Branches, loops and jumps. Every loop has fuel.

use super::code::Code;
use super::feature::Feature;
use super::model::Ty;
use super::state::Generator;

impl Generator {
    /// `if`, with or without an `else`.
    pub fn branch(&mut self) -> Option<Vec<Code>> {
        self.mark(Feature::If);
        let condition = self.bool(2);
        let mut code = vec![Code::block(format!("if {condition} {{"), self.body(1, 2))];
        if self.random.percent(50) {
            self.mark(Feature::IfElse);
            code.push(Code::block("else {", self.body(1, 2)));
        }
        Some(code)
    }

    /// Statements in a scope of their own.
    fn body(&mut self, least: usize, most: usize) -> Vec<Code> {
        let count = least + self.random.below(most - least + 1);
        self.scoped(|g| g.statements(count))
    }

    /// `match` on an integer, with statements in its arms.
    pub fn match_int(&mut self) -> Option<Vec<Code>> {
        self.mark(Feature::MatchInt);
        let scrutinee = self.int(2);
        let mut arms = vec![Code::block("0 => {", self.body(1, 2)), Code::block("1 | 2 => {", self.body(1, 1))];
        if self.random.percent(40) {
            self.mark(Feature::MatchGuard);
            let condition = self.bool(1);
            arms.push(Code::block(format!("k if k > 3 && {condition} => {{"), self.body(1, 1)));
        }
        arms.push(Code::block("_ => {", self.body(1, 1)));
        Some(vec![Code::block(format!("match wrap({scrutinee}, 6) {{"), arms)])
    }

    /// `match` on an enum, binding what the cases hold.
    pub fn match_enum(&mut self) -> Option<Vec<Code>> {
        if self.enums.is_empty() {
            return None;
        }
        self.mark(Feature::MatchEnum);
        let k = self.random.below(self.enums.len());
        let scrutinee = self.enumeration(k, 2);
        let cases = self.enums[k].cases.clone();
        let mut arms = Vec::new();
        for (c, (payload, named)) in cases.iter().enumerate() {
            if c > 0 && c + 1 == cases.len() && self.random.percent(25) {
                arms.push(Code::block("_ => {", self.body(1, 1)));
                break;
            }
            if payload.first() == Some(&Ty::F64) && self.random.percent(30) {
                self.mark(Feature::MatchGuard);
                arms.push(self.arm(c, payload, *named, true));
            }
            arms.push(self.arm(c, payload, *named, false));
        }
        Some(vec![Code::block(format!("match ({scrutinee}) {{"), arms)])
    }

    fn arm(&mut self, case: usize, payload: &[Ty], named: bool, guarded: bool) -> Code {
        self.scoped(|g| {
            let names: Vec<String> = payload.iter().map(|_| g.fresh("p")).collect();
            for (name, ty) in names.iter().zip(payload) {
                g.declare(name, ty.clone(), false);
            }
            let pattern = match (payload.is_empty(), named) {
                (true, _) => format!("C{case}"),
                (false, false) => format!("C{case}({})", names.join(", ")),
                (false, true) => {
                    let fields: Vec<String> = names.iter().enumerate().map(|(i, n)| format!("p{i}: {n}")).collect();
                    format!("C{case} {{ {} }}", fields.join(", "))
                }
            };
            let guard = if guarded { format!(" if {} > 0.0", names[0]) } else { String::new() };
            Code::block(format!("{pattern}{guard} => {{"), g.body(1, 2))
        })
    }

    /// `for` over a range: of constants, or with an end that depends on data; with steps, and backwards.
    pub fn for_range(&mut self) -> Option<Vec<Code>> {
        let least = self.random.below(2);
        let most = least + 1 + self.random.below(4);
        let (range, below) = match self.random.below(6) {
            0 => {
                self.mark(Feature::ForDataRange);
                (format!("0..wrap({}, {})", self.int(2), most + 1), most)
            }
            1 => {
                self.mark(Feature::ForStep);
                (format!("({least}..{most}).step({})", 1 + self.random.below(3)), most)
            }
            2 => {
                self.mark(Feature::ForRev);
                (format!("({least}..{most}).rev()"), most)
            }
            3 => {
                self.mark(Feature::ForRev);
                self.mark(Feature::ForStep);
                (format!("({least}..{most}).step(2).rev()"), most)
            }
            _ => (format!("{least}..{most}"), most),
        };
        self.mark(Feature::ForRange);
        let name = self.fresh("i");
        let body = self.looped(below as u64, |g| {
            g.declare(&name, Ty::I64, false);
            g.variables.last_mut().expect("just declared").below = Some(below);
        })?;
        Some(vec![Code::block(format!("for {name} in {range} {{"), body)])
    }

    /// `for` over the elements of an array or a list.
    pub fn for_elements(&mut self) -> Option<Vec<Code>> {
        let v = self.variable(|v| matches!(v.ty, Ty::Vector(_) | Ty::List | Ty::Matrix(..)))?;
        let (element, feature) = match v.ty {
            Ty::Matrix(_, m) => (Ty::Vector(m), Feature::ForArray),
            Ty::List => (Ty::F64, Feature::ForList),
            _ => (Ty::F64, Feature::ForArray),
        };
        self.mark(feature);
        let name = self.fresh("x");
        // A list may have grown; the loop runs over at most its first elements.
        let body = self.looped(8, |g| g.declare(&name, element, false))?;
        let over = if v.ty == Ty::List { format!("first_few({})", v.name) } else { v.name };
        Some(vec![Code::block(format!("for {name} in {over} {{"), body)])
    }

    /// `while` with a condition on data, and fuel.
    pub fn while_loop(&mut self) -> Option<Vec<Code>> {
        self.mark(Feature::While);
        let most = 1 + self.random.below(4);
        let fuel = self.fresh("fuel");
        let condition = self.bool(2);
        let mut body = vec![Code::line(format!("{fuel} -= 1;"))];
        body.extend(self.looped(most as u64, |_| ())?);
        let first = Code::line(format!("var {fuel} = {most};"));
        Some(vec![first, Code::block(format!("while {fuel} > 0 && {condition} {{"), body)])
    }

    /// `loop` that ends when its fuel does.
    pub fn endless_loop(&mut self) -> Option<Vec<Code>> {
        self.mark(Feature::Loop);
        let most = 1 + self.random.below(4);
        let fuel = self.fresh("fuel");
        let mut body = vec![Code::line(format!("{fuel} -= 1;")), Code::line(format!("if {fuel} < 0 {{ break; }}"))];
        body.extend(self.looped(most as u64, |_| ())?);
        Some(vec![Code::line(format!("var {fuel} = {most};")), Code::block("loop {", body)])
    }

    /// The body of a loop, which `declare` gives its variables; `None` where loops nest too deep or run too often.
    fn looped(&mut self, times: u64, declare: impl FnOnce(&mut Generator)) -> Option<Vec<Code>> {
        if self.loops >= 3 || self.times * times > 100 {
            return None;
        }
        self.loops += 1;
        if self.loops > 1 {
            self.mark(Feature::NestedLoop);
        }
        let body = self.repeated(times, |g| {
            declare(g);
            let count = 1 + g.random.below(3);
            g.statements(count)
        });
        self.loops -= 1;
        Some(body)
    }

    /// `break` or `continue` under a condition.
    pub fn jump(&mut self) -> Option<Vec<Code>> {
        if self.loops == 0 {
            return None;
        }
        let keyword = if self.random.percent(50) { "break" } else { "continue" };
        self.mark(if keyword == "break" { Feature::Break } else { Feature::Continue });
        if keyword == "break" && self.loops > 1 {
            self.mark(Feature::BreakTwoDeep);
        }
        let condition = self.bool(2);
        Some(vec![Code::line(format!("if {condition} {{ {keyword}; }}"))])
    }

    /// `return` under a condition.
    pub fn early_return(&mut self) -> Option<Vec<Code>> {
        let result = self.result.clone()?;
        self.mark(Feature::EarlyReturn);
        let (condition, value) = (self.bool(2), self.value(&result, 2));
        Some(vec![Code::line(format!("if {condition} {{ return {value}; }}"))])
    }
}
