//! Does a list of patterns match everything? If not, what is missing?
//!
//! The algorithm is that of Maranget, *Warnings for pattern matching*, JFP 17(3) 2007, §3: a matrix of patterns is taken
//! apart column by column; where the constructors of the first column are not all there, the row of the others must
//! match. Guarded arms are left out by the caller: a guard may say no.

use super::body::FnCx;
use super::pattern::of_tangent;
use super::subst::Subst;
use super::tangent;
use crate::ast::{MatchSource, Symbol};
use crate::errors::patterns;
use crate::source::Span;
use crate::typed::{AdtId, AdtKind, Arm, Literal, Pattern, PatternKind, Ty};
use rustc_hash::FxHashMap;

/// The head of a pattern.
#[derive(Clone, Debug)]
enum Head {
    Case(u32),
    Bool(bool),
    /// Integers, floats, strings: there are always others.
    Literal(Literal),
    /// A tuple or struct: the only one of its type.
    Single,
}

/// A pattern, or one that matches all.
type Cell<'p> = Option<&'p Pattern>;

/// At most so many missing examples are shown.
const SHOWN: usize = 4;

/// Work that one match may cost, in rows looked at: beyond that it is taken to be complete. Chosen by feeling: a match of
/// ten thousand arms stays below.
const BUDGET: usize = 1_000_000;

impl FnCx<'_, '_> {
    pub fn check_exhaustive(&mut self, ty: &Ty, arms: &[Arm], scrutinee: Span, span: Span, source: MatchSource) {
        if matches!(ty, Ty::Error | Ty::Never) {
            return;
        }
        let covers = |arms: &[Arm]| {
            let rows: Vec<&Pattern> = arms.iter().filter(|arm| arm.guard.is_none()).map(|arm| &arm.pattern).collect();
            self.unmatched(ty, &rows)
        };
        if let Some(missing) = covers(arms) {
            self.report(patterns::not_exhaustive(scrutinee, span, &missing));
        } else if source == MatchSource::Match {
            // What covers everything does so with more arms as well: the arm that completes the list is found by halving.
            let (mut short, mut enough) = (0, arms.len());
            while short < enough {
                let middle = (short + enough) / 2;
                match covers(&arms[..middle]) {
                    Some(_) => short = middle + 1,
                    None => enough = middle,
                }
            }
            if let Some(arm) = arms.get(enough) {
                let catch_all = arms[..enough].iter().rev().find_map(|a| self.name_like_a_case(ty, a));
                let catch_all = catch_all.as_ref().map(|(span, name)| (*span, name.as_str()));
                self.report(patterns::unreachable_arm(arm.pattern.span, catch_all));
            }
        }
    }

    /// A pattern that is a new name, where the value has cases: perhaps one of them was meant.
    fn name_like_a_case(&self, ty: &Ty, arm: &Arm) -> Option<(Span, Symbol)> {
        let PatternKind::Binding(local) = arm.pattern.kind else { return None };
        let Ty::Adt(id, _) = of_tangent(ty) else { return None };
        let is_enum = matches!(self.cx.program.adts[*id].kind, AdtKind::Enum(_));
        (is_enum && arm.guard.is_none()).then(|| (arm.pattern.span, self.locals[local].name.clone()))
    }

    /// Examples of values that no pattern matches; `None` if there are none.
    pub fn unmatched(&self, ty: &Ty, rows: &[&Pattern]) -> Option<Vec<String>> {
        let rows: Vec<Vec<Cell<'_>>> = rows.iter().flat_map(|p| alternatives(Some(p))).map(|c| vec![c]).collect();
        let mut search = Search { cx: self, budget: BUDGET, outermost: true };
        let found = search.missing(&[self.resolve(ty)], rows);
        let found: Vec<String> = found.into_iter().filter_map(|row| row.into_iter().next()).collect();
        (!found.is_empty()).then_some(found)
    }
}

struct Search<'c, 'b, 'a> {
    cx: &'c FnCx<'b, 'a>,
    budget: usize,
    /// Nothing of the value has been taken apart yet.
    outermost: bool,
}

