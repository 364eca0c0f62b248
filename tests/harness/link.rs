//! What is made of objects: executables, libraries, code for other machines, and what debuggers see of it. The system's own tools are
//! the witnesses; `.ci/run` installs them, and where they are missing a test says that it was skipped (not in CI, where it fails).

mod desk;

use desk::{Desk, Done};
use std::process::Command;

/// Runs a tool; `None`, and a line that says so, if it is not there.
fn tool(desk: &Desk, name: &str, args: &[&str]) -> Option<Done> {
    match Command::new(name).args(args).current_dir(desk.path("")).output() {
        Ok(output) => Some(Done::new(output)),
        Err(error) if std::env::var_os("CI").is_some() => panic!("`{name}` must be there in CI: {error}"),
        Err(_) => {
            eprintln!("SKIPPED: there is no `{name}` on this machine; .ci/run installs it with apt-get");
            None
        }
    }
}

/// Builds an executable and runs it.
fn built(desk: &Desk, source: &str, options: &[&str], args: &[&str]) -> Done {
    let build: Vec<&str> = ["build", "--emit", "exe", "-o", "program", source].iter().chain(options).copied().collect();
    desk.run(&build).is(0);
    Done::new(Command::new(desk.path("program")).args(args).current_dir(desk.path("")).output().expect("it starts"))
}

// ---- executables ----

const WORDS: &str = r#"
use std::io::{args, exit, parse_i64};

enum Tree { Leaf(f64), Node(Tree, Tree) }

fn total(t: Tree) -> f64 { match t { Leaf(x) => x * x, Node(a, b) => total(a) + total(b) } }

fn depth(n: i64, x: f64) -> f64 { if n == 0 { x } else { sin(depth(n - 1, x)) } }

fn main() {
    let given = args();
    for word in given { print("<{word}>"); }
    let tree = Tree::Node(Tree::Leaf(1.5), Tree::Node(Tree::Leaf(2.0), Tree::Leaf(-1.0)));
    print("{value_and_grad(total)(tree).0} {grad(|x: f64| depth(100000, x))(0.5):e}");
    eprint("to standard error");
    if given.len() > 1 {
        match parse_i64(given[1]) { Some(status) => exit(status), None => {} }
    }
    let xs = [1.0, 2.0, 3.0];
    print("{xs[given.len() + 2]}");
}
"#;

#[test]
fn an_executable_behaves_like_run() {
    let desk = Desk::new(&[("words.dp", WORDS)]);
    for level in ["-O0", "-O2"] {
        for args in [&[][..], &["a b", "7"], &["ä", "300"], &["x", "y", "z"]] {
            let run: Vec<&str> = ["run", level, "words.dp"].iter().chain(args).copied().collect();
            let expected = desk.run(&run);
            assert_eq!(built(&desk, "words.dp", &[level], args), expected, "{level} {args:?}");
        }
    }
}

#[test]
fn an_executable_keeps_the_limits_it_was_built_with() {
    let source = "fn f(n: i64) -> i64 { if n == 0 { 0 } else { 1 + f(n - 1) } }\nfn main() {\n    var xs = List<f64>::new();\n    print(\"{f(500)}\");\n    while xs.len() >= 0 { xs.push(1.0); }\n    print(\"{xs.len()}\");\n}\n";
    let desk = Desk::new(&[("a.dp", source)]);
    built(&desk, "a.dp", &["--max-depth", "100"], &[]).is(3).says("trap: recursion deeper than 100 calls");
    let done = built(&desk, "a.dp", &["--max-memory", "1M"], &[]);
    assert_eq!(done.is(3).out, "500\n");
    done.says("trap: more memory needed than the limit of 1048576 bytes\n  --> a.dp:5:");
}

#[test]
fn an_executable_depends_on_libc_alone() {
    let desk = Desk::new(&[("words.dp", WORDS)]);
    desk.run(&["build", "--emit", "exe", "words.dp"]).is(0);
    let Some(done) = tool(&desk, "ldd", &["./words"]) else { return };
    let names: Vec<&str> = done.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let known =
        |name: &&str| name.starts_with("linux-vdso") || name.starts_with("libc.so") || name.contains("/ld-linux");
    assert!(names.len() >= 2 && names.iter().all(|name| known(name)), "{}", done.out);
}

