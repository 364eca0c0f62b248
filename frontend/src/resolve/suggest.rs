//! "Did you mean …?": the known name that is nearest to one that is not.

/// The candidate at the smallest edit distance, if that is small for the length of the name. Of equals the first in
/// alphabetical order, so that the message does not depend on the order of a table.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let longest = |c: &str| name.chars().count().max(c.chars().count());
    candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| (distance(name, c), c))
        .filter(|(d, c)| *d <= limit(longest(c)) || c.eq_ignore_ascii_case(name))
        .min()
        .map(|(_, c)| c)
}

/// How many slips a name of some length may have: of two letters one is a third of nothing.
fn limit(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    }
}

/// Damerau's distance with adjacent transpositions counted as one edit; case alone counts as one too.
fn distance(a: &str, b: &str) -> usize {
    if a.eq_ignore_ascii_case(b) {
        return usize::from(a != b);
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for j in 0..=b.len() {
        rows[0][j] = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitute = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["length", "width", "Adam", "value_and_grad"];
        assert_eq!(nearest("lenght", names), Some("length"));
        assert_eq!(nearest("adam", names), Some("Adam"));
        assert_eq!(nearest("valu_and_grad", names), Some("value_and_grad"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("n", ["E", "m"]), None);
        assert_eq!(nearest("pi", ["PI", "min"]), Some("PI"));
        assert_eq!(nearest("self", ["erf"]), None);
        assert_eq!(nearest("totl", ["total", "tol"]), Some("tol"));
    }
}
