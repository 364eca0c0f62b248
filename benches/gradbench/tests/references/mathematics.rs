//! The evaluations once more, from their formulas, with other algorithms than the programs where there is a choice.

use crate::dual::Dual;

/// A list of this length.
fn list(count: usize, f: impl FnMut(usize) -> Dual) -> Vec<Dual> {
    (0..count).map(f).collect()
}

pub fn log_sum_exp(x: &[Dual]) -> Dual {
    let shift = Dual::from(x.iter().fold(f64::NEG_INFINITY, |m, x| m.max(x.0)));
    shift + x.iter().map(|x| (*x - shift).exp()).sum::<Dual>().ln()
}

/// Half the squares of sign(t) minus the sum of x[j] t^j.
pub fn llsq(x: &[Dual], n: usize) -> Dual {
    let square = |i: usize| {
        let t = 2.0 * i as f64 / (n - 1) as f64 - 1.0;
        let sign = if t == 0.0 { 0.0 } else { t.signum() };
        let r = Dual::from(sign) - (0..x.len()).map(|j| x[j] * t.powi(j as i32).into()).sum();
        r * r
    };
    (0..n).map(square).sum::<Dual>() * 0.5.into()
}

/// Four stages by the table of Kutta.
pub fn ode(x: &[Dual], steps: usize) -> Vec<Dual> {
    let n = x.len();
    let h = 2.0 / steps as f64;
    let mut y = vec![Dual::from(0.0); n];
    for _ in 0..steps {
        let mut slopes: Vec<Vec<Dual>> = Vec::new();
        for ahead in [0.0, 0.5, 0.5, 1.0] {
            let at = list(n, |i| slopes.last().map_or(y[i], |k| y[i] + k[i] * (ahead * h).into()));
            slopes.push(list(n, |i| if i == 0 { x[0] } else { x[i] * at[i - 1] }));
        }
        let weights = [1.0, 2.0, 2.0, 1.0].map(|w| Dual::from(w * h / 6.0));
        y = list(n, |i| y[i] + slopes.iter().zip(weights).map(|(k, w)| k[i] * w).sum());
    }
    y
}

/// By elimination with pivots.
pub fn det(a: &[Dual], n: usize) -> Dual {
    let mut rows: Vec<Vec<Dual>> = a.chunks(n).map(<[Dual]>::to_vec).collect();
    let mut det = Dual::from(1.0);
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| rows[*i][k].0.abs().total_cmp(&rows[*j][k].0.abs())).unwrap_or(k);
        if pivot != k {
            rows.swap(pivot, k);
            det = -det;
        }
        det = det * rows[k][k];
        for i in k + 1..n {
            let factor = rows[i][k] / rows[k][k];
            (k..n).for_each(|j| rows[i][j] = rows[i][j] - factor * rows[k][j]);
        }
    }
    det
}

/// The nearest centroid, and the squared distance to it.
pub fn nearest(point: &[f64], centroids: &[Vec<f64>]) -> (usize, f64) {
    let distance = |c: &Vec<f64>| c.iter().zip(point).map(|(c, x)| (x - c).powi(2)).sum::<f64>();
    let distances = centroids.iter().map(distance).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).expect("a centroid")
}

/// Of half an integer, by the functional equation.
fn log_gamma(twice: usize) -> f64 {
    match twice {
        1 => 0.5 * std::f64::consts::PI.ln(),
        2 => 0.0,
        _ => (0.5 * (twice - 2) as f64).ln() + log_gamma(twice - 2),
    }
}

