//! Every evaluation, through the protocol, against the same mathematics written once more in plain Rust and differentiated by dual
//! numbers: primal and derivative to 1e-9, element by element. The suite itself tolerates 1e-4, and zeros where numbers are small.

mod dual;
mod mathematics;

use dprog_gradbench::Tool;
use dual::Dual;
use mathematics::{ba, det, gmm, llsq, log_sum_exp, lstm, nearest, ode};
use serde_json::{Value, json};

/// What a function of an evaluation gives.
fn output(module: &str, function: &str, input: Value) -> Value {
    let mut tool = Tool::default();
    let define = json!({ "id": 0, "kind": "define", "module": module });
    let defined: Value = serde_json::from_str(&tool.answer(&define.to_string())).unwrap();
    assert_eq!(defined["success"], json!(true), "{defined}");
    let evaluate = json!({ "id": 1, "kind": "evaluate", "module": module, "function": function, "input": input });
    let answer: Value = serde_json::from_str(&tool.answer(&evaluate.to_string())).unwrap();
    assert_eq!((&answer["id"], &answer["success"]), (&json!(1), &json!(true)), "{answer}");
    assert_eq!(answer["timings"].as_array().unwrap().len(), 1, "one run, one time");
    answer["output"].clone()
}

/// All numbers of a value, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(flat).collect(),
        other => vec![other.as_f64().unwrap_or_else(|| panic!("{other} is no number"))],
    }
}

#[track_caller]
fn close(found: &Value, expected: &[f64]) {
    let found = flat(found);
    assert_eq!(found.len(), expected.len());
    // What cancels to less than this part of the greatest is rounding.
    let least = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs())) * 1e-6;
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        assert!((x - y).abs() <= 1e-9 * y.abs().max(least), "element {i}: {x} instead of {y}");
    }
}

/// Numbers between -1 and 1 without a pattern that sums could hide.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn rows(all: &[f64], width: usize) -> Vec<Vec<f64>> {
    all.chunks(width).map(<[f64]>::to_vec).collect()
}

/// Primal and gradient of a function of one list of numbers, by dual numbers.
fn by_duals(x: &[f64], f: impl Fn(&[Dual]) -> Dual) -> (f64, Vec<f64>) {
    let partial = |wrt: usize| f(&x.iter().enumerate().map(|(i, x)| Dual(*x, f64::from(i == wrt))).collect::<Vec<_>>());
    let partials: Vec<Dual> = (0..x.len()).map(partial).collect();
    (partials[0].0, partials.iter().map(|y| y.1).collect())
}

#[test]
fn hello_squares_and_doubles() {
    for x in [1.0, -3.5, 16384.0] {
        close(&output("hello", "square", json!(x)), &[x * x]);
        close(&output("hello", "double", json!(x)), &[2.0 * x]);
    }
}

#[test]
fn lse() {
    for n in [1, 2, 3, 8, 17, 100] {
        let x: Vec<f64> = noise(n, 1).iter().map(|x| 50.0 * x).collect();
        let (y, g) = by_duals(&x, log_sum_exp);
        close(&output("lse", "primal", json!({ "x": x })), &[y]);
        close(&output("lse", "gradient", json!({ "x": x })), &g);
    }
}

#[test]
fn llsq_on_few_and_many_points() {
    for (m, n) in [(1, 2), (3, 5), (8, 16), (13, 41)] {
        let x = noise(m, 2);
        let (y, g) = by_duals(&x, |x| llsq(x, n));
        close(&output("llsq", "primal", json!({ "x": x, "n": n })), &[y]);
        close(&output("llsq", "gradient", json!({ "x": x, "n": n })), &g);
    }
}

