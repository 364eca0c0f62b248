//! Names of values as the text form writes them: the name that the user or a pass gave, made unique.
//!
//! The first `x` of a function is `%x`, the next ones `%x.1`, `%x.2`, …, in the order in which the text defines them;
//! values without a name are numbered. A given name that already ends in `.` and digits counts as what stands before,
//! so that printing what was parsed gives the same names.

use crate::entity::Entity;
use crate::function::{Function, Region, Value};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A name for every value of one function.
pub struct ValueNames {
    names: Vec<Option<Arc<str>>>,
}

impl ValueNames {
    /// Names all values that the text of `func` defines.
    pub fn new(func: &Function) -> ValueNames {
        let mut naming = Naming { func, names: vec![None; func.values.len()], used: FxHashMap::default(), unnamed: 0 };
        if let Some(entry) = func.entry() {
            naming.params(entry);
            naming.region(entry);
        }
        ValueNames { names: naming.names }
    }

    /// The name, without `%`. Values that no reachable instruction defines are called `?` and their index.
    pub fn get(&self, v: Value) -> Arc<str> {
        let named = self.names.get(v.index()).cloned().flatten();
        named.unwrap_or_else(|| format!("?{}", v.index()).into())
    }
}

struct Naming<'f> {
    func: &'f Function,
    names: Vec<Option<Arc<str>>>,
    used: FxHashMap<&'f str, u32>,
    unnamed: u32,
}

impl Naming<'_> {
    fn params(&mut self, region: Region) {
        self.func.regions[region].params.iter().for_each(|v| self.define(*v));
    }

    fn region(&mut self, region: Region) {
        for inst in &self.func.regions[region].insts {
            let data = &self.func.insts[*inst];
            data.results.iter().for_each(|v| self.define(*v));
            for region in &data.regions {
                self.params(*region);
                self.region(*region);
            }
        }
    }

    fn define(&mut self, v: Value) {
        let Some(slot @ None) = self.names.get_mut(v.index()) else { return };
        let base = base_name(self.func.values[v].name.as_deref().unwrap_or(""));
        *slot = Some(if base.is_empty() {
            self.unnamed += 1;
            (self.unnamed - 1).to_string().into()
        } else {
            let count = self.used.entry(base).or_insert(0);
            *count += 1;
            if *count == 1 { base.into() } else { format!("{base}.{}", *count - 1).into() }
        });
    }
}

/// `name` without number suffixes; empty if nothing but digits remains.
pub fn base_name(mut name: &str) -> &str {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    while let Some((front, back)) = name.rsplit_once('.') {
        if !digits(back) {
            break;
        }
        name = front;
    }
    if digits(name) { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[test]
    fn numbers_at_the_end_are_not_part_of_a_name() {
        assert_eq!(base_name("x.1"), "x");
        assert_eq!(base_name("x.adj.2.3"), "x.adj");
        assert_eq!(base_name("x1"), "x1");
        assert_eq!(base_name("17"), "");
        assert_eq!(base_name("a."), "a.");
    }
}