/// Alpha, mu, q and l stand one behind the other in `parameters`; Q is built as a matrix.
pub fn gmm(parameters: &[Dual], x: &[f64], [n, k, d]: [usize; 3], m: usize, gamma: f64) -> Dual {
    let t = d * (d - 1) / 2;
    let (alpha, rest) = parameters.split_at(k);
    let (mu, rest) = rest.split_at(k * d);
    let (q, l) = rest.split_at(k * d);
    let zero = Dual::from(0.0);
    let root = |c: usize| {
        let mut matrix = vec![vec![zero; d]; d];
        let mut below = l[c * t..].iter();
        for j in 0..d {
            matrix[j][j] = q[c * d + j].exp();
            (j + 1..d).for_each(|i| matrix[i][j] = *below.next().expect("as many as are below the diagonal"));
        }
        matrix
    };
    let roots: Vec<Vec<Vec<Dual>>> = (0..k).map(root).collect();
    let sum_q = |c: usize| q[c * d..(c + 1) * d].iter().copied().sum::<Dual>();
    let exponent = |p: usize, c: usize| {
        let y = list(d, |j| Dual::from(x[p * d + j]) - mu[c * d + j]);
        let square = |row: &Vec<Dual>| {
            let dot: Dual = row.iter().zip(&y).map(|(a, b)| *a * *b).sum();
            dot * dot
        };
        alpha[c] + sum_q(c) - roots[c].iter().map(square).sum::<Dual>() * 0.5.into()
    };
    let density: Dual = (0..n).map(|p| log_sum_exp(&list(k, |c| exponent(p, c)))).sum();
    let tau = std::f64::consts::TAU;
    let constant = -0.5 * (n * d) as f64 * tau.ln();
    let freedom = d + m + 1;
    let multigamma =
        0.25 * (d * (d - 1)) as f64 * std::f64::consts::PI.ln() + (0..d).map(|j| log_gamma(freedom - j)).sum::<f64>();
    let scale = (freedom * d) as f64 * (gamma.ln() - 0.5 * 2f64.ln()) - multigamma;
    let prior = |c: usize| {
        let squares = roots[c].iter().flatten().map(|a| *a * *a).sum::<Dual>();
        sum_q(c) * (m as f64).into() - squares * (0.5 * gamma * gamma).into() + scale.into()
    };
    density - log_sum_exp(alpha) * (n as f64).into() + constant.into() + (0..k).map(prior).sum()
}

/// Parameters in the suite's order: for each layer four rows of weights, then four of biases.
pub fn lstm((main, extra): (&[Dual], &[Dual]), state: &[f64], sequence: &[f64], [l, b, c]: [usize; 3]) -> Dual {
    let mut state: Vec<Dual> = state.iter().map(|x| Dual::from(*x)).collect();
    let mut total = Dual::from(0.0);
    for t in 0..c - 1 {
        let mut x = list(b, |j| Dual::from(sequence[t * b + j]) * extra[j]);
        for layer in 0..l {
            for j in 0..b {
                let gate = |gate: usize, input: Dual| {
                    let at = 8 * b * layer + b * gate + j;
                    input * main[at] + main[at + 4 * b]
                };
                let (hidden, cell) = (2 * layer * b + j, (2 * layer + 1) * b + j);
                let forget = gate(0, x[j]).sigmoid();
                let ingate = gate(1, state[hidden]).sigmoid();
                let outgate = gate(2, x[j]).sigmoid();
                let change = gate(3, state[hidden]).tanh();
                state[cell] = state[cell] * forget + ingate * change;
                state[hidden] = outgate * state[cell].tanh();
                x[j] = state[hidden];
            }
        }
        let y = list(b, |j| x[j] * extra[b + j] + extra[2 * b + j]);
        let norm = (y.iter().map(|y| y.exp()).sum::<Dual>() + 2.0.into()).ln();
        total = total + (0..b).map(|j| (y[j] - norm) * sequence[(t + 1) * b + j].into()).sum();
    }
    -total / (((c - 1) * b) as f64).into()
}

/// The two reprojection errors of a camera (11 numbers), a point (3) and a weight; the rotation is a matrix, I + sin K + (1 - cos) K K.
pub fn ba(parameters: &[Dual], seen: &[f64]) -> [Dual; 2] {
    let (camera, rest) = parameters.split_at(11);
    let (point, weight) = (&rest[..3], rest[3]);
    let x = list(3, |i| point[i] - camera[3 + i]);
    let zero = Dual::from(0.0);
    let [a, b, c] = [camera[0], camera[1], camera[2]];
    let k = [[zero, -c, b], [c, zero, -a], [-b, a, zero]];
    let apply = |v: &[Dual]| list(3, |i| (0..3).map(|j| k[i][j] * v[j]).sum());
    let square = a * a + b * b + c * c;
    let once = apply(&x);
    let turned = if square.0 == 0.0 {
        list(3, |i| x[i] + once[i])
    } else {
        let angle = square.sqrt();
        let twice = apply(&once);
        let (first, second) = (angle.sin() / angle, (Dual::from(1.0) - angle.cos()) / square);
        list(3, |i| x[i] + first * once[i] + second * twice[i])
    };
    let u = [turned[0] / turned[2], turned[1] / turned[2]];
    let r = u[0] * u[0] + u[1] * u[1];
    let distortion = Dual::from(1.0) + camera[9] * r + camera[10] * r * r;
    [0, 1].map(|i| weight * (u[i] * distortion * camera[6] + camera[7 + i] - seen[i].into()))
}