/// The suite's own sizes have gradients of zero; these have not.
#[test]
fn ode_with_few_components() {
    for n in 4..=20 {
        for steps in [1, 3, 10] {
            let x: Vec<f64> = noise(n, 3).iter().map(|x| 2.0 + x).collect();
            let input = json!({ "x": x, "s": steps });
            let duals: Vec<Dual> = x.iter().map(|x| Dual(*x, 0.0)).collect();
            let y: Vec<f64> = ode(&duals, steps).iter().map(|y| y.0).collect();
            close(&output("ode", "primal", input.clone()), &y);
            let (_, g) = by_duals(&x, |x| ode(x, steps)[n - 1]);
            close(&output("ode", "gradient", input), &g);
            // After one step, component 4 and those behind it are still zero.
            assert!(steps * 4 < n || g.iter().any(|g| *g != 0.0));
        }
    }
}

#[test]
fn det_by_elimination() {
    for n in 1..=7 {
        let a = noise(n * n, 4 + n as u64);
        let (y, g) = by_duals(&a, |a| det(a, n));
        close(&output("det", "primal", json!({ "A": a, "ell": n })), &[y]);
        close(&output("det", "gradient", json!({ "A": a, "ell": n })), &g);
    }
}

#[test]
fn kmeans_moves_centroids_to_means() {
    for (n, k, d) in [(5, 1, 1), (30, 4, 3), (50, 7, 8)] {
        let points = rows(&noise(n * d, 5), d);
        // Every centroid is the nearest of a point.
        let centroids: Vec<Vec<f64>> = points[n - k..].iter().map(|p| p.iter().map(|x| x + 0.01).collect()).collect();
        let input = json!({ "points": points, "centroids": centroids });
        let mut cost = 0.0;
        let mut difference = vec![vec![0.0; d]; k];
        let mut count = vec![0.0; k];
        for point in &points {
            let (winner, distance) = nearest(point, &centroids);
            cost += distance;
            count[winner] += 1.0;
            (0..d).for_each(|j| difference[winner][j] += centroids[winner][j] - point[j]);
        }
        let dir: Vec<f64> = (0..k * d).map(|i| difference[i / d][i % d] / count[i / d]).collect();
        close(&output("kmeans", "cost", input.clone()), &[cost]);
        close(&output("kmeans", "dir", input), &dir);
    }
}

#[test]
fn gmm_by_all_parameters() {
    for (n, k, d, m, gamma) in [(4, 2, 2, 0, 1.0), (6, 3, 3, 2, 0.7), (5, 4, 5, 1, 1.3), (9, 2, 1, 0, 1.0)] {
        let t = d * (d - 1) / 2;
        let lengths = [k, k * d, k * d, k * t];
        let parameters = noise(lengths.iter().sum(), 6);
        let x = noise(n * d, 7);
        let (alpha, rest) = parameters.split_at(lengths[0]);
        let (mu, rest) = rest.split_at(lengths[1]);
        let (q, l) = rest.split_at(lengths[2]);
        let l: Vec<Vec<f64>> = if t == 0 { vec![vec![]; k] } else { rows(l, t) };
        let input = json!({
            "d": d, "k": k, "n": n, "m": m, "gamma": gamma, "alpha": alpha,
            "mu": rows(mu, d), "q": rows(q, d), "l": l, "x": rows(&x, d),
        });
        let (y, g) = by_duals(&parameters, |parameters| gmm(parameters, &x, [n, k, d], m, gamma));
        close(&output("gmm", "objective", input.clone()), &[y]);
        let found = output("gmm", "jacobian", input);
        let mut at = 0;
        for (name, length) in ["alpha", "mu", "q", "l"].into_iter().zip(lengths) {
            close(&found[name], &g[at..at + length]);
            at += length;
        }
    }
}

#[test]
fn lstm_by_all_parameters() {
    for (l, b, c) in [(1, 1, 2), (2, 3, 5), (3, 14, 4)] {
        let (main, extra, state) = (noise(8 * l * b, 8), noise(3 * b, 9), noise(2 * l * b, 10));
        let sequence: Vec<f64> = noise(c * b, 11).iter().map(|x| f64::from(*x > 0.0)).collect();
        let input = json!({
            "main_params": rows(&main, 4 * b), "extra_params": rows(&extra, b),
            "state": rows(&state, b), "sequence": rows(&sequence, b),
        });
        let parameters = [main.clone(), extra].concat();
        let (y, g) = by_duals(&parameters, |p| lstm(p.split_at(main.len()), &state, &sequence, [l, b, c]));
        close(&output("lstm", "objective", input.clone()), &[y]);
        close(&output("lstm", "jacobian", input), &g);
    }
}

