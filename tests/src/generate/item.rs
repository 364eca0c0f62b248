//! Structs, enums, functions.

use super::code::Code;
use super::feature::Feature;
use super::model::{Enum, Signature, Struct, Ty};
use super::state::Generator;

impl Generator {
    /// Up to two structs; the second may hold the first, or a function.
    pub fn define_structs(&mut self) -> Vec<Code> {
        let count = self.random.below(3);
        (0..count).flat_map(|k| self.define_struct(k)).collect()
    }

    fn define_struct(&mut self, k: usize) -> Vec<Code> {
        let mut fields = vec![("a".to_string(), Ty::F64)];
        let more = [Ty::F64, Ty::I64, Ty::Vector(3), Ty::Pair, Ty::Function];
        for name in ["b", "c"] {
            if self.random.percent(60) {
                fields.push((name.into(), self.random.pick(&more).clone()));
            }
        }
        if k > 0 && self.random.percent(60) {
            fields.push(("inner".into(), Ty::Struct(k - 1)));
        }
        let lines = fields.iter().map(|(name, ty)| Code::line(format!("{name}: {},", ty.text()))).collect();
        let mut code = vec![Code::block(format!("struct S{k} {{"), lines)];
        let (methods, weighs) = (self.random.percent(60), self.random.percent(50));
        if methods {
            code.push(self.define_methods(k, &fields));
        }
        if weighs {
            let body = self.over_fields(&fields);
            let line = Code::line(format!("fn weigh(self, x: f64) -> f64 {{ {body} }}"));
            code.push(Code::block(format!("impl Weigh for S{k} {{"), vec![line]));
        }
        self.structs.push(Struct { fields, methods, weighs });
        code
    }

    fn define_methods(&mut self, k: usize, fields: &[(String, Ty)]) -> Code {
        let (level, bump) = (self.over_fields(fields), self.over_fields(fields));
        let lines = vec![
            Code::line(format!("fn level(self, x: f64) -> f64 {{ {level} }}")),
            Code::line(format!("fn bump(inout self, x: f64) {{ self.a = {bump}; }}")),
        ];
        Code::block(format!("impl S{k} {{"), lines)
    }

    /// An expression over `x` and the float fields of `self`.
    fn over_fields(&mut self, fields: &[(String, Ty)]) -> String {
        self.scoped(|g| {
            g.declare("x", Ty::F64, false);
            for (name, _) in fields.iter().filter(|(_, ty)| *ty == Ty::F64) {
                g.declare(&format!("self.{name}"), Ty::F64, false);
            }
            // Closures may call methods, so these differentiate nothing either.
            g.closures += 1;
            let body = g.folded(2);
            g.closures -= 1;
            body
        })
    }

    /// Up to two enums without recursion.
    pub fn define_enums(&mut self) -> Vec<Code> {
        let count = self.random.below(3);
        (0..count).map(|k| self.define_enum(k)).collect()
    }

