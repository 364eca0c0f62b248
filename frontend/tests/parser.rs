//! The tree of every construct, as an S-expression.

use dprog_frontend::ast::{ItemKind, NodeIds, dump_item, dump_module};
use dprog_frontend::parser::parse_file;
use dprog_frontend::source::FileId;

/// The tree of a file without mistakes.
fn items(text: &str) -> String {
    let (module, problems) = parse_file(FileId(0), text, &mut NodeIds::new());
    assert_eq!(problems, [], "{text}");
    dump_module(&module)
}

fn item(text: &str) -> String {
    items(text).trim_end().to_string()
}

/// The tree of an expression, read as the value of a function.
fn expr(text: &str) -> String {
    let whole = item(&format!("fn f() {{ {text} }}"));
    let inside = whole.strip_prefix("(fn f (do (value ").and_then(|s| s.strip_suffix(")))"));
    inside.unwrap_or_else(|| panic!("{whole}")).to_string()
}

/// The tree of statements.
fn body(text: &str) -> String {
    let whole = item(&format!("fn f() {{ {text} }}"));
    whole.strip_prefix("(fn f (do ").and_then(|s| s.strip_suffix("))")).expect("a body").to_string()
}

#[test]
fn operators_bind_as_the_language_says() {
    assert_eq!(expr("-x as i64"), "(as (- x) i64)");
    assert_eq!(expr("a + b * c as f64"), "(+ a (* b (as c f64)))");
    assert_eq!(expr("a - b - c"), "(- (- a b) c)");
    assert_eq!(expr("w @ x + b"), "(+ (@ w x) b)");
    assert_eq!(expr("a | b ^ c & d << e + f * g"), "(| a (^ b (& c (<< d (+ e (* f g))))))");
    assert_eq!(expr("a & b == c"), "(== (& a b) c)");
    assert_eq!(expr("a || b && c < d"), "(|| a (&& b (< c d)))");
    assert_eq!(expr("0..n - 1"), "(.. 0 (- n 1))");
    assert_eq!(expr("(a < b) == (c < d)"), "(== (< a b) (< c d))");
    assert_eq!(expr("!a && -b.c(d)[i] > 0.0"), "(&& (! a) (> (- (index (.c b d) i)) 0.0))");
    assert_eq!(expr("a * b + c * d"), "(+ (* a b) (* c d))");
    assert_eq!(expr("x as i64 < y"), "(< (as x i64) y)");
    assert_eq!(expr("x >> 2 >= y"), "(>= (>> x 2) y)");
}