#[test]
fn ba_by_cameras_points_and_weights() {
    for (n, m, p, rotation) in [(1, 1, 1, 0.3), (3, 5, 11, 0.5), (2, 3, 4, 0.0)] {
        let mut camera = noise(11, 12);
        camera[..3].iter_mut().for_each(|r| *r *= rotation);
        (camera[5], camera[6]) = (-4.0, 500.0);
        let (x, w, feat) = (noise(3, 13), 0.8, noise(2, 14));
        let input = json!({ "n": n, "m": m, "p": p, "cam": camera, "x": x, "w": w, "feat": feat });
        let parameters = [camera, x, vec![w]].concat();
        let jacobian: Vec<(f64, Vec<f64>)> = (0..2).map(|row| by_duals(&parameters, |p| ba(p, &feat)[row])).collect();
        let objective = output("ba", "objective", input.clone());
        close(&objective["reproj_error"]["elements"], &[jacobian[0].0, jacobian[1].0]);
        close(&objective["w_err"]["element"], &[1.0 - w * w]);
        assert_eq!((&objective["reproj_error"]["repeated"], &objective["w_err"]["repeated"]), (&json!(p), &json!(p)));
        // Shown are the two rows of the first observation, and the last element of the whole.
        let found = output("ba", "jacobian", input);
        close(&found["vals"], &[&jacobian[0].1[..], &jacobian[1].1, &[-2.0 * w]].concat());
        let columns = (0..11).chain(11 * n..11 * n + 3).chain([11 * n + 3 * m]);
        let columns: Vec<usize> = columns.clone().chain(columns).chain([11 * n + 3 * m + p - 1]).collect();
        assert_eq!(found["cols"], json!(columns));
        let starts = (0..=2 * p).map(|row| 15 * row).chain((1..=p).map(|i| 30 * p + i));
        let starts: Vec<usize> = starts.take(30).chain([31 * p]).collect();
        assert_eq!(found["rows"], json!(starts));
    }
}

#[test]
fn what_cannot_be_served_is_said() {
    let mut tool = Tool::default();
    let mut ask = |message: Value| serde_json::from_str::<Value>(&tool.answer(&message.to_string())).unwrap();
    assert_eq!(ask(json!({ "id": 0, "kind": "start", "eval": "lse" })), json!({ "id": 0, "tool": "dprog" }));
    assert_eq!(ask(json!({ "id": 1, "kind": "define", "module": "ht" }))["success"], json!(false));
    assert_eq!(ask(json!({ "id": 2, "kind": "define", "module": "lse" }))["success"], json!(true));
    let mut evaluate = |id: u64, module: &str, function: &str, input: Value| {
        let answer =
            ask(json!({ "id": id, "kind": "evaluate", "module": module, "function": function, "input": input }));
        assert_eq!((&answer["id"], &answer["success"]), (&json!(id), &json!(false)));
        answer["error"].as_str().unwrap().to_string()
    };
    assert_eq!(evaluate(3, "det", "primal", json!({})), "`det` is not defined");
    assert_eq!(evaluate(4, "lse", "hessian", json!({ "x": [1.0] })), "there is no function `hessian`");
    assert_eq!(evaluate(5, "lse", "primal", json!({ "x": 1 })), "`x` of the input is not a list of numbers");
    // The maximum of nothing traps; the next call is as good as the first.
    assert!(evaluate(6, "lse", "primal", json!({ "x": [] })).starts_with("trap:"));
    let runs = json!({ "x": [0.0], "min_runs": 7, "min_seconds": 0.0 });
    let again = ask(json!({ "id": 7, "kind": "evaluate", "module": "lse", "function": "primal", "input": runs }));
    assert_eq!(again["timings"].as_array().unwrap().len(), 7);
    assert_eq!(ask(json!({ "id": 8, "kind": "analysis", "of": 7, "valid": true })), json!({ "id": 8 }));
}
