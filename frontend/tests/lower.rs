//! Lowering of typed trees that are built by hand: control flow that leaves, derivatives, closures. Everything that can be
//! said in source text is tested as programs under `tests/`.

use dprog_frontend::ast::Symbol;
use dprog_frontend::lower::{Lowered, Roots, lower};
use dprog_frontend::source::{FileId, Span};
use dprog_frontend::typed::*;
use dprog_ir::entity::Entity;
use dprog_ir::interp::{CapturedHost, Interp, Limits, Val};
use dprog_ir::{Arena, CompareOp, verify};

fn span() -> Span {
    Span::new(FileId(0), 0, 1)
}

fn expr(kind: ExprKind, ty: Ty) -> Expr {
    Expr { kind, ty, span: span() }
}

fn int(x: i64) -> Expr {
    expr(ExprKind::Literal(Literal::Int(x)), Ty::I64)
}

fn num(x: f64) -> Expr {
    expr(ExprKind::Literal(Literal::Float(x)), Ty::F64)
}

fn local(i: usize, ty: Ty) -> Expr {
    expr(ExprKind::Local(LocalId::from_index(i)), ty)
}

fn binary(op: Arithmetic, a: Expr, b: Expr) -> Expr {
    let ty = a.ty.clone();
    expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
}

fn compare(op: CompareOp, a: Expr, b: Expr) -> Expr {
    expr(ExprKind::Compare(op, Box::new(a), Box::new(b)), Ty::BOOL)
}

fn assign(op: Option<Arithmetic>, to: usize, value: Expr) -> Stmt {
    let place = Place { local: LocalId::from_index(to), path: vec![], ty: value.ty.clone(), span: span() };
    Stmt::Expr(expr(ExprKind::Assign { op, place, value: Box::new(value) }, Ty::UNIT))
}

fn var(i: usize, init: Expr) -> Stmt {
    let kind = PatternKind::Binding(LocalId::from_index(i));
    Stmt::Let { pattern: Pattern { kind, ty: init.ty.clone(), span: span() }, init: Some(init) }
}

fn block(stmts: Vec<Stmt>, value: Option<Expr>) -> Expr {
    let ty = value.as_ref().map_or(Ty::UNIT, |v| v.ty.clone());
    expr(ExprKind::Block { stmts, value: value.map(Box::new) }, ty)
}

fn when(cond: Expr, then: Vec<Stmt>) -> Stmt {
    let then = block(then, None);
    Stmt::Expr(expr(ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise: None }, Ty::UNIT))
}

fn never(kind: ExprKind) -> Stmt {
    Stmt::Expr(expr(kind, Ty::Never))
}

fn returns(value: Expr) -> Stmt {
    never(ExprKind::Return(Some(Box::new(value))))
}

fn for_range(i: usize, hi: Expr, body: Vec<Stmt>) -> Stmt {
    let pattern = Pattern { kind: PatternKind::Binding(LocalId::from_index(i)), ty: Ty::I64, span: span() };
    let iter = Box::new(Iterable::Range { start: int(0), end: hi, adapters: vec![] });
    Stmt::Expr(expr(ExprKind::For { pattern, iter, body: Box::new(block(body, None)) }, Ty::UNIT))
}

/// A program of one function; local `k` is parameter `k`, the others follow.
fn program(name: &str, params: &[Ty], locals: &[Ty], body: Expr) -> Program {
    let mut program = Program::default();
    add_fn(&mut program, name, params, locals, body);
    program
}

fn add_fn(program: &mut Program, name: &str, params: &[Ty], locals: &[Ty], body: Expr) -> FnId {
    let mut table = Arena::new();
    for (i, ty) in params.iter().chain(locals).enumerate() {
        table.push(Local { name: Symbol::new(&format!("x{i}")), ty: ty.clone(), mutable: true, span: span() });
    }
    let param = |(i, ty): (usize, &Ty)| Param {
        name: Symbol::new(&format!("x{i}")),
        ty: ty.clone(),
        inout: false,
        local: LocalId::from_index(i),
        default: None,
        span: span(),
    };
    let result = body.ty.clone();
    let id = program.fns.push(FnDef {
        name: Symbol::new(name),
        display: Symbol::new(name),
        generics: vec![],
        params: params.iter().enumerate().map(param).collect(),
        result,
        computed_sizes: vec![],
        body: Some(Body { locals: table, value: body }),
        is_method: false,
        is_test: false,
        is_bench: false,
        public: false,
        span: span(),
    });
    program.root_fns.push(id);
    id
}

