//! Types and sizes as text, for messages.

use super::infer::{Infer, TyVar};
use crate::ast::Symbol;
use crate::typed::{Arg, Local, LocalId, Program, Size, SizeAtom, SizeOp, Ty};
use dprog_ir::Arena;

/// What is needed to name what occurs in a type.
pub(super) struct Show<'a> {
    pub program: &'a Program,
    pub locals: &'a Arena<LocalId, Local>,
    /// In a body: what literals are, if nothing else decides.
    pub infer: Option<&'a Infer>,
}

impl Show<'_> {
    /// A type as it is written in source.
    pub fn ty(&self, ty: &Ty) -> String {
        match ty {
            Ty::Scalar(s) => s.name().to_string(),
            Ty::Str => "str".to_string(),
            Ty::Tuple(parts) if parts.len() == 1 => format!("({},)", self.ty(&parts[0])),
            Ty::Tuple(parts) => format!("({})", self.list(parts)),
            Ty::Array(element, sizes) => format!("[{}; {}]", self.ty(element), self.sizes(sizes)),
            Ty::List(element) => format!("List<{}>", self.ty(element)),
            Ty::Adt(id, args) => self.named(&self.program.adts[*id].name, args),
            Ty::Fn(params, result) => {
                let params: Vec<String> = params
                    .iter()
                    .map(|p| if p.inout { format!("inout {}", self.ty(&p.ty)) } else { self.ty(&p.ty) })
                    .collect();
                let result = if result.is_unit() { String::new() } else { format!(" -> {}", self.ty(result)) };
                format!("fn({}){result}", params.join(", "))
            }
            Ty::Param(id) => self.program.generic_names[id.0 as usize].to_string(),
            Ty::Tangent(of) => format!("Tangent<{}>", self.ty(of)),
            Ty::Never => "never".to_string(),
            Ty::Infer(var) => match self.infer.map(|infer| infer.var(*var)) {
                Some(TyVar::Int) => "i64".to_string(),
                Some(TyVar::Float) => "f64".to_string(),
                _ => "_".to_string(),
            },
            Ty::Error => "_".to_string(),
        }
    }

    /// A name with its arguments.
    pub fn named(&self, name: &Symbol, args: &[Arg]) -> String {
        if args.is_empty() {
            return name.to_string();
        }
        let args: Vec<String> = args.iter().map(|a| self.arg(a)).collect();
        format!("{name}<{}>", args.join(", "))
    }

    fn list(&self, types: &[Ty]) -> String {
        types.iter().map(|t| self.ty(t)).collect::<Vec<_>>().join(", ")
    }

    fn arg(&self, arg: &Arg) -> String {
        match arg {
            Arg::Ty(ty) => self.ty(ty),
            Arg::Size(size) => self.size(size),
        }
    }

    /// Sizes with commas between.
    pub fn sizes(&self, sizes: &[Size]) -> String {
        sizes.iter().map(|s| self.size(s)).collect::<Vec<_>>().join(", ")
    }

    /// A size as an expression: positive terms first.
    pub fn size(&self, size: &Size) -> String {
        if size.terms.is_empty() {
            return size.constant.to_string();
        }
        let mut terms: Vec<(i64, String)> = size.terms.iter().map(|(a, c)| (*c, self.atom(a))).collect();
        terms.sort_by_key(|(c, _)| *c < 0);
        let mut out = String::new();
        for (factor, atom) in terms {
            out.push_str(match (out.is_empty(), factor < 0) {
                (true, false) => "",
                (true, true) => "-",
                (false, false) => " + ",
                (false, true) => " - ",
            });
            if factor.unsigned_abs() != 1 {
                out.push_str(&format!("{} * ", factor.unsigned_abs()));
            }
            out.push_str(&atom);
        }
        match size.constant {
            0 => {}
            c if c > 0 => out.push_str(&format!(" + {c}")),
            c => out.push_str(&format!(" - {}", c.unsigned_abs())),
        }
        out
    }

    fn atom(&self, atom: &SizeAtom) -> String {
        match atom {
            SizeAtom::Param(id) => self.program.generic_names[id.0 as usize].to_string(),
            SizeAtom::Local(id) => self.locals.get(*id).map_or("_".to_string(), |l| l.name.to_string()),
            SizeAtom::Infer(_) => "_".to_string(),
            SizeAtom::Op(op, a, b) => match op {
                SizeOp::Mul => format!("{} * {}", self.operand(a), self.operand(b)),
                SizeOp::Div => format!("{} / {}", self.operand(a), self.operand(b)),
                SizeOp::Rem => format!("{} % {}", self.operand(a), self.operand(b)),
                SizeOp::Shl => format!("({} << {})", self.operand(a), self.operand(b)),
                SizeOp::Shr => format!("({} >> {})", self.operand(a), self.operand(b)),
                SizeOp::Min => format!("min({}, {})", self.size(a), self.size(b)),
                SizeOp::Max => format!("max({}, {})", self.size(a), self.size(b)),
            },
        }
    }

    fn operand(&self, size: &Size) -> String {
        let text = self.size(size);
        if size.as_atom().is_some() || size.as_constant().is_some() { text } else { format!("({text})") }
    }
}
