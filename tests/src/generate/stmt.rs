//! Statements without a body of their own.

use super::code::Code;
use super::expr::BOUND;
use super::feature::Feature;
use super::model::Ty;
use super::state::Generator;

type Form = fn(&mut Generator) -> Option<Vec<Code>>;

/// Loops and branches are in `control`.
const FORMS: &[(usize, Form)] = &[
    (16, declaration),
    (14, assignment),
    (12, compound_assignment),
    (10, element_assignment),
    (4, slice_assignment),
    (4, row_assignment),
    (5, field_assignment),
    (5, push),
    (4, pop),
    (3, tuple_let),
    (4, call_inout),
    (3, call_method),
    (3, print),
    (9, Generator::branch),
    (4, Generator::match_int),
    (5, Generator::match_enum),
    (9, Generator::for_range),
    (3, Generator::for_elements),
    (5, Generator::while_loop),
    (4, Generator::endless_loop),
    (4, Generator::jump),
    (2, Generator::early_return),
];

impl Generator {
    /// Some statements.
    pub fn statements(&mut self, count: usize) -> Vec<Code> {
        (0..count).flat_map(|_| self.statement()).collect()
    }

    fn statement(&mut self) -> Vec<Code> {
        for _ in 0..6 {
            let form = self.random.weighted(FORMS);
            if self.afford(5)
                && let Some(code) = form(self)
            {
                return code;
            }
        }
        Vec::new()
    }

    /// How deep an expression of a statement may nest here: less in loops.
    pub fn depth(&mut self) -> usize {
        let most = if self.times > 20 { 2 } else { 3 };
        1 + self.random.below(most)
    }

    /// A type for a new variable.
    pub fn some_type(&mut self) -> Ty {
        match self.random.below(24) {
            0..=6 => Ty::F64,
            7 | 8 => Ty::I64,
            9 => Ty::Bool,
            10 | 11 => Ty::Vector(2 + self.random.below(3)),
            12 => Ty::Integers(2 + self.random.below(2)),
            13 => Ty::Matrix(2 + self.random.below(2), 2 + self.random.below(2)),
            14 => Ty::List,
            15 => Ty::Ragged,
            16 => Ty::Pair,
            17 => Ty::Maybe,
            18 if !self.structs.is_empty() => Ty::Struct(self.random.below(self.structs.len())),
            19 if !self.enums.is_empty() => Ty::Enum(self.random.below(self.enums.len())),
            20 if self.tree => Ty::Tree,
            21 => Ty::Function,
            22 => Ty::Functions(2 + self.random.below(2)),
            23 if self.style.prints => Ty::Str,
            _ => Ty::F64,
        }
    }
}

fn declaration(g: &mut Generator) -> Option<Vec<Code>> {
    let (ty, depth) = (g.some_type(), g.depth());
    let value = g.value(&ty, depth);
    let mutable = !matches!(ty, Ty::Function | Ty::Functions(_)) && g.random.percent(60);
    // Shadowing keeps the type of the name, so that outer code that is written later still fits.
    let hidden = if g.random.percent(12) { g.variable_of(&ty) } else { None };
    let name = match hidden {
        Some(name) => {
            g.mark(Feature::Shadow);
            name
        }
        None => g.fresh("v"),
    };
    g.mark(if mutable { Feature::Var } else { Feature::Let });
    let annotated = matches!(ty, Ty::Function | Ty::Functions(_)) || g.random.percent(20);
    let note = if annotated { format!(": {}", ty.text()) } else { String::new() };
    g.declare(&name, ty, mutable);
    let keyword = if mutable { "var" } else { "let" };
    Some(vec![Code::line(format!("{keyword} {name}{note} = {value};"))])
}

fn assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable)?;
    g.mark(Feature::Assign);
    let depth = g.depth();
    let value = g.value(&v.ty, depth);
    Some(vec![Code::line(format!("{} = {value};", v.name))])
}

fn compound_assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::F64 | Ty::I64 | Ty::Vector(_)))?;
    g.mark(Feature::CompoundAssign);
    let (name, depth) = (&v.name, g.depth());
    let operator = *g.random.pick(&["+=", "-=", "*="]);
    let value = match v.ty {
        Ty::I64 => g.int(depth),
        Ty::F64 => g.folded(depth),
        _ => g.folded(depth.min(2)),
    };
    let mut code = vec![Code::line(format!("{name} {operator} {value};"))];
    if v.ty != Ty::I64 && g.style.tame {
        let fold = *g.random.pick(&["sin", "tanh"]);
        code.push(Code::line(format!("{name} = {BOUND:?} * {fold}({name});")));
    }
    Some(code)
}

fn element_assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::Vector(_) | Ty::Matrix(..) | Ty::Integers(_) | Ty::List))?;
    g.mark(Feature::ElementAssign);
    let (name, depth) = (&v.name, g.depth());
    let line = match v.ty {
        Ty::Vector(n) => format!("{name}[{}] = {};", g.index(n, 2), g.folded(depth)),
        Ty::Matrix(n, m) => format!("{name}[{}, {}] = {};", g.index(n, 1), g.index(m, 1), g.folded(depth)),
        Ty::Integers(n) => format!("{name}[{}] = {};", g.index(n, 2), g.int(depth)),
        _ => {
            let (index, value) = (g.int(1), g.folded(depth));
            let place = format!("{name}[wrap({index}, {name}.len())]");
            return Some(vec![Code::block(
                format!("if {name}.len() > 0 {{"),
                vec![Code::line(format!("{place} = {value};"))],
            )]);
        }
    };
    Some(vec![Code::line(line)])
}

