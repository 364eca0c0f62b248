//! Function values: which are known when the program is compiled, and how many instances they cost.

use dprog_frontend::check::check_program;
use dprog_frontend::lower::{Roots, lower};
use dprog_frontend::resolve::{Found, Loader};
use dprog_frontend::source::SourceMap;
use dprog_ir::module::NodeKind;
use dprog_ir::{Module, Op, verify};

struct Nowhere;

impl Loader for Nowhere {
    fn find(&self, _: &str, _: &str) -> Option<Found> {
        None
    }
}

/// The module of a program's last function.
fn module(text: &str) -> Module {
    let mut sources = SourceMap::new();
    let root = sources.add("test.dp", text);
    let (program, problems) = check_program(root, &mut sources, &Nowhere);
    assert!(problems.is_empty(), "{problems:?}");
    let roots = Roots { fns: program.root_fns.last().into_iter().copied().collect(), ..Roots::default() };
    let module = lower(&program, &roots).expect("no errors").module;
    if let Err(errors) = verify::verify(&module) {
        let texts: Vec<String> = errors.iter().map(|e| e.render(&module)).collect();
        panic!("{}\n{module}", texts.join("\n"));
    }
    module
}

/// Instructions that make a function a value at run time.
fn made_nodes(module: &Module) -> usize {
    let insts = module.funcs.values().flat_map(|f| f.insts.values());
    let is_function = |op: &Op| matches!(op, Op::NodeNew { node, .. } if module.nodes[*node].kind == NodeKind::Closure);
    insts.filter(|inst| is_function(&inst.op)).count()
}

fn instances(module: &Module, name: &str) -> usize {
    let is_instance = |f: &str| f == name || f.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    let numbered = |f: &str| f.split('.').skip(1).all(|part| part.parse::<u32>().is_ok());
    module.funcs.values().filter(|f| is_instance(&f.name) && numbered(&f.name)).count()
}

const NEWTON: &str = "
fn newton(f: fn(f64) -> f64, x0: f64) -> f64 { var x = x0; for i in 0..9 { x = x - f(x) / grad(f)(x); } x }
";
const COMPOSE: &str = "
fn compose(f: fn(f64) -> f64, g: fn(f64) -> f64) -> fn(f64) -> f64 { |x| f(g(x)) }
";

#[test]
fn a_function_that_is_passed_is_called_directly() {
    let text = format!(
        "{NEWTON} fn f(a: f64) -> f64 {{ let g = |x: f64| x * x - a; newton(g, 1.0) + newton(|x: f64| x - a, a) }}"
    );
    let module = module(&text);
    assert_eq!(made_nodes(&module), 0, "{module}");
    assert_eq!(instances(&module, "newton"), 2, "{module}");
}

#[test]
fn the_same_function_twice_is_one_instance() {
    let text = format!("{NEWTON} fn f(a: f64) -> f64 {{ let g = |x: f64| x - a; newton(g, 1.0) + newton(g, 2.0) }}");
    assert_eq!(instances(&module(&text), "newton"), 1);
}

#[test]
fn functions_that_functions_give_are_known() {
    let text = format!(
        "{COMPOSE} fn f(a: f64) -> f64 {{ let h = compose(compose(sin, |x| x * a), grad(|x: f64| x * a)); h(1.0) + grad(h)(a) }}"
    );
    let module = module(&text);
    assert_eq!(made_nodes(&module), 0, "{module}");
}

#[test]
fn a_pullback_that_is_called_where_it_was_made_is_known() {
    let module =
        module("fn f(a: f64) -> f64 { let (v, back) = pullback(|x: f64| x * a)(2.0); v * back(a) + back(1.0) }");
    assert_eq!(made_nodes(&module), 0, "{module}");
}

#[test]
fn fields_of_structs_and_tuples_are_known() {
    let module = module(
        "struct Net { act: fn(f64) -> f64, k: f64 }
         impl Net { fn run(self, x: f64) -> f64 { (self.act)(x) * self.k } }
         fn f(a: f64) -> f64 {
             let (g, h) = (|x: f64| x * a, sin);
             Net { act: |x| g(h(x)), k: a }.run(a)
         }",
    );
    assert_eq!(made_nodes(&module), 0, "{module}");
}

#[test]
fn what_data_chooses_is_a_node() {
    let module = module("fn f(a: f64) -> f64 { let g = if a > 0.0 { |x: f64| x * a } else { |x: f64| x }; g(a) }");
    assert_eq!(made_nodes(&module), 2, "{module}");
}

#[test]
fn a_recursion_that_wraps_its_function_has_few_instances() {
    let module = module(
        "fn pile(f: fn(f64) -> f64, n: i64, x: f64) -> f64 {
             if n == 0 { f(x) } else { pile(|t: f64| f(t) + t, n - 1, x) }
         }
         fn f(a: f64) -> f64 { pile(|x: f64| x * a, 99, a) }",
    );
    assert!(instances(&module, "pile") < 20, "{module}");
}

#[test]
fn a_recursion_that_gives_a_function_ends() {
    let module = module(
        "fn twice(f: fn(f64) -> f64, n: i64) -> fn(f64) -> f64 { if n == 0 { f } else { twice(|x| f(f(x)), n - 1) } }
         fn f(a: f64) -> f64 { twice(|x: f64| x * a, 3)(a) }",
    );
    assert!(instances(&module, "twice") < 40, "{module}");
}