impl Search<'_, '_, '_> {
    /// Rows of example values, a text for each column, that no row of patterns matches.
    fn missing(&mut self, types: &[Ty], rows: Vec<Vec<Cell<'_>>>) -> Vec<Vec<String>> {
        self.budget = self.budget.saturating_sub(1 + rows.len());
        if self.budget == 0 {
            return Vec::new();
        }
        let Some(first) = types.first() else {
            return if rows.is_empty() { vec![vec![]] } else { vec![] };
        };
        // Inside of an example, what is all missing needs no list of cases.
        if rows.is_empty() && !self.outermost {
            return vec![vec!["_".to_string(); types.len()]];
        }
        self.outermost = false;
        let groups = Groups::new(&rows);
        let mut found = Vec::new();
        match self.all_heads(first) {
            Some(all) if !groups.used.is_empty() => {
                for head in all {
                    let fields = self.fields(first, &head);
                    let inside = self.specialise(&head, &fields, types, &groups);
                    found.extend(inside.into_iter().map(|row| self.rebuild(first, &head, fields.len(), row)));
                    if found.len() >= SHOWN {
                        break;
                    }
                }
            }
            Some(all) if rows.is_empty() && all.len() > 1 => {
                // Nothing matches: every constructor is missing.
                let rest = self.missing(&types[1..], Vec::new());
                for head in all.iter().take(SHOWN) {
                    let count = self.fields(first, head).len();
                    let row = vec!["_".to_string(); count].into_iter().chain(rest.first().cloned().unwrap_or_default());
                    found.push(self.rebuild(first, head, count, row.collect()));
                }
            }
            _ => {
                for (head, _) in &groups.used {
                    let inside = self.specialise(head, &[], types, &groups);
                    found.extend(inside.into_iter().map(|row| self.rebuild(first, head, 0, row)));
                    if found.len() >= SHOWN {
                        break;
                    }
                }
                let others: Vec<_> = groups.open.iter().map(|r| r[1..].to_vec()).collect();
                let rest = self.missing(&types[1..], others);
                found.extend(rest.into_iter().map(|row| [vec!["_".to_string()], row].concat()));
            }
        }
        found.truncate(SHOWN);
        found
    }

    /// The rows that fit a head, with its fields in front.
    fn specialise(&mut self, wanted: &Head, fields: &[Ty], types: &[Ty], groups: &Groups<'_, '_>) -> Vec<Vec<String>> {
        let mut inside = Vec::new();
        for row in groups.of(wanted).iter().chain(&groups.open) {
            let cells = match row[0].filter(|p| head(p).is_some()) {
                Some(p) => sub_patterns(p, fields.len()),
                None => vec![None; fields.len()],
            };
            let row: Vec<Cell<'_>> = cells.into_iter().chain(row[1..].iter().copied()).collect();
            inside.extend(expand(row));
        }
        let types: Vec<Ty> = fields.iter().chain(&types[1..]).cloned().collect();
        self.missing(&types, inside)
    }

    /// All constructors of a type, if they are few.
    fn all_heads(&self, ty: &Ty) -> Option<Vec<Head>> {
        match of_tangent(ty) {
            Ty::Adt(id, _) => match &self.cx.cx.program.adts[*id].kind {
                AdtKind::Enum(cases) => Some((0..cases.len() as u32).map(Head::Case).collect()),
                AdtKind::Struct(_) | AdtKind::Model(_) => Some(vec![Head::Single]),
            },
            Ty::Tuple(_) => Some(vec![Head::Single]),
            ty if *ty == Ty::BOOL => Some(vec![Head::Bool(true), Head::Bool(false)]),
            _ => None,
        }
    }

    fn fields(&self, ty: &Ty, head: &Head) -> Vec<Ty> {
        match (of_tangent(ty), head) {
            (Ty::Tuple(parts), _) => parts.clone(),
            (Ty::Adt(id, args), head) => {
                let program = &self.cx.cx.program;
                let def = &program.adts[*id];
                let subst = Subst::new(&def.generics, args);
                let fields = match head {
                    Head::Case(case) => &def.cases()[*case as usize].fields,
                    _ => def.fields(),
                };
                let types = fields.iter().map(|f| subst.ty(program, &f.ty));
                match ty {
                    Ty::Tangent(_) => types.map(|t| tangent::tangent(program, &t)).collect(),
                    _ => types.collect(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// A row of examples in which the fields of the first column are put together again.
    fn rebuild(&self, ty: &Ty, head: &Head, count: usize, row: Vec<String>) -> Vec<String> {
        let (fields, rest) = row.split_at(count.min(row.len()));
        let text = match (of_tangent(ty), head) {
            (Ty::Adt(id, _), Head::Case(case)) => self.case_text(*id, *case, fields),
            (Ty::Adt(id, _), _) => {
                let def = &self.cx.cx.program.adts[*id];
                let names: Vec<&str> = def.fields().iter().map(|f| f.name.as_str()).collect();
                format!("{} {}", def.name, braces(&names, fields))
            }
            (Ty::Tuple(_), _) => format!("({})", fields.join(", ")),
            (_, Head::Bool(b)) => b.to_string(),
            (_, Head::Literal(Literal::Int(n))) => n.to_string(),
            (_, Head::Literal(Literal::Float(x))) => format!("{x:?}"),
            (_, Head::Literal(Literal::Str(s))) => format!("{:?}", s.as_str()),
            _ => "_".to_string(),
        };
        [vec![text], rest.to_vec()].concat()
    }

    fn case_text(&self, id: AdtId, case: u32, fields: &[String]) -> String {
        let def = &self.cx.cx.program.adts[id].cases()[case as usize];
        if def.fields.is_empty() {
            return def.name.to_string();
        }
        if def.named {
            let names: Vec<&str> = def.fields.iter().map(|f| f.name.as_str()).collect();
            return format!("{} {}", def.name, braces(&names, fields));
        }
        format!("{}({})", def.name, fields.join(", "))
    }
}

/// `{ w, h: 1.0 }`, and `{ .. }` if nothing is special.
fn braces(names: &[&str], fields: &[String]) -> String {
    if fields.iter().all(|f| f == "_") {
        return "{ .. }".to_string();
    }
    let special: Vec<String> =
        names.iter().zip(fields).filter(|(_, f)| *f != "_").map(|(n, f)| format!("{n}: {f}")).collect();
    format!("{{ {}, .. }}", special.join(", "))
}

fn head(pattern: &Pattern) -> Option<Head> {
    match &pattern.kind {
        PatternKind::Wildcard | PatternKind::Binding(_) | PatternKind::Or(_) => None,
        PatternKind::Literal(Literal::Bool(b)) => Some(Head::Bool(*b)),
        PatternKind::Literal(literal) => Some(Head::Literal(literal.clone())),
        PatternKind::Tuple(_) | PatternKind::Struct(_) => Some(Head::Single),
        PatternKind::Case { case, .. } => Some(Head::Case(*case)),
    }
}

/// Rows by the head of their first pattern: their order does not matter here.
struct Groups<'r, 'p> {
    /// In the order of their first occurrence.
    used: Vec<(Head, Vec<&'r [Cell<'p>]>)>,
    index: FxHashMap<Key, usize>,
    /// Rows whose first pattern matches all.
    open: Vec<&'r [Cell<'p>]>,
}

impl<'r, 'p> Groups<'r, 'p> {
    fn new(rows: &'r [Vec<Cell<'p>>]) -> Groups<'r, 'p> {
        let mut groups = Groups { used: Vec::new(), index: FxHashMap::default(), open: Vec::new() };
        for row in rows {
            let Some(head) = row[0].and_then(head) else {
                groups.open.push(row);
                continue;
            };
            let at = *groups.index.entry(head.key()).or_insert(groups.used.len());
            if at == groups.used.len() {
                groups.used.push((head, Vec::new()));
            }
            groups.used[at].1.push(row);
        }
        groups
    }

    fn of(&self, head: &Head) -> &[&'r [Cell<'p>]] {
        self.index.get(&head.key()).map_or(&[], |at| &self.used[*at].1)
    }
}