fn slice_assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::Vector(n) if n > 2))?;
    let Ty::Vector(n) = v.ty else { return None };
    g.mark(Feature::SliceAssign);
    let from = g.random.below(n - 1);
    let to = from + 1 + g.random.below(n - from - 1).min(n - from - 1);
    let value = g.folded_vector(to - from, 2);
    Some(vec![Code::line(format!("{}[{from}..{to}] = {value};", v.name))])
}

fn row_assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::Matrix(..)))?;
    let Ty::Matrix(n, m) = v.ty else { return None };
    g.mark(Feature::RowAssign);
    let (index, value) = (g.index(n, 1), g.folded_vector(m, 2));
    Some(vec![Code::line(format!("{}[{index}] = {value};", v.name))])
}

fn field_assignment(g: &mut Generator) -> Option<Vec<Code>> {
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::Struct(_)))?;
    let Ty::Struct(k) = v.ty else { return None };
    let (field, ty) = g.random.pick(&g.structs[k].fields.clone()).clone();
    if ty == Ty::Function {
        return None;
    }
    g.mark(Feature::FieldAssign);
    let place = format!("{}.{field}", v.name);
    let line = match ty {
        Ty::Vector(n) if g.random.percent(60) => format!("{place}[{}] = {};", g.index(n, 1), g.folded(2)),
        _ => format!("{place} = {};", g.value(&ty, 2)),
    };
    Some(vec![Code::line(line)])
}

fn push(g: &mut Generator) -> Option<Vec<Code>> {
    if g.random.percent(30)
        && let Some(name) = g.place_of(&Ty::Ragged)
    {
        g.mark(Feature::Ragged);
        let row = g.list(1);
        return Some(vec![Code::line(format!("{name}.push({row});"))]);
    }
    let Some(name) = g.place_of(&Ty::List) else {
        let name = g.fresh("l");
        g.mark(Feature::ListNew);
        g.declare(&name, Ty::List, true);
        return Some(vec![Code::line(format!("var {name} = List<f64>::new();"))]);
    };
    g.mark(Feature::Push);
    let depth = g.depth();
    Some(vec![Code::line(format!("{name}.push({});", g.folded(depth)))])
}

fn pop(g: &mut Generator) -> Option<Vec<Code>> {
    let list = g.place_of(&Ty::List)?;
    let target = g.place_of(&Ty::F64)?;
    g.mark(Feature::Pop);
    let line = Code::line(format!("{target} = {list}.pop();"));
    if g.style.risky && g.random.percent(15) {
        g.mark(Feature::Risky);
        return Some(vec![line]);
    }
    Some(vec![Code::block(format!("if {list}.len() > 0 {{"), vec![line])])
}

fn tuple_let(g: &mut Generator) -> Option<Vec<Code>> {
    g.mark(Feature::TupleLet);
    let depth = g.depth();
    let value = g.pair(depth);
    let (a, b) = (g.fresh("v"), g.fresh("n"));
    g.declare(&a, Ty::F64, false);
    g.declare(&b, Ty::I64, false);
    Some(vec![Code::line(format!("let ({a}, {b}) = {value};"))])
}

fn call_inout(g: &mut Generator) -> Option<Vec<Code>> {
    let callees: Vec<_> = g.functions.iter().filter(|f| f.params.iter().any(|(_, inout)| *inout)).cloned().collect();
    if callees.is_empty() || g.closures > 0 {
        return None;
    }
    let callee = g.random.pick(&callees).clone();
    let mut taken: Vec<String> = Vec::new();
    let mut parts = Vec::new();
    for (ty, inout) in &callee.params {
        if !inout {
            parts.push(g.value(ty, 2));
            continue;
        }
        let place = g.variable(|v| v.mutable && v.ty == *ty && !taken.contains(&v.name))?.name;
        parts.push(format!("&{place}"));
        taken.push(place);
    }
    if !g.afford(callee.cost) {
        return None;
    }
    g.mark(Feature::InoutCall);
    Some(vec![Code::line(format!("{}({});", callee.name, parts.join(", ")))])
}

fn call_method(g: &mut Generator) -> Option<Vec<Code>> {
    let structs = g.structs.clone();
    let v = g.variable(|v| v.mutable && matches!(v.ty, Ty::Struct(k) if structs[k].methods))?;
    g.mark(Feature::InoutMethod);
    let argument = g.folded(2);
    Some(vec![Code::line(format!("{}.bump({argument});", v.name))])
}

fn print(g: &mut Generator) -> Option<Vec<Code>> {
    if !g.style.prints || g.times > 10 {
        return None;
    }
    let v = g.variable(|v| {
        !matches!(v.ty, Ty::Function | Ty::Functions(_) | Ty::Ragged | Ty::Tree | Ty::Enum(_) | Ty::Maybe)
            && !matches!(v.ty, Ty::Struct(_))
    })?;
    g.mark(Feature::Print);
    let format = match v.ty {
        Ty::F64 => *g.random.pick(&["", "", ":.3", ":>12.4", ":e", ":+.2"]),
        Ty::I64 => *g.random.pick(&["", "", ":06", ":<5", ":+"]),
        _ => "",
    };
    if !format.is_empty() {
        g.mark(Feature::Format);
    }
    let name = v.name;
    Some(vec![Code::line(format!("print(\"{name} = {{{name}{format}}}\");"))])
}