    fn define_enum(&mut self, k: usize) -> Code {
        let payload_types = [Ty::F64, Ty::F64, Ty::I64, Ty::Vector(2), Ty::Pair];
        let mut cases = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let arity = 1 + self.random.below(2);
            let payload = (0..arity).map(|_| self.random.pick(&payload_types).clone()).collect();
            cases.push((payload, self.random.percent(40)));
        }
        if self.random.percent(60) {
            cases.push((Vec::new(), false));
        }
        let lines = cases.iter().enumerate().map(|(c, (payload, named))| Code::line(case_text(c, payload, *named)));
        let code = Code::block(format!("enum E{k} {{"), lines.collect());
        self.enums.push(Enum { cases });
        code
    }

    /// The recursive enum, what builds one, and what evaluates one.
    pub fn define_tree(&mut self) -> Vec<Code> {
        let step = self.scoped(|g| {
            g.declare("x", Ty::F64, false);
            g.folded(2)
        });
        let (add, mul) = (*self.random.pick(&["a + b", "a - 0.5 * b"]), *self.random.pick(&["a * b", "a * cos(b)"]));
        let cases = ["Leaf(f64),", "Add(Tree, Tree),", "Mul(Tree, Tree),", "Input,"].map(Code::line).to_vec();
        let grow = vec![
            Code::line("if k <= 0 { return Tree::Leaf(x); }"),
            Code::line("if k % 2 == 0 { Tree::Add(grow(k - 1, 0.5 * x), Tree::Input) }"),
            Code::line("else { Tree::Mul(grow(k - 1, 0.5 - x), grow(k - 2, x)) }"),
        ];
        let arms = vec![
            Code::line(format!("Leaf(x) => {step},")),
            Code::line(format!("Add(l, r) => {{ let a = tree_sum(l, input); let b = tree_sum(r, input); {add} }}")),
            Code::line(format!(
                "Mul(l, r) => {{ let a = tree_sum(l, input); let b = tree_sum(r, input); tanh({mul}) }}"
            )),
            Code::line("Input => input,"),
        ];
        self.tree = true;
        vec![
            Code::block("enum Tree {", cases),
            Code::block("fn grow(k: i64, x: f64) -> Tree {", grow),
            Code::block("fn tree_sum(tree: Tree, input: f64) -> f64 {", vec![Code::block("match tree {", arms)]),
            Code::line("fn value_of(tree: Tree, input: f64) -> f64 { 10.0 * sin(tree_sum(tree, input)) }"),
        ]
    }

    /// A function with random parameters and body.
    pub fn define_function(&mut self, name: &str, result: Ty, inout: bool) -> Code {
        let count = 1 + self.random.below(3);
        let mut params: Vec<(Ty, bool)> = (0..count).map(|_| (self.some_type(), false)).collect();
        if inout {
            let changed = [Ty::F64, Ty::Vector(3), Ty::List];
            params.push((self.random.pick(&changed).clone(), true));
        }
        self.define_function_with(name, params, result)
    }

    /// A function with these parameters, named `a0`, `a1`, ….
    pub fn define_function_with(&mut self, name: &str, params: Vec<(Ty, bool)>, result: Ty) -> Code {
        let body = self.function_body(&params, &result, 2, 6);
        let head = head(name, &params, &result);
        self.add(name, params, result, false);
        Code::block(head, body)
    }

    fn function_body(&mut self, params: &[(Ty, bool)], result: &Ty, least: usize, more: usize) -> Vec<Code> {
        self.work = 1;
        self.scoped(|g| {
            for (i, (ty, inout)) in params.iter().enumerate() {
                g.declare(&format!("a{i}"), ty.clone(), *inout);
            }
            let changes = params.iter().any(|(_, inout)| *inout);
            g.result = (!changes).then(|| result.clone());
            let count = least + g.random.below(more);
            let mut body = g.statements(count);
            if !changes {
                let value = if *result == Ty::F64 { g.combined() } else { g.value(result, 3) };
                body.push(Code::line(value));
            }
            g.result = None;
            body
        })
    }

    /// An expression that depends on most of what the function has computed, so that little of it is dead.
    fn combined(&mut self) -> String {
        let mut parts = vec![self.folded(2)];
        for v in self.variables.clone() {
            let name = &v.name;
            parts.push(match v.ty {
                _ if self.random.percent(20) => continue,
                Ty::F64 => format!("sin({name})"),
                Ty::Vector(_) | Ty::Matrix(..) => format!("0.5 * sum(tanh({name}))"),
                Ty::List => format!("0.25 * at({name}, 1)"),
                Ty::Functions(_) => format!("{name}[1](0.5)"),
                Ty::Pair => format!("0.3 * {name}.0"),
                _ => continue,
            });
        }
        let sum = parts.join(" + ");
        if self.style.tame { format!("10.0 * sin(0.1 * ({sum}))") } else { sum }
    }

    fn add(&mut self, name: &str, params: Vec<(Ty, bool)>, result: Ty, fuel: bool) {
        self.functions.push(Signature {
            name: name.into(),
            params,
            result,
            cost: self.work + 5,
            fuel,
            differentiates: false,
        });
    }

    /// Notes which of the functions so far differentiate function values, by themselves or by what they call.
    pub fn note_differentiation(&mut self, code: &[Code]) {
        let marks: Vec<String> = self.functions.iter().filter(|f| f.differentiates).map(|f| call_of(&f.name)).collect();
        let differentiating = |text: &str| text.contains("slope_of(") || marks.iter().any(|mark| text.contains(mark));
        for definition in code {
            let Code::Block { open, .. } = definition else { continue };
            let head = open.strip_prefix("fn ").unwrap_or_default();
            let name = head.split(['(', '<', '_']).next().unwrap_or_default();
            if differentiating(&definition.to_string()) {
                self.functions.iter_mut().filter(|f| f.name == name).for_each(|f| f.differentiates = true);
            }
        }
    }

    /// A function that calls itself once or twice, with fuel.
    pub fn define_recursion(&mut self, name: &str) -> Code {
        self.mark(Feature::Recursion);
        let params = vec![(Ty::I64, false), (Ty::F64, false), (self.some_type(), false)];
        let (end, next, combine) = self.recursive_parts(&params);
        let twice = self.random.percent(40);
        let mut body = vec![Code::line(format!("if a0 <= 0 {{ return {end}; }}"))];
        let outer = self.work;
        let keep = self.functions.len();
        body.extend(self.function_body(&params, &Ty::F64, 1, 2));
        body.pop();
        self.functions.truncate(keep);
        body.push(Code::line(format!("let r = {name}(a0 - 1, {next}, a2);")));
        if twice {
            body.push(Code::line(format!("let s = {name}(a0 - 2, 0.3 - {next}, a2);")));
            body.push(Code::line(format!("sin(r * s + {combine})")));
        } else {
            body.push(Code::line(format!("sin(r + {combine})")));
        }
        self.work = (self.work + outer + 5) * 8;
        let head = head(name, &params, &Ty::F64);
        self.add(name, params, Ty::F64, true);
        Code::block(head, body)
    }

    /// Two functions that call each other.
    pub fn define_mutual(&mut self, name: &str) -> Vec<Code> {
        self.mark(Feature::MutualRecursion);
        let params = vec![(Ty::I64, false), (Ty::F64, false)];
        let other = format!("{name}_other");
        let mut code = Vec::new();
        for (this, that) in [(name, &*other), (&*other, name)] {
            let (end, next, combine) = self.recursive_parts(&params);
            let body = vec![
                Code::line(format!("if a0 <= 0 {{ return {end}; }}")),
                Code::line(format!("cos({that}(a0 - 1, {next}) * 0.9 + {combine})")),
            ];
            code.push(Code::block(head(this, &params, &Ty::F64), body));
        }
        self.work = (self.work + 5) * 8;
        self.add(name, params, Ty::F64, true);
        code
    }

    /// The value without fuel, the next argument, and what is combined with the result of the call.
    fn recursive_parts(&mut self, params: &[(Ty, bool)]) -> (String, String, String) {
        self.work = 1;
        self.scoped(|g| {
            for (i, (ty, _)) in params.iter().enumerate() {
                g.declare(&format!("a{i}"), ty.clone(), false);
            }
            (g.folded(2), g.folded(2), g.folded(2))
        })
    }

    /// Functions that are generic over a size or a type, with some expression inside.
    pub fn define_generic(&mut self) -> Vec<Code> {
        let inner = self.scoped(|g| {
            g.declare("x[i]", Ty::F64, false);
            g.declare("a", Ty::F64, false);
            g.declare("i", Ty::I64, false);
            g.folded(2)
        });
        vec![
            Code::block(
                "fn blend<n>(a: f64, x: [f64; n]) -> f64 {",
                vec![
                    Code::line("var s = 0.0;"),
                    Code::block("for i in 0..n {", vec![Code::line(format!("s += {inner};"))]),
                    Code::line("10.0 * sin(s / 10.0)"),
                ],
            ),
            Code::line("fn choose<T>(c: bool, a: T, b: T) -> T { if c { a } else { b } }"),
        ]
    }
}

fn head(name: &str, params: &[(Ty, bool)], result: &Ty) -> String {
    let parts: Vec<String> = params
        .iter()
        .enumerate()
        .map(|(i, (ty, inout))| format!("a{i}: {}{}", if *inout { "inout " } else { "" }, ty.text()))
        .collect();
    let changes = params.iter().any(|(_, inout)| *inout);
    let arrow = if changes { String::new() } else { format!(" -> {}", result.text()) };
    format!("fn {name}({}){arrow} {{", parts.join(", "))
}

fn case_text(case: usize, payload: &[Ty], named: bool) -> String {
    let types: Vec<String> = payload.iter().map(Ty::text).collect();
    if payload.is_empty() {
        format!("C{case},")
    } else if named {
        let fields: Vec<String> = types.iter().enumerate().map(|(i, ty)| format!("p{i}: {ty}")).collect();
        format!("C{case} {{ {} }},", fields.join(", "))
    } else {
        format!("C{case}({}),", types.join(", "))
    }
}

fn call_of(name: &str) -> String {
    format!("{name}(")
}
