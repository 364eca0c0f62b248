//! `dprogc explain CODE`: the page of a code, as it stands in `docs/errors/`.

use crate::pages::PAGES;
use crate::status::{Failure, Status};

/// Prints the page. Upper and lower case are the same, and `412` is `E0412`.
pub fn explain(code: &str) -> Result<Status, Failure> {
    let wanted = normalized(code);
    match PAGES.iter().find(|(known, _)| *known == wanted) {
        Some((_, page)) => {
            crate::output::print(page);
            Ok(Status::Done)
        }
        None => Err(Failure::usage(format!("there is no error {wanted}"))),
    }
}

fn normalized(code: &str) -> String {
    let upper = code.trim().to_uppercase();
    let digits = upper.strip_prefix('E').unwrap_or(&upper);
    match digits.parse::<u32>() {
        Ok(number) => format!("E{number:04}"),
        Err(_) => upper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_may_be_short() {
        assert_eq!(["e0412", "412", "E412"].map(normalized), ["E0412"; 3]);
        assert_eq!(normalized("nonsense"), "NONSENSE");
    }
}