/// What two equal heads share.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Case(u32),
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(Symbol),
    Single,
}

impl Head {
    fn key(&self) -> Key {
        match self {
            Head::Case(case) => Key::Case(*case),
            Head::Bool(b) | Head::Literal(Literal::Bool(b)) => Key::Bool(*b),
            Head::Literal(Literal::Int(n)) => Key::Int(*n),
            // Both zeros are one pattern.
            Head::Literal(Literal::Float(x)) => Key::Float((x + 0.0).to_bits()),
            Head::Literal(Literal::Str(s)) => Key::Str(s.clone()),
            Head::Single => Key::Single,
        }
    }
}

/// The alternatives of a pattern, those of alternatives too.
fn alternatives<'p>(cell: Cell<'p>) -> Vec<Cell<'p>> {
    match cell {
        Some(Pattern { kind: PatternKind::Or(parts), .. }) => {
            parts.iter().flat_map(|p| alternatives(Some(p))).collect()
        }
        cell => vec![cell],
    }
}

/// A row for each alternative of its first cell.
fn expand<'p>(row: Vec<Cell<'p>>) -> Vec<Vec<Cell<'p>>> {
    let Some(first) = row.first().copied() else { return vec![row] };
    alternatives(first)
        .into_iter()
        .map(|cell| std::iter::once(cell).chain(row[1..].iter().copied()).collect())
        .collect()
}

fn sub_patterns(pattern: &Pattern, count: usize) -> Vec<Cell<'_>> {
    let mut cells = vec![None; count];
    match &pattern.kind {
        PatternKind::Tuple(parts) => parts.iter().take(count).enumerate().for_each(|(i, p)| cells[i] = Some(p)),
        PatternKind::Struct(fields) | PatternKind::Case { fields, .. } => {
            for (index, p) in fields {
                if let Some(cell) = cells.get_mut(*index as usize) {
                    *cell = Some(p);
                }
            }
        }
        PatternKind::Wildcard | PatternKind::Binding(_) | PatternKind::Literal(_) | PatternKind::Or(_) => {}
    }
    cells
}