#[test]
fn control_c_ends_an_executable_with_130() {
    let source = "fn main() {\n    print(\"begun\");\n    var x = 0.0;\n    while x < 1e300 { x += 1.0; }\n    print(\"{x}\");\n}\n";
    let desk = Desk::new(&[("a.dp", source)]);
    desk.run(&["build", "--emit", "exe", "a.dp"]).is(0);
    let mut child = Command::new(desk.path("a")).stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut first = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut first).expect("it prints");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn without_a_linker_the_status_is_four() {
    let desk = Desk::new(&[("a.dp", "fn main() {}\n")]);
    let done = desk.command(&["build", "--emit", "exe", "a.dp"]).env("CC", "no-such-compiler").output();
    Done::new(done.expect("it starts")).is(4).says("no linker found: `no-such-compiler` is not there");
}

#[test]
fn the_same_input_gives_the_same_bytes_in_any_folder() {
    let texts = [("a.dp", WORDS), ("b.dp", "fn main() { print(\"{grad(exp)(1.0)}\"); }\n")];
    let outputs = [Desk::new(&texts), Desk::new(&texts)].map(|desk| {
        ["a", "b"].map(|name| {
            desk.run(&["build", "--emit", "exe", &format!("{name}.dp")]).is(0);
            std::fs::read(desk.path(name)).expect("it was built")
        })
    });
    assert!(outputs[0] == outputs[1]);
}

#[test]
fn make_learns_which_files_were_read() {
    let desk = Desk::new(&[
        ("my main.dp", "use std::io::args;\nuse part::f;\nfn main() { print(\"{f(1.0)}{args().len()}\"); }\n"),
        ("part.dp", "pub fn f(x: f64) -> f64 { x }\n"),
    ]);
    desk.run(&["build", "-MD", "--emit", "exe", "-o", "out", "my main.dp"]).is(0);
    let list = std::fs::read_to_string(desk.path("my main.d")).expect("a list");
    assert_eq!(list, "out: my\\ main.dp part.dp\npart.dp:\n");
}

// ---- debuggers ----

const HILL: &str = "fn height(x: f64, y: f64) -> f64 {
    let a = sin(x);
    let b = a * y;
    b * b + x
}