#[test]
fn literals() {
    assert_eq!(expr("1_000 + 0xff"), "(+ 1000 255)");
    assert_eq!(expr("1e6"), "1000000.0");
    assert_eq!(expr("t.0.1"), "(field (field t 0) 1)");
    assert_eq!(expr("true"), "true");
    assert_eq!(expr(r#""a{{b}}\n""#), r#"(str "a{b}\n")"#);
    assert_eq!(
        expr(r#""y = {y}, {v:.6} {f("k", axis: 0):>8}""#),
        r#"(str "y = " y ", " (format v precision=6) " " (format (call f (str "k") (axis: 0)) ' 'Right width=8))"#
    );
    assert_eq!(expr(r#""{x:*^+012.3e}""#), r#"(str (format x '*'Center plus zero exp width=12 precision=3))"#);
    assert_eq!(expr("()"), "(tuple)");
    assert_eq!(expr("(a,)"), "(tuple a)");
    assert_eq!(expr("((a, b), c)"), "(tuple (tuple a b) c)");
}

#[test]
fn less_than_or_generic_arguments() {
    assert_eq!(expr("a < b"), "(< a b)");
    assert_eq!(expr("f(a < b, c > (d))"), "(call f (< a b) (> c d))");
    assert_eq!(expr("List<f64>::new()"), "(call List<(f64)>::new)");
    assert_eq!(expr("Mlp<64, 32, 10>::init(&rng)"), "(call Mlp<((size 64) (size 32) (size 10))>::init (& rng))");
    assert_eq!(expr("lib::score<Log>(4, arcs, 3)"), "(call lib::score<(Log)> 4 arcs 3)");
    assert_eq!(
        expr("Net<n + 1, [f64; 3], List<List<f64>>> { w }"),
        "(struct Net<((size (+ n 1)) (type (array f64 3)) (type List<((type List<(f64)>))>))> (w: w))"
    );
    let generic = items("fn score<S, n>() {} fn g() { f(score<Log, 3>); self.score<2>(x); count < n }");
    assert!(generic.contains("(call f score<(Log (size 3))>)"), "{generic}");
    assert!(generic.contains("(.score (< (size 2)) self x)"), "{generic}");
    assert!(generic.contains("(value (< count n))"), "{generic}");
    assert!(items("use a::g; fn f() { g<3>(x) }").contains("(call g<((size 3))> x)"));
    assert_eq!(body("let i = 0; if i < n { g() }"), "(let i 0) (value (if (< i n) (do (value (call g)))))");
    assert_eq!(expr("x.count < n && m > (k)"), "(&& (< (field x count) n) (> m k))");
}

#[test]
fn arrays() {
    assert_eq!(expr("[1.0, 2.0,]"), "(array 1.0 2.0)");
    assert_eq!(expr("[]"), "(array)");
    assert_eq!(expr("[0.0; n, 2 * m]"), "(fill 0.0 n (* 2 m))");
    assert_eq!(expr("[f(i, j) for i in 0..n, j in 0..m]"), "(each (call f i j) (in i (.. 0 n)) (in j (.. 0 m)))");
    assert_eq!(expr("x[i, :]"), "(index x i :)");
    assert_eq!(expr("x[a..b, ..c, d.., .., -1]"), "(index x (.. a b) (.. _ c) (.. d _) (.. _ _) (- 1))");
    assert_eq!(expr("x as [f64; n, 64]"), "(as x (array f64 n 64))");
    assert_eq!(expr("a[i][j]"), "(index (index a i) j)");
}

#[test]
fn calls_and_closures() {
    assert_eq!(expr("grad(f, wrt: (x, y))(a, &b)"), "(call (call grad f (wrt: (tuple x y))) a (& b))");
    assert_eq!(expr("(s.act)(x)"), "(call (field s act) x)");
    assert_eq!(expr("s.act(x)?"), "(? (.act s x))");
    assert_eq!(expr("|x| a * x + b"), "(closure (x) (+ (* a x) b))");
    assert_eq!(expr("|x: f64, (a, b)| -> f64 { x }"), "(closure ((: x f64) (tuple a b)) (-> f64) (do (value x)))");
    assert_eq!(expr("|| 1.0"), "(closure () 1.0)");
    assert_eq!(expr("|r: inout Rng| y += 1.0"), "(closure ((: inout r Rng)) (+= y 1.0))");
    assert_eq!(
        expr("fixed_point(|z| tanh(w @ z + x), z0, tol: 1e-9)"),
        "(call fixed_point (closure (z) (call tanh (+ (@ w z) x))) z0 (tol: 1e-9))"
    );
    assert_eq!(expr("model.param(state, step: rev)"), "(.param model state (step: rev))");
}

#[test]
fn control() {
    assert_eq!(
        expr("if a { 1 } else if b { 2 } else { 3 }"),
        "(if a (do (value 1)) (if b (do (value 2)) (do (value 3))))"
    );
    assert_eq!(
        expr("if let Some(x) = y { x } else { 0 }"),
        "(if-let y (=> (case Some x) (do (value x))) (=> _ (do (value 0))))"
    );
    assert_eq!(
        expr("while let Some(x) = y { g(x); }"),
        "(loop (do (value (while-let y (=> (case Some x) (do (call g x))) (=> _ break)))))"
    );
    assert_eq!(
        body("for i in (a..b).step(2).rev() { s += i; } s"),
        "(for i (.rev (.step (.. a b) 2)) (do (+= s i))) (value s)"
    );
    assert_eq!(
        expr("par for i in 0..n reduce(+: s, max: m) { }"),
        "(par-for i (.. 0 n) (reduce add s) (reduce max m) (do))"
    );
    assert_eq!(
        expr("@checkpoint(snapshots: 100) for t in 0..steps {}"),
        "(for (@checkpoint (snapshots: 100)) t (.. 0 steps) (do))"
    );
    assert_eq!(expr("@checkpoint while a {}"), "(while (@checkpoint) a (do))");
    assert_eq!(
        body("loop { if a { break; } continue } return x;"),
        "(loop (do (if a (do break)) (value continue))) (return x)"
    );
    assert_eq!(body("if a { b } -c"), "(if a (do (value b))) (value (- c))");
    assert_eq!(body("match a { _ => 1 }.abs() + 2"), "(value (+ (.abs (match a (=> _ 1))) 2))");
}

#[test]
fn matches_and_patterns() {
    assert_eq!(
        expr(
            "match s { Circle(r) if r > 0.0 => r, Shape::Rect { w, h: 1.0, .. } => { w } -1 | 2 => return x, Empty => y = 1, _ => 0 }"
        ),
        "(match s (=> (case Circle r) (if (> r 0.0)) r) (=> (case Shape::Rect (w: w) (h: 1.0) ..) (do (value w))) \
         (=> (| (- 1) 2) (return x)) (=> (case Empty) (= y 1)) (=> _ 0))"
    );
    assert_eq!(
        expr(r#"match s { "a" => 1, (x, (y, _)) => 2 }"#),
        r#"(match s (=> "a" 1) (=> (tuple x (tuple y _)) 2))"#
    );
    assert_eq!(body("let (a, b): (f64, f64) = c;"), "(let (tuple a b) (: (tuple f64 f64)) c)");
    assert_eq!(expr("match x { Foo => P { a: 1 }, }"), "(match x (=> (case Foo) (struct P (a: 1))))");
}

#[test]
fn statements() {
    assert_eq!(
        body("let x = 1; var y: f64 = 2.0; x; y[0] += x; p.q = 3"),
        "(let x 1) (var y (: f64) 2.0) x (+= (index y 0) x) (value (= (field p q) 3))"
    );
    assert_eq!(body("fn g() {} const N: i64 = 3; g()"), "(fn g (do)) (const N i64 3) (value (call g))");
    assert_eq!(body("if a == (P { x: 1 }) { }"), "(value (if (== a (struct P (x: 1))) (do)))");
    assert_eq!(body("{ 1 } ; { 2 }"), "(do (value 1)) (value (do (value 2)))");
}

#[test]
fn functions() {
    assert_eq!(
        item("/// y += a x\nfn axpy<n>(a: f64, y: inout [f64; n], tol: f64 = 1e-9) -> [f64; some k] { }"),
        r#"(item "y += a x" (fn axpy (generic n) (a f64) (y inout (array f64 n)) (tol f64 (= 1e-9)) (-> (array f64 (some k))) (do)))"#
    );
    assert_eq!(item("extern fn gamma(x: f64) -> f64;"), "(extern-fn gamma (x f64) (-> f64))");
    assert_eq!(item("pub export fn f() {}"), "(item pub (export-fn f (do)))");
    assert_eq!(item("@test @checkpoint(n: 1) fn t() {}"), "(item (@test) (@checkpoint (n: 1)) (fn t (do)))");
    assert_eq!(
        item("fn f(g: fn(f64, inout [f64; n]) -> fn() -> i64, s: a::B<n, 3>) {}"),
        "(fn f (g (fn f64 inout (array f64 n) (-> (fn (-> i64))))) (s a::B<(n (size 3))>) (do))"
    );
    assert_eq!(item("fn f<S: A + B, T>() {}"), "(fn f (generic (S A B) T) (do))");
}

#[test]
fn declarations() {
    assert_eq!(item("use a::{b, c::{d as e}, f};"), "(use a::b a::c::d as e a::f)");
    assert_eq!(item("const EPS: f64 = 1e-12;"), "(const EPS f64 1e-12)");
    assert_eq!(item("type Vec<n> = [f64; n];"), "(type Vec (generic n) (array f64 n))");
    assert_eq!(item("struct Point {\n/// first\nx: f64, y: f64 }"), r#"(struct Point (x "first" f64) (y f64))"#);
    assert_eq!(item("struct Log;"), "(struct Log)");
    assert_eq!(
        item("enum Tree<T> { Leaf(T), Node(Tree<T>, Tree<T>), Rect { w: f64 }, Empty }"),
        "(enum Tree (generic T) (Leaf T) (Node Tree<(T)> Tree<(T)>) (Rect (fields (w f64))) (Empty))"
    );
    assert_eq!(
        item("trait A: B { fn zero() -> Self; fn g(self) {} }"),
        "(trait A (bound B) (fn zero (-> Self)) (fn g self (do)))"
    );
    assert_eq!(
        item("impl<n> A for Spring<n> { pub fn f(inout self, x: f64) {} }"),
        "(impl (generic n) (trait A) Spring<(n)> (item pub (fn f inout-self (x f64) (do))))"
    );
    assert_eq!(
        item("derivative a::clip { primal(x) { } vjp(x, y, (a, b), seed) { seed } }"),
        "(derivative a::clip (primal (x) (do)) (vjp (x y (tuple a b) seed) (do (value seed))))"
    );
    assert_eq!(item("export g = value_and_grad(f);"), "(export g (call value_and_grad f))");
}

#[test]
fn models() {
    assert_eq!(
        item(
            "model Mlp<i, o> { param w: [f32; o, i] = he(), state seen: i64 = 0, rate: f64, param: i64,\n fn f(self) -> f64 { 1.0 } }"
        ),
        "(model Mlp (generic i o) (param (w (array f32 o i) (call he))) (state (seen i64 0)) (plain (rate f64)) \
         (plain (param i64)) (fn f self (-> f64) (do (value 1.0))))"
    );
}

#[test]
fn words_that_are_names_elsewhere() {
    for word in
        "param state step rev reduce wrt jvp vjp primal axis some from to model derivative export par".split(' ')
    {
        assert_eq!(
            body(&format!("let {word} = {word} + 1; {word}.{word}")),
            format!("(let {word} (+ {word} 1)) (value (field {word} {word}))")
        );
    }
}

#[test]
fn nodes_have_identities_of_their_own_in_all_files() {
    let mut ids = NodeIds::new();
    let (first, _) = parse_file(FileId(0), "fn f() { 1 }", &mut ids);
    let (second, _) = parse_file(FileId(1), "fn f() { 1 }", &mut ids);
    assert!(first.items[0].id < second.items[0].id);
    assert_eq!(dump_item(&first.items[0]), dump_item(&second.items[0]));
    assert!(matches!(&first.items[0].kind, ItemKind::Fn(f) if f.name.as_str() == "f"));
}