fn lowered(program: &Program) -> Lowered {
    let roots = Roots { fns: program.root_fns.last().copied().into_iter().collect(), ..Roots::default() };
    let lowered = lower(program, &roots).expect("no errors");
    if std::env::var("DPROG_SHOW").is_ok() {
        eprintln!("{}", lowered.module);
    }
    if let Err(errors) = verify::verify(&lowered.module) {
        let texts: Vec<String> = errors.iter().map(|e| e.render(&lowered.module)).collect();
        panic!("{}\n{}", texts.join("\n"), lowered.module);
    }
    lowered
}

fn run(program: &Program, args: &[Val]) -> Val {
    let lowered = lowered(program);
    let mut host = CapturedHost::default();
    let mut interp = Interp::new(&lowered.module, Limits::default(), &mut host);
    let mut results = interp.call(lowered.roots[0].func, args).expect("no trap");
    results.remove(0)
}

fn run_int(program: &Program, arg: i64) -> i64 {
    match run(program, &[Val::I64(arg)]) {
        Val::I64(x) => x,
        other => panic!("{other:?}"),
    }
}

/// `var s = 0; for i in 0..n { if i == 2 { continue; } if i == 5 { return s; } if i == 7 { break; } s += i; } s + 100`
fn loop_with_ways_out(limit: i64) -> Program {
    let i = || local(2, Ty::I64);
    let body = vec![
        when(compare(CompareOp::Eq, i(), int(2)), vec![never(ExprKind::Continue)]),
        when(compare(CompareOp::Eq, i(), int(limit)), vec![returns(local(1, Ty::I64))]),
        when(compare(CompareOp::Eq, i(), int(7)), vec![never(ExprKind::Break)]),
        assign(Some(Arithmetic::Add), 1, i()),
    ];
    let stmts = vec![var(1, int(0)), for_range(2, local(0, Ty::I64), body)];
    let value = binary(Arithmetic::Add, local(1, Ty::I64), int(100));
    program("f", &[Ty::I64], &[Ty::I64, Ty::I64], block(stmts, Some(value)))
}

#[test]
fn loops_are_left_where_the_source_says() {
    let returning = loop_with_ways_out(5);
    assert_eq!(run_int(&returning, 3), 101);
    assert_eq!(run_int(&returning, 50), 1 + 3 + 4);
    let breaking = loop_with_ways_out(9);
    assert_eq!(run_int(&breaking, 50), 1 + 3 + 4 + 5 + 6 + 100);
}

#[test]
fn a_return_in_an_inner_loop_leaves_the_outer_one() {
    // for i in 0..n { for j in 0..n { s += 1; if i * j == 6 { return s; } } } 0 - s
    let (i, j) = (local(2, Ty::I64), local(3, Ty::I64));
    let inner = vec![
        assign(Some(Arithmetic::Add), 1, int(1)),
        when(compare(CompareOp::Eq, binary(Arithmetic::Mul, i, j), int(6)), vec![returns(local(1, Ty::I64))]),
    ];
    let outer = for_range(2, local(0, Ty::I64), vec![for_range(3, local(0, Ty::I64), inner)]);
    let value = binary(Arithmetic::Sub, int(0), local(1, Ty::I64));
    let body = block(vec![var(1, int(0)), outer], Some(value));
    let p = program("f", &[Ty::I64], &[Ty::I64, Ty::I64, Ty::I64], body);
    assert_eq!(run_int(&p, 3), -9);
    assert_eq!(run_int(&p, 4), 2 * 4 + 4);
}

