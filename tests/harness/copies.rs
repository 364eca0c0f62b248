//! Values in place: how many arrays updates copy, and that `check --explain-copies` names just these places.

use dprog::{Ending, Memory, Options, Silent, World};
use dprog_tests::engines::Subject;

/// What a run has used, and the lines in which `--explain-copies` sees a copy.
fn run(text: &str) -> (Memory, Vec<u32>) {
    let subject = Subject::new("copies.dp", text);
    let checked = subject.check();
    let main = checked.main().unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let options = Options::default();
    let compiled = dprog::compile(&checked, &[main], &options, &mut Silent).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let mut world = World::captured(Vec::new(), subject.limits);
    assert_eq!(compiled.run(0, &mut world), Ending::Returned, "{text}");
    let (_, copies) = dprog::check_fully(&checked, &options, true, &mut Silent);
    (world.memory(), copies.iter().map(|copy| copy.line).collect())
}

fn in_place(text: &str) {
    let (memory, lines) = run(text);
    assert_eq!((memory.copies, memory.live), (0, 0), "{text}");
    assert!(lines.is_empty(), "copies are seen in lines {lines:?} of\n{text}");
}

/// `copies` at run time, all in `line`.
fn copied(copies: u64, line: u32, text: &str) {
    let (memory, mut lines) = run(text);
    assert_eq!((memory.copies, memory.live), (copies, 0), "{text}");
    lines.dedup();
    assert_eq!(lines, [line], "{text}");
}

#[test]
fn elements_of_lists_in_lists_are_set_in_place() {
    in_place(
        "fn main() {
            var xs = List<List<f64>>::new();
            for i in 0..20 { xs.push(List<f64>::new()); for j in 0..i { xs[i].push(0.5); } }
            for i in 0..20 { for j in 0..i { xs[i][j] = (i * j) as f64; xs[i][j] += xs[i][0]; } }
            for i in 1..20 { xs[i].pop(); }
            print(\"{xs[7]}\");
        }",
    );
}

#[test]
fn three_levels_are_set_in_place() {
    in_place(
        "fn main() {
            var xs = List<List<List<f64>>>::new();
            for i in 0..5 {
                xs.push(List<List<f64>>::new());
                for j in 0..5 { xs[i].push(List::from([0.0, 1.0, 2.0])); }
            }
            for i in 0..5 { for j in 0..5 { for k in 0..3 { xs[i][j][k] = xs[j][i][k] + 1.0; } xs[i][j].push(9.0); } }
            print(\"{xs}\");
        }",
    );
}

