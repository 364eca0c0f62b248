//! A value for each parameter: the caller's, or one made from its type.

use dprog_frontend::typed::{AdtId, AdtKind, Arg, FnDef, GenericId, Param, Program, Size, SizeAtom, SizeOp, Ty};
use dprog_ir::Scalar;
use rustc_hash::FxHashMap;

/// Integers, and sizes that nobody gave.
const DEFAULT_SIZE: i64 = 3;

/// The parameters that have a derivative: floats, arrays and lists of them, structs that hold one.
pub fn active(def: &FnDef) -> Vec<&Param> {
    def.params.iter().filter(|param| !param.inout && holds_float(&param.ty)).collect()
}

/// Judged by the type alone; fields of structs are taken to be floats, which most are.
fn holds_float(ty: &Ty) -> bool {
    match ty {
        Ty::Scalar(scalar) => scalar.is_float(),
        Ty::Array(element, _) | Ty::List(element) => holds_float(element),
        Ty::Tuple(parts) => parts.iter().any(holds_float),
        Ty::Adt(..) => true,
        Ty::Str | Ty::Fn(..) | Ty::Param(_) | Ty::Tangent(_) | Ty::Never | Ty::Infer(_) | Ty::Error => false,
    }
}

/// An expression for each parameter, or why there is none.
pub fn arguments(def: &FnDef, program: &Program, at: &[(String, String)]) -> Result<Vec<String>, String> {
    let mut maker = Maker { program, sizes: FxHashMap::default(), at, floats: 0, depth: 0 };
    for generic in &def.generics {
        let size = maker.given(generic.name.as_str()).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_SIZE);
        maker.sizes.insert(generic.id, size);
    }
    def.params.iter().map(|param| maker.argument(param)).collect()
}

/// Reads `x = 1.5, v = [1.0, 2.0]`: names, and expressions for them.
pub fn parse_point(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = split_outside_brackets(text).into_iter().filter(|part| !part.trim().is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_string(), value.trim().to_string())),
            None => Err(format!("`{part}` is not of the form `name = value`")),
        })
        .collect()
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let outside = |c: char| {
        depth += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        c == ',' && depth == 0
    };
    text.split(outside).collect()
}

/// The point as people write it.
pub fn shown(def: &FnDef, arguments: &[String]) -> String {
    let parts = def.params.iter().zip(arguments).map(|(param, value)| format!("{} = {value}", param.name.as_str()));
    parts.collect::<Vec<_>>().join(", ")
}

struct Maker<'a> {
    program: &'a Program,
    sizes: FxHashMap<GenericId, i64>,
    at: &'a [(String, String)],
    floats: u32,
    depth: usize,
}