#[test]
fn an_early_return_in_a_nested_branch_skips_the_rest() {
    // if n > 0 { if n > 10 { return 1; } s = n; } s += 1; s
    let n = || local(0, Ty::I64);
    let inner = when(compare(CompareOp::Gt, n(), int(10)), vec![returns(int(1))]);
    let outer = when(compare(CompareOp::Gt, n(), int(0)), vec![inner, assign(None, 1, n())]);
    let stmts = vec![var(1, int(0)), outer, assign(Some(Arithmetic::Add), 1, int(1))];
    let p = program("f", &[Ty::I64], &[Ty::I64], block(stmts, Some(local(1, Ty::I64))));
    assert_eq!([run_int(&p, -3), run_int(&p, 4), run_int(&p, 11)], [1, 5, 1]);
}

#[test]
fn a_guard_at_the_top_needs_no_flag() {
    // if n < 0 { return 0; } n + 1
    let guard = when(compare(CompareOp::Lt, local(0, Ty::I64), int(0)), vec![returns(int(0))]);
    let value = binary(Arithmetic::Add, local(0, Ty::I64), int(1));
    let p = program("f", &[Ty::I64], &[], block(vec![guard], Some(value)));
    assert_eq!([run_int(&p, -3), run_int(&p, 4)], [0, 5]);
    let text = lowered(&p).module.to_string();
    assert!(!text.contains("true"), "{text}");
}

#[test]
fn a_gradient_of_a_gradient() {
    // f(x) = x * x * x; g = grad(f); h(x) = grad(g)(x)
    let mut p = Program::default();
    let x = || local(0, Ty::F64);
    let square = binary(Arithmetic::Mul, x(), x());
    let f = add_fn(&mut p, "f", &[Ty::F64], &[], binary(Arithmetic::Mul, square, x()));
    let fn_ty = || Ty::Fn(vec![FnParamTy { inout: false, ty: Ty::F64 }], Box::new(Ty::F64));
    let grad = |of: Expr| {
        let d = Differential { op: DiffOp::Grad, of: Box::new(of), wrt: vec![0], wrt_tuple: false, aux: false };
        expr(ExprKind::Differential(d), fn_ty())
    };
    let of_f = expr(ExprKind::FnRef(FnRef::Fn(f, vec![])), fn_ty());
    let second = grad(grad(of_f));
    let call = expr(ExprKind::CallValue { callee: Box::new(second), args: vec![CallArg::Value(x())] }, Ty::F64);
    add_fn(&mut p, "h", &[Ty::F64], &[], call);
    assert!(matches!(run(&p, &[Val::F64(3.0)]), Val::F64(y) if y == 18.0));
}

#[test]
fn a_closure_in_a_variable_is_called_through_apply() {
    // var g = |y| y * a; if a > 0.0 { g = |y| y + a; } g(2.0)
    let a = || local(0, Ty::F64);
    let fn_ty = || Ty::Fn(vec![FnParamTy { inout: false, ty: Ty::F64 }], Box::new(Ty::F64));
    let closure = |param: usize, op: Arithmetic| {
        let kind = PatternKind::Binding(LocalId::from_index(param));
        let pattern = Pattern { kind, ty: Ty::F64, span: span() };
        let params = vec![ClosureParam { pattern, inout: false, ty: Ty::F64 }];
        let body = Box::new(binary(op, local(param, Ty::F64), a()));
        let captures = vec![LocalId::from_index(0)];
        expr(ExprKind::Closure(Closure { params, body, captures, size_params: vec![] }), fn_ty())
    };
    let change = when(compare(CompareOp::Gt, a(), num(0.0)), vec![assign(None, 1, closure(3, Arithmetic::Add))]);
    let call = ExprKind::CallValue { callee: Box::new(local(1, fn_ty())), args: vec![CallArg::Value(num(2.0))] };
    let body = block(vec![var(1, closure(2, Arithmetic::Mul)), change], Some(expr(call, Ty::F64)));
    let p = program("f", &[Ty::F64], &[fn_ty(), Ty::F64, Ty::F64], body);
    assert!(matches!(run(&p, &[Val::F64(3.0)]), Val::F64(y) if y == 5.0));
    assert!(matches!(run(&p, &[Val::F64(-3.0)]), Val::F64(y) if y == -6.0));
}