#[test]
fn lists_in_fields_are_set_in_place() {
    in_place(
        "struct Row { id: i64, values: List<f64>, parts: List<List<f64>> }
        fn main() {
            var rows = List<Row>::new();
            for i in 0..8 { rows.push(Row { id: i, values: List::from([0.0, 0.0]), parts: List<List<f64>>::new() }); }
            for i in 0..8 {
                rows[i].values[1] = 2.0;
                rows[i].values.push(3.0);
                rows[i].parts.push(List::from([1.0]));
                rows[i].parts[0][0] += 4.0;
                rows[i].id = 7;
            }
            var one = rows[3];
            print(\"{rows[5]}\");
        }",
    );
}

#[test]
fn arrays_in_lists_and_lists_in_arrays_are_set_in_place() {
    in_place(
        "fn main() {
            var xs = List<[f64; 3]>::new();
            var ys = [List<f64>::new(), List<f64>::new()];
            var grid = [[0.0; 4]; 4];
            for i in 0..9 { xs.push([0.0; 3]); ys[i % 2].push(1.0); }
            for i in 0..9 { xs[i][i % 3] = 1.0; ys[i % 2][0] += 1.0; grid[i % 4][i % 3] = 2.0; }
            print(\"{xs} {ys} {grid}\");
        }",
    );
}

#[test]
fn elements_lent_to_functions_are_changed_in_place() {
    in_place(
        "fn fill(row: inout List<f64>, n: i64) { if n > 0 { row.push(n as f64); fill(&row, n - 1); } }
        fn swap(a: inout List<f64>, b: inout List<f64>) { let t = a; a = b; b = t; }
        fn main() {
            var xs = List<List<f64>>::new();
            for i in 0..6 { xs.push(List<f64>::new()); fill(&xs[i], i); }
            for i in 0..3 { swap(&xs[i], &xs[5 - i]); }
            print(\"{xs}\");
        }",
    );
}

#[test]
fn parameters_are_changed_in_place_if_no_caller_keeps_them() {
    in_place(
        "fn grow(xs: inout List<List<f64>>, n: i64) {
            if n == 0 { return; }
            xs[n % 3].push(1.0);
            xs[n % 3][0] += 1.0;
            grow(&xs, n - 1);
        }
        fn main() {
            var xs = List<List<f64>>::new();
            for i in 0..3 { xs.push(List<f64>::new()); }
            grow(&xs, 40);
            print(\"{xs}\");
        }",
    );
}

#[test]
fn a_list_that_is_kept_is_copied_once() {
    let text = "fn main() {
            var xs = List::from([1.0, 2.0]);
            let old = xs;
            for i in 0..2 {
                xs[i] = 5.0; }
            print(\"{xs} {old}\");
        }";
    let (memory, lines) = run(text);
    assert_eq!((memory.copies, lines.len()), (1, 1));
}

#[test]
fn rows_of_a_list_that_is_kept_are_copied_where_they_change() {
    let text = "fn main() {
            var xs = List<List<f64>>::new();
            for i in 0..10 { xs.push(List::from([1.0, 2.0])); }
            let old = xs;
            xs[3][1] = 7.0;
            print(\"{xs[3]} {old[3]}\");
        }";
    // The list and one row.
    copied(2, 5, text);
}

#[test]
fn one_row_in_many_places_is_copied_where_it_changes() {
    copied(
        1,
        4,
        "fn main() {
            let row = List::from([1.0, 2.0]);
            var xs = [row; 5];
            xs[2][0] = 9.0;
            print(\"{xs}\");
        }",
    );
}

#[test]
fn a_row_that_was_pushed_and_changes_is_copied() {
    copied(
        1,
        5,
        "fn main() {
            var row = List::from([1.0, 2.0]);
            var xs = List<List<f64>>::new();
            xs.push(row);
            row[0] = 3.0;
            print(\"{xs} {row}\");
        }",
    );
}

/// Allocations and copies of a program for a small and a large number of elements in each row.
fn growth(text: impl Fn(usize) -> String) -> [Memory; 2] {
    [10, 2000].map(|n| run(&text(n)).0)
}

#[test]
fn gradients_of_elementwise_updates_of_ragged_lists_copy_nothing() {
    let text = |n: usize| {
        format!(
            "fn loss(a: f64) -> f64 {{
                var xs = List<List<f64>>::new();
                for i in 0..3 {{ xs.push(List<f64>::new()); for j in 0..{n} + i {{ xs[i].push(a * (j as f64)); }} }}
                for i in 0..3 {{ for j in 0..{n} + i {{ xs[i][j] = sin(xs[i][j]) * a; }} }}
                var s = 0.0;
                for i in 0..3 {{ for j in 0..{n} + i {{ s += xs[i][j] * xs[i][0]; }} }}
                s
            }}
            fn main() {{ print(\"{{grad(loss)(0.5)}}\"); }}"
        )
    };
    let [small, large] = growth(text);
    assert_eq!((small.copies, large.copies), (0, 0));
    // Lists grow by doubling; nothing is made for each element.
    assert!(large.allocations < small.allocations + 200, "{small:?} {large:?}");
}

#[test]
fn gradients_with_respect_to_ragged_lists_copy_nothing() {
    let text = |n: usize| {
        format!(
            "fn loss(xs: List<List<f64>>) -> f64 {{
                var ys = xs;
                for i in 0..ys.len() {{ for j in 1..ys[i].len() {{ ys[i][j] = ys[i][j] * ys[i][j - 1]; }} }}
                var s = 0.0;
                for i in 0..ys.len() {{ for j in 0..ys[i].len() {{ s += ys[i][j] * xs[i][j]; }} }}
                s
            }}
            fn main() {{
                var xs = List<List<f64>>::new();
                for i in 0..3 {{ xs.push(List<f64>::new()); for j in 0..{n} {{ xs[i].push(0.9); }} }}
                print(\"{{grad(loss)(xs)}}\");
            }}"
        )
    };
    let [small, large] = growth(text);
    // The argument stays as it is: one copy of the list and of each row.
    assert!(large.copies == small.copies && small.copies <= 8, "{small:?} {large:?}");
    assert!(large.allocations < small.allocations + 200, "{small:?} {large:?}");
}