impl Maker<'_> {
    fn given(&self, name: &str) -> Option<&str> {
        self.at.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn argument(&mut self, param: &Param) -> Result<String, String> {
        let name = param.name.as_str();
        if param.inout {
            return Err(format!("its parameter `{name}` is `inout`"));
        }
        if let Some(value) = self.given(name) {
            // Nobody thinks of the point when a number is whole.
            let whole = matches!(param.ty, Ty::Scalar(s) if s.is_float()) && value.parse::<i64>().is_ok();
            return Ok(if whole { format!("{value}.0") } else { value.to_string() });
        }
        self.value(&param.ty).ok_or_else(|| format!("no value is known for its parameter `{name}`; give one by `--at`"))
    }

    fn value(&mut self, ty: &Ty) -> Option<String> {
        match ty {
            Ty::Scalar(scalar) => Some(self.scalar(*scalar)),
            Ty::Str => Some("\"text\"".into()),
            Ty::Tuple(parts) => Some(format!("({})", self.values(parts.iter())?.join(", "))),
            Ty::Array(element, sizes) => self.array(element, sizes),
            Ty::List(element) => {
                let items = self.values(std::iter::repeat_n(&**element, DEFAULT_SIZE as usize))?;
                Some(format!("List::from([{}])", items.join(", ")))
            }
            Ty::Adt(id, args) => self.structure(*id, args),
            Ty::Fn(params, result) => {
                let simple = params.len() == 1 && params[0].ty == Ty::F64 && **result == Ty::F64;
                simple.then(|| "|t| sin(t)".to_string())
            }
            Ty::Param(_) | Ty::Tangent(_) | Ty::Never | Ty::Infer(_) | Ty::Error => None,
        }
    }

    fn values<'t>(&mut self, types: impl Iterator<Item = &'t Ty>) -> Option<Vec<String>> {
        types.map(|ty| self.value(ty)).collect()
    }

    fn scalar(&mut self, scalar: Scalar) -> String {
        match scalar {
            Scalar::F64 | Scalar::F32 => self.float(),
            Scalar::I64 | Scalar::I32 | Scalar::U8 => DEFAULT_SIZE.to_string(),
            Scalar::Bool => "true".into(),
        }
    }

    /// The number that a size is at this point.
    fn size(&self, size: &Size) -> Option<i64> {
        let terms = size.terms.iter().map(|(atom, factor)| Some(self.atom(atom)?.wrapping_mul(*factor)));
        terms.sum::<Option<i64>>().map(|sum| sum.wrapping_add(size.constant))
    }

    fn atom(&self, atom: &SizeAtom) -> Option<i64> {
        match atom {
            SizeAtom::Param(id) => self.sizes.get(id).copied(),
            SizeAtom::Op(op, a, b) => {
                let (a, b) = (self.size(a)?, self.size(b)?);
                match op {
                    SizeOp::Mul => Some(a.wrapping_mul(b)),
                    SizeOp::Div => a.checked_div(b),
                    SizeOp::Rem => a.checked_rem(b),
                    SizeOp::Min => Some(a.min(b)),
                    SizeOp::Max => Some(a.max(b)),
                    SizeOp::Shl => Some(a.wrapping_shl(b as u32)),
                    SizeOp::Shr => Some(a.wrapping_shr(b as u32)),
                }
            }
            // A parameter whose value is a size of another: the caller must give both.
            SizeAtom::Local(_) | SizeAtom::Infer(_) => None,
        }
    }

    /// The fractional parts of multiples of the golden ratio lie evenly; half to one and a half is ordinary for most
    /// functions.
    fn float(&mut self) -> String {
        self.floats += 1;
        let fraction = (f64::from(self.floats) * 0.618_033_988_75).fract();
        format!("{:?}", (fraction * 1000.0).round() / 1000.0 + 0.5)
    }

    fn array(&mut self, element: &Ty, sizes: &[Size]) -> Option<String> {
        let Some((first, rest)) = sizes.split_first() else { return self.value(element) };
        let count = self.size(first)?;
        if count > 100_000 || (count <= 0 && !rest.is_empty()) {
            return None;
        }
        if count <= 0 {
            return Some(format!("[{}; 0]", self.value(element)?));
        }
        let items: Option<Vec<String>> = (0..count).map(|_| self.array(element, rest)).collect();
        Some(format!("[{}]", items?.join(", ")))
    }

    /// A literal with all fields. Enums, and structs that hold each other too deep, need the caller's help.
    fn structure(&mut self, id: AdtId, args: &[Arg]) -> Option<String> {
        let def = &self.program.adts[id];
        let fields = match &def.kind {
            AdtKind::Struct(fields) | AdtKind::Model(fields) if self.depth < 8 => fields,
            _ => return None,
        };
        for (generic, arg) in def.generics.iter().zip(args) {
            match arg {
                Arg::Size(size) => {
                    let value = self.size(size)?;
                    self.sizes.insert(generic.id, value);
                }
                Arg::Ty(_) => return None,
            }
        }
        self.depth += 1;
        let parts: Option<Vec<String>> =
            fields.iter().map(|f| Some(format!("{}: {}", f.name.as_str(), self.value(&f.ty)?))).collect();
        self.depth -= 1;
        Some(format!("{} {{ {} }}", def.name.as_str(), parts?.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_list_of_names_and_values() {
        let read = parse_point("x = 1.5, v = [1.0, 2.0], p = Point { x: 1.0, y: f(1, 2) }").unwrap();
        let expected = [("x", "1.5"), ("v", "[1.0, 2.0]"), ("p", "Point { x: 1.0, y: f(1, 2) }")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_string(), value.to_string())));
        assert_eq!(parse_point(" "), Ok(Vec::new()));
        assert!(parse_point("1.5").is_err());
    }
}