fn main() {
    var s = 0.0;
    for k in 0..3 {
        let (u, v) = grad(height, wrt: (x, y))(k as f64, 0.5);
        s += u + v + height(s, 0.25);
    }
    print(\"{s:.6}\");
}
";

#[test]
fn gdb_stops_at_a_line_of_the_primal_and_of_the_adjoint() {
    let desk = Desk::new(&[("hill.dp", HILL)]);
    desk.run(&["build", "-g", "-O0", "--emit", "exe", "hill.dp"]).is(0);
    let commands =
        ["break hill.dp:3", "run", "bt", "continue", "bt", "continue", "bt", "info line 3", "info breakpoints"];
    let mut args = vec!["-nx", "-batch"];
    args.extend(commands.iter().flat_map(|command| ["-ex", command]));
    args.push("./hill");
    let Some(done) = tool(&desk, "gdb", &args) else { return };
    let text = &done.out;
    assert!(text.matches("hill.dp:3").count() >= 3, "{text}");
    // The primal, inlined or not, and its adjoint; both are called by main.
    for expected in [
        "#0  height () at hill.dp:3",
        "#0  height.vjp () at hill.dp:3",
        "main () at hill.dp:10",
        "main () at hill.dp:11",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// Profilers go by the table of symbols.
#[test]
fn functions_have_names_without_g() {
    let desk = Desk::new(&[("hill.dp", HILL)]);
    desk.run(&["build", "-O0", "--emit", "exe", "hill.dp"]).is(0);
    let Some(done) = tool(&desk, "nm", &["./hill"]) else { return };
    assert!(done.out.contains(" t dp.height.vjp\n") && done.out.contains(" t dp.main\n"), "{}", done.out);
}

/// Position-independent programs are linked of such objects without a warning, and calls from C are in the backtrace.
#[test]
fn gdb_shows_the_calls_from_c() {
    let main = "#include \"right.h\"\nint main(void) {\n    double x[2] = {1, 2}, v, g[2];\n    return pick_gradient(2, x, 1, &v, g);\n}\n";
    let desk = Desk::new(&[("right.dp", RIGHT), ("main.c", main)]);
    desk.run(&["build", "-g", "--emit", "staticlib,header", "right.dp"]).is(0);
    let Some(done) = tool(&desk, "cc", &["-g", "main.c", "libright.a", "-o", "main"]) else { return };
    assert_eq!(done.is(0).err, "");
    let Some(done) =
        tool(&desk, "gdb", &["-nx", "-batch", "-ex", "break right.dp:1", "-ex", "run", "-ex", "bt", "./main"])
    else {
        return;
    };
    assert!(done.out.contains("right.dp:1") && done.out.contains("main () at main.c:4"), "{}", done.out);
}

/// Loops with elementary functions are functions of their own, compiled apart: the calls around them are in the backtrace.
#[test]
fn gdb_sees_who_calls_a_kernel() {
    let soft = "export fn soft<n>(x: [f64; n]) -> f64 { sum(exp(x) * tanh(x)) }\n";
    let main = "#include \"soft.h\"\nint main(void) {\n    double x[40] = {0.5}, v;\n    return soft(40, x, &v);\n}\n";
    let desk = Desk::new(&[("soft.dp", soft), ("main.c", main)]);
    desk.run(&["build", "-g", "--emit", "obj,header", "soft.dp"]).is(0);
    let Some(done) = tool(&desk, "cc", &["-g", "main.c", "soft.o", "-o", "main"]) else { return };
    assert_eq!(done.is(0).err, "");
    let commands = ["-nx", "-batch", "-ex", "rbreak soft.*kernel", "-ex", "run", "-ex", "bt", "./main"];
    let Some(done) = tool(&desk, "gdb", &commands) else { return };
    assert!(done.out.contains("#0  soft.kernel () at soft.dp:1"), "{}", done.out);
    assert!(done.out.contains("main () at main.c:4"), "{}", done.out);
    // Whichever instruction it is at.
    desk.put("steps", b"set $n = 0\nwhile $n < 300\nstepi\nbt\nset $n = $n + 1\nend\n");
    let commands =
        ["-nx", "-batch", "-ex", "rbreak soft.*kernel", "-ex", "run", "-ex", "delete", "-x", "steps", "./main"];
    let Some(done) = tool(&desk, "gdb", &commands) else { return };
    let (inside, outside) = (done.out.matches("\n#0 ").count(), done.out.matches("main () at main.c:4").count());
    assert!(inside >= 300 && outside == inside, "{inside} backtraces, {outside} with main\n{}", done.out);
}

// ---- libraries ----

/// Needs the runtime: products of matrices, and text.
const LEFT: &str = "/// The first element of the square.
export fn corner<n>(a: [f64; n, n]) -> f64 {
    let b = a @ a;
    if b[0, 0] < 0.0 { trap(\"a corner of {b[0, 0]}\"); }
    b[0, 0]
}
export corner_gradient = value_and_grad(corner);
";

/// Needs none.
const RIGHT: &str = "export fn pick<n>(x: [f64; n], i: i64) -> f64 { x[i] * x[i] }
export pick_gradient = value_and_grad(pick);
";

const BOTH: &str = r#"
#include "left.h"
#include "right.h"
#include <stdio.h>
int main(void) {
    double a[4] = {1, 2, 3, 4}, i[4] = {0, 1, -1, 0}, x[2] = {3, 5}, value, g[4];
    int status = corner_gradient(2, a, &value, g);
    printf("%d %g %g %g %g %g\n", status, value, g[0], g[1], g[2], g[3]);
    status = pick_gradient(2, x, 1, &value, g);
    printf("%d %g %g %g\n", status, value, g[0], g[1]);
    printf("%d ", pick(2, x, 2, &value));
    printf("%s\n", dprog_last_error());
    printf("%d ", corner(2, i, &value));
    printf("%s\n", dprog_last_error());
    printf("%d ", pick(2, x, -1, &value));
    printf("%s\n", dprog_last_error());
    status = pick(2, x, 0, &value);
    printf("%d %g\n", status, value);
    return 0;
}
"#;

const BOTH_SAY: &str = "0 7 2 3 2 0
0 25 0 10
2 trap: index 2 is out of bounds for size 2
  --> right.dp:1:49 in pick
1 trap: a corner of -1.0
  --> left.dp:4:24 in corner
2 trap: index -1 is out of bounds for size 2
  --> right.dp:1:49 in pick
0 9
";

#[test]
fn two_libraries_meet_in_one_program() {
    let desk = Desk::new(&[("left.dp", LEFT), ("right.dp", RIGHT), ("both.c", BOTH)]);
    for source in ["left.dp", "right.dp"] {
        desk.run(&["build", "--emit", "staticlib,sharedlib,header", source]).is(0);
    }
    for libraries in [["libleft.a", "libright.a"], ["libright.a", "libleft.a"], ["./libleft.so", "./libright.so"]] {
        let args = ["both.c", "-Wall", "-Wextra", "-Werror", "-o", "both", libraries[0], libraries[1], "-Wl,-rpath,."];
        let Some(done) = tool(&desk, "cc", &args) else { return };
        done.is(0);
        let done = tool(&desk, "./both", &[]).expect("it was just made");
        assert_eq!(done.is(0).out, BOTH_SAY, "{libraries:?}");
    }
}

#[test]
fn several_sources_become_one_library() {
    let desk = Desk::new(&[("left.dp", LEFT), ("right.dp", RIGHT), ("both.c", BOTH)]);
    desk.run(&["build", "--emit", "header", "left.dp", "right.dp"]).is(0);
    desk.run(&["build", "--emit", "staticlib", "-o", "liball.a", "left.dp", "right.dp"]).is(0);
    let Some(done) = tool(&desk, "cc", &["both.c", "-o", "both", "liball.a"]) else { return };
    done.is(0);
    assert_eq!(tool(&desk, "./both", &[]).expect("it was just made").out, BOTH_SAY);
}

/// The names that a file defines for others.
fn visible(desk: &Desk, args: &[&str]) -> Option<Vec<String>> {
    let done = tool(desk, "nm", args)?;
    let names = done.is(0).out.lines().filter_map(|line| line.rsplit(' ').next().filter(|_| line.contains(' ')));
    Some(names.map(str::to_string).collect())
}

#[test]
fn libraries_show_their_exports_and_nothing_else() {
    let desk = Desk::new(&[("left.dp", LEFT)]);
    desk.run(&["build", "--emit", "staticlib,sharedlib", "left.dp"]).is(0);
    for args in [&["-g", "--defined-only", "libleft.a"][..], &["-D", "--defined-only", "libleft.so"]] {
        let Some(names) = visible(&desk, args) else { return };
        assert!(names.iter().any(|name| name == "corner_gradient"), "{names:?}");
        let known = |name: &String| {
            name.starts_with("corner")
                || name.starts_with("dprog_abi_")
                || name == "dprog_last_error"
                || name == "dprog_rt_set_last_error"
        };
        assert!(names.iter().all(known), "{names:?}");
    }
}

#[test]
fn libraries_are_the_same_bytes_in_any_folder() {
    let outputs = [Desk::new(&[("left.dp", LEFT)]), Desk::new(&[("left.dp", LEFT)])].map(|desk| {
        let source = desk.path("left.dp").display().to_string();
        // By its whole path, as build systems do it.
        desk.run(&["build", "--emit", "obj,header,staticlib,sharedlib", &source]).is(0);
        ["left.o", "left.h", "libleft.a", "libleft.so"]
            .map(|name| std::fs::read(desk.path(name)).expect("it was built"))
    });
    for (i, (a, b)) in outputs[0].iter().zip(&outputs[1]).enumerate() {
        assert!(a == b, "output {i}");
    }
}

// ---- other machines ----

const KERNEL: &str = "fn wave<n>(x: [f64; n], y: [f64; n]) -> f64 {
    var u = 0.5;
    var total = 0.0;
    for i in 0..n {
        u = sqrt(abs(u * x[i] + 0.1 * i as f64) + 0.5) - y[i] / (1.0 + u * u);
        if u > 1.25 { u = u * 0.75 - 1.0 / 3.0; }
        total += u * y[(i + n - 1) % n] + exp(sin(x[i])) * tanh(u) - log(1.0 + y[i] * y[i]);
    }
    total
}
export wave_gradient = value_and_grad(wave, wrt: (x, y));

fn newton(a: f64) -> f64 {
    var x = max(a, 1.0);
    while abs(x * x - a) > 1e-12 * a { x = 0.5 * (x + a / x); }
    x
}
export newton_slope = value_and_grad(newton);
export newton_curvature = grad(grad(newton));
";

/// Prints bits; what C computes here is exact.
const BITS: &str = r#"#include "kernel.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
static void show(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    printf("%016" PRIx64 "\n", bits);
}
int main(void) {
    double x[5], y[5], value, slope, x_grad[5], y_grad[5];
    for (int k = 0; k < 40; k++) {
        for (int i = 0; i < 5; i++) {
            x[i] = (k - 20) * 0.125 + i * 0.375;
            y[i] = (i - 2) * 0.75 - k * 0.0625;
        }
        if (wave_gradient(5, x, y, &value, x_grad, y_grad)) return 1;
        show(value);
        for (int i = 0; i < 5; i++) show(x_grad[i]);
        for (int i = 0; i < 5; i++) show(y_grad[i]);
        if (newton_slope(k + 0.25, &value, &slope)) return 1;
        show(value);
        show(slope);
        if (newton_curvature(k + 0.25, &slope)) return 1;
        show(slope);
    }
    printf("%d ", wave_gradient(-1, x, y, &value, x_grad, y_grad));
    printf("%s\n", dprog_last_error());
    return 0;
}
"#;

/// Builds the kernel for a machine, links it with that machine's compiler and runs it there or in an emulator.
fn bits_on(options: &[&str], compiler: &str, emulator: Option<&str>) -> Option<String> {
    let desk = Desk::new(&[("kernel.dp", KERNEL), ("bits.c", BITS)]);
    desk.run(&[&["build", "kernel.dp"], options].concat()).is(0);
    tool(&desk, compiler, &["-static", "-o", "bits", "bits.c", "kernel.o"])?.is(0);
    let done = match emulator {
        Some(emulator) => tool(&desk, emulator, &["./bits"])?,
        None => tool(&desk, "./bits", &[])?,
    };
    Some(done.is(0).out.clone())
}

#[test]
fn other_machines_compute_the_same_bits() {
    let Some(here) = bits_on(&["-O2"], "cc", None) else { return };
    assert_eq!(here.lines().count(), 40 * 14 + 1, "{here}");
    assert_eq!(bits_on(&["-O2", "-C", "target-cpu=native"], "cc", None).as_ref(), Some(&here));
    for (level, machine) in [("-O0", "aarch64"), ("-O2", "aarch64"), ("-O0", "riscv64"), ("-O2", "riscv64")] {
        let target = format!("{machine}-unknown-linux-gnu");
        let (compiler, emulator) = (format!("{machine}-linux-gnu-gcc"), format!("qemu-{machine}"));
        let Some(there) = bits_on(&[level, "--target", &target], &compiler, Some(&emulator)) else { return };
        assert_eq!(here, there, "{level} {machine}");
    }
}

/// Loops of all kinds, for few trips and many; sums of large sines, since these leave the wide code.
const LOOPS: &str = r#"
fn prefix<n>(x: [f64; n]) -> f64 {
    var total = 0.0;
    for i in 0..n { total = 0.5 * total + exp(x[n - 1 - i]); }
    total
}

// All trips add to the same elements.
fn horner<m>(x: [f64; m], n: i64) -> f64 {
    var total = 0.0;
    for i in 0..n {
        let t = 0.01 * i as f64 - 0.3;
        var p = 0.0;
        for j in 0..m { p = p * t + x[j]; }
        total += p * p;
    }
    total
}

fn singles<m>(x: [f32; m], n: i64) -> f32 {
    var total: f32 = 0.0;
    for i in 0..n {
        let t = 0.01 * i as f32;
        var p: f32 = 0.0;
        for j in 0..m { p = p * t + x[j]; }
        total += p * p;
    }
    total
}

fn main() {
    for n in [1, 3, 7, 16, 31, 100] {
        let x = [0.37 * (i as f64) - 2.0 for i in 0..n];
        let m = [sin(x[i]) * (j as f64) for i in 0..n, j in 0..5];
        let rows = [sum(m[i] * m[i]) for i in 0..n];
        let y = [x[i] as f32 for i in 0..n];
        let z = [if i == 0 { y[i] } else { 0.5 * y[i] - y[i - 1] * y[n - 1 - i] } for i in 0..n];
        print("{z[n / 2]} {sum(z * y)} {max(z)} {sum(exp(0.1 * z))} {sum([(y[i] as f64) * x[i] for i in 0..n])}");
        print("{sum(tanh(x) * x)} {sum(sin(1e6 * x))} {max(pow(abs(x), x))} {prefix(x)} {grad(prefix)(x)[n / 2]} {sum(rows)}");
        print("{grad(horner)([0.3, -0.4, 0.5], n)} {grad(singles)([0.3, -0.4, 0.5, 0.6], n)}");
    }
}
"#;

#[test]
fn all_widths_compute_the_same() {
    let desk = Desk::new(&[("loops.dp", LOOPS)]);
    let expected = desk.run(&["run", "-C", "simd=off", "loops.dp"]);
    expected.is(0);
    for simd in ["simd=off", "simd=128", "simd=256", "simd=512"] {
        assert_eq!(desk.run(&["run", "-C", simd, "loops.dp"]), expected, "run {simd}");
        assert_eq!(built(&desk, "loops.dp", &["-C", simd], &[]), expected, "built {simd}");
        let options = ["-C", simd, "-C", "target-cpu=native"];
        assert_eq!(built(&desk, "loops.dp", &options, &[]), expected, "built for this machine {simd}");
    }
}

// ---- the examples ----

/// A copy of an example, with what it refers to.
fn example(name: &str) -> Desk {
    let desk = Desk::new(&[]);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    for folder in ["cmake", "examples/data", &format!("examples/{name}")] {
        std::fs::create_dir_all(desk.path(folder)).expect("a folder");
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder").flatten().filter(|e| e.path().is_file()) {
            std::fs::copy(entry.path(), desk.path(folder).join(entry.file_name())).expect("a copy");
        }
    }
    desk
}

/// Builds an example with make and with CMake, and runs both; what they print.
fn made(name: &str, program: &str, args: &[&str]) -> Vec<String> {
    let mut said = Vec::new();
    let desk = example(name);
    let folder = desk.path("examples").join(name);
    let here = folder.display().to_string();
    let compiler = format!("DPROGC={}", env!("CARGO_BIN_EXE_dprogc"));
    if folder.join("Makefile").exists()
        && let Some(done) = tool(&desk, "make", &["-C", &here, &compiler, program])
    {
        done.is(0);
        said.push(in_folder(&folder, program, args));
    }
    let cmake_option = format!("-DDPROG_COMPILER={}", env!("CARGO_BIN_EXE_dprogc"));
    if folder.join("CMakeLists.txt").exists()
        && let Some(done) = tool(&desk, "cmake", &["-S", &here, "-B", "build", &cmake_option])
    {
        done.is(0);
        tool(&desk, "cmake", &["--build", "build"]).expect("it was just there").is(0);
        std::fs::rename(desk.path("build").join(program), folder.join(program)).expect("the program");
        said.push(in_folder(&folder, program, args));
    }
    said
}

fn in_folder(folder: &std::path::Path, program: &str, args: &[&str]) -> String {
    let done = Command::new(folder.join(program)).args(args).current_dir(folder).output().expect("it starts");
    let done = Done::new(done);
    done.is(0).out.clone()
}

#[test]
fn c_fit_finds_the_known_parameters() {
    for said in made("c-fit", "fit", &[]) {
        assert!(said.starts_with("Vm 212.683743, K 0.0641212817 after"), "{said}");
    }
}

#[test]
fn c_mpc_asks_for_no_memory() {
    for said in made("c-mpc", "control", &[]) {
        assert!(said.contains(", 0 requests for memory in 300 steps\nthe pendulum is up"), "{said}");
    }
}

#[test]
fn cmake_builds_again_what_has_changed() {
    let desk = example("cmake");
    let folder = desk.path("examples/cmake");
    let compiler = format!("-DDPROG_COMPILER={}", env!("CARGO_BIN_EXE_dprogc"));
    let Some(done) = tool(&desk, "cmake", &["-S", "examples/cmake", "-B", "build", &compiler]) else { return };
    done.is(0);
    let built = || tool(&desk, "cmake", &["--build", "build"]).expect("it was just there").is(0).out.clone();
    built();
    assert_eq!(in_folder(&desk.path("build"), "descent", &[]), "lowest at 1.000000 1.000000\n");
    assert!(!built().contains("Compiling valley.dp"));
    // A module that the source uses.
    let shape = std::fs::read_to_string(folder.join("shape.dp")).expect("a file");
    std::fs::write(folder.join("shape.dp"), shape.replace("y - x * x", "y - x * x - 0.5")).expect("a file");
    assert!(built().contains("Compiling valley.dp"));
    assert_eq!(in_folder(&desk.path("build"), "descent", &[]), "lowest at 1.000000 1.500000\n");
}

#[test]
fn pkg_config_finds_the_compiler() {
    let desk = example("pkg-config");
    std::fs::create_dir_all(desk.path("lib/pkgconfig")).expect("a folder");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    std::fs::copy(root.join("pkg-config/dprog.pc"), desk.path("lib/pkgconfig/dprog.pc")).expect("a copy");
    std::fs::create_dir_all(desk.path("bin")).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dprogc"), desk.path("bin/dprogc")).expect("a link");
    if tool(&desk, "pkg-config", &["--version"]).is_none() {
        return;
    }
    let mut make = Command::new("make");
    make.arg("-C").arg(desk.path("examples/pkg-config")).env("PKG_CONFIG_PATH", desk.path("lib/pkgconfig"));
    let Ok(output) = make.output() else { return };
    Done::new(output).is(0);
    let said = in_folder(&desk.path("examples/pkg-config"), "roots", &[]);
    assert!(said.contains("sqrt(2) = 1.414214, slope 0.353553\n"), "{said}");
}

/// As good as the program in dProg, to one image or two of 360: batches come in another order.
/// Objects that are linked by hand share one runtime.
#[test]
fn the_runtime_is_written_by_itself() {
    let text = |name: &str, c: &str| {
        format!(
            "export fn {name}(n: i64) -> f64 {{ if n == 0 {{ {c} }} else {{ 0.5 * {name}(n - 1) + sum([{c}; 3] @ [[1.0], [2.0], [3.0]]) }} }}\n"
        )
    };
    let main = "#include \"a.h\"\n#include \"b.h\"\n#include <stdio.h>\nint main(void) {\n    double x, y;\n    \
        if (a(2, &x) || b(1, &y) || b(-1, &y) != DPROG_DEPTH) return 1;\n    printf(\"%g %g\\n\", x, y);\n    return 0;\n}\n";
    let desk = Desk::new(&[("a.dp", &text("a", "1.0")), ("b.dp", &text("b", "2.0")), ("main.c", main)]);
    desk.run(&["build", "--emit", "runtime", "-o", "lib/"]).is(0);
    desk.run(&["build", "--emit", "obj,header,runtime", "a.dp"]).is(0);
    desk.run(&["build", "b.dp"]).is(0);
    let bytes = |name: &str| std::fs::read(desk.path(name)).expect("it was written");
    assert!(bytes("libdprog_rt.a") == bytes("lib/libdprog_rt.a"));
    let inputs = ["main.c", "a.o", "b.o", "-Llib", "-ldprog_rt", "-lpthread", "-lm", "-o", "main"];
    let Some(done) = tool(&desk, "cc", &inputs) else { return };
    done.is(0);
    let ran = tool(&desk, "./main", &[]).expect("it was built");
    assert_eq!(ran.is(0).out, "9.25 13\n");
    desk.run(&["build", "--emit", "runtime", "--target", "riscv64"]).is(4).says("there is no runtime for riscv64");
    desk.run(&["build", "--emit", "obj"]).is(2).says("there is no source among the files");
    desk.run(&["build"]).is(2);
}

#[test]
fn c_train_learns_to_read_digits() {
    let desk = example("c-train");
    desk.put(
        "digits.dp",
        &std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits.dp")).expect("a file"),
    );
    let accuracy = |text: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix("test accuracy: ")).expect("an accuracy");
        line.parse().expect("a number")
    };
    for said in made("c-train", "train", &[]) {
        let reference = desk.run(&["run", "digits.dp"]);
        let (here, there) = (accuracy(&said), accuracy(&reference.is(0).out));
        assert!(here >= 0.97 && (here - there).abs() < 0.01, "{here} in C, {there} in dProg");
    }
}

/// A small part of what tests/sanitize/run.sh does.
#[test]
fn threads_call_and_trap_under_the_address_sanitizer() {
    let source = |name: &str| {
        let path = format!("{}/../tests/sanitize/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a file of the repository")
    };
    let desk = Desk::new(&[("calls.dp", &source("calls.dp")), ("calls.c", &source("calls.c"))]);
    desk.run(&["build", "--max-depth", "1000", "--emit", "staticlib,header", "calls.dp"]).is(0);
    let args = ["-g", "-fsanitize=address", "-o", "calls", "calls.c", "libcalls.a", "-lpthread"];
    let Some(done) = tool(&desk, "cc", &args) else { return };
    done.is(0);
    let done = tool(&desk, "./calls", &["5000"]).expect("it was just made");
    assert_eq!(done.is(0).out, "4 threads, 5000 calls each, 0 failures\n");
}

// ---- where outputs go ----

#[test]
fn outputs_go_where_o_says() {
    let desk = Desk::new(&[("left.dp", LEFT), ("right.dp", RIGHT), ("none.dp", "fn f(x: f64) -> f64 { x }\n")]);
    let exist = |names: &[&str]| names.iter().all(|name| desk.path(name).exists());
    desk.run(&["build", "right.dp"]).is(0);
    desk.run(&["build", "-o", "new/folder/", "left.dp", "right.dp"]).is(0);
    desk.run(&["build", "--emit", "obj,header,staticlib,ir", "-MD", "-o", "new/libz.a", "right.dp"]).is(0);
    assert!(exist(&["right.o", "right.h", "new/folder/left.o", "new/folder/left.h", "new/folder/right.o"]));
    assert!(exist(&["new/libz.a", "new/z.o", "new/z.h", "new/z.ir", "new/right.d"]));
    let header = std::fs::read_to_string(desk.path("right.h")).expect("a header");
    assert_eq!(desk.run(&["build", "--emit", "header", "-o", "-", "right.dp"]).is(0).out, header);
    desk.run(&["build", "-o", "x.o", "left.dp", "right.dp"]).is(2).says("with several sources `-o` names a folder");
    desk.run(&["build", "--emit", "obj", "-o", "-", "right.dp"]).is(2);
    desk.run(&["build", "--emit", "obj", "-o", "no/such/folder.o", "right.dp"])
        .is(4)
        .says("cannot write no/such/folder.o");
    desk.run(&["build", "none.dp"]).is(0).says("warning: none.dp exports nothing");
    desk.run(&["build", "--emit", "exe", "none.dp"]).is(1).says("error[E0700]");
}
