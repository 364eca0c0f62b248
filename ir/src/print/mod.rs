//! The text form of the IR, written. [`crate::parse`] reads it back: printing what was parsed gives the same text.
//!
//! ```text
//! node %Tree = enum { Leaf(0: f64), Node(0: %Tree, 1: %Tree) }
//!
//! func @power(%x: f64, %n: i64) -> f64 {
//!   %lo = const 0 : i64
//!   %one = const 1.0 : f64
//!   %r = for %i in %lo..%n carry (%s = %one) {
//!     %s.1 = mul %s, %x
//!     yield %s.1
//!   }
//!   yield %r
//! }
//!
//! func @slope(f64, i64, f64) -> (f64, f64) = vjp @power wrt (x, _) outs (0)
//! ```
//!
//! A type is written where it does not follow from the operands. docs/ir.md describes the whole form.

mod atoms;
mod inst;
mod names;

pub use atoms::{func_name, type_text};
pub use names::{ValueNames, base_name};

use crate::function::{Body, Derivative, DerivativeMode, Function, Inst, Region};
use crate::location::SrcLoc;
use crate::module::{Module, NodeId, NodeKind};
use atoms::{quoted, word};
use rustc_hash::FxHashMap;
use std::fmt;

/// What to write besides the program itself.
#[derive(Clone, Copy, Default)]
pub struct PrintOptions<'a> {
    /// The table of source locations, and at each instruction its entry.
    pub locations: bool,
    /// Remarks to be written as comments under their instructions.
    pub notes: Option<&'a FxHashMap<Inst, Vec<String>>>,
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&module_text(self, PrintOptions::default()))
    }
}

/// The text of a whole module.
pub fn module_text(module: &Module, options: PrintOptions<'_>) -> String {
    let mut sections = Vec::new();
    if options.locations {
        sections.push(locations_text(module));
    }
    sections.push(module.nodes.keys().map(|id| node_text(module, id) + "\n").collect());
    sections.extend(module.funcs.values().map(|f| function_text(module, f, options)));
    sections.retain(|s: &String| !s.is_empty());
    sections.join("\n")
}

/// The text of one function.
pub fn function_text(module: &Module, func: &Function, options: PrintOptions<'_>) -> String {
    let mut printer = Printer { module, func, options, names: ValueNames::new(func), text: String::new(), depth: 1 };
    printer.function();
    printer.text
}

fn locations_text(module: &Module) -> String {
    let mut text = String::new();
    for n in 1..module.locations.len() as u32 {
        let data = module.locations.get(SrcLoc(n));
        text += &format!("location {n} = {} in {}", data.position, quoted(&data.function));
        if data.inlined_at != SrcLoc::NONE {
            text += &format!(" inlined {}", data.inlined_at.0);
        }
        text.push('\n');
    }
    text
}

fn node_text(module: &Module, id: NodeId) -> String {
    let node = &module.nodes[id];
    let kind = match node.kind {
        NodeKind::Enum => "enum".to_string(),
        NodeKind::Closure => "closure".to_string(),
        NodeKind::Tape => "tape".to_string(),
        NodeKind::Tangent(of) => format!("tangent {}", atoms::node_name(module, of)),
    };
    let cases: Vec<String> = node
        .cases
        .iter()
        .map(|case| {
            let fields: Vec<String> =
                case.fields.iter().map(|f| format!("{}: {}", word(&f.name), type_text(module, f.ty))).collect();
            if fields.is_empty() { word(&case.name) } else { format!("{}({})", word(&case.name), fields.join(", ")) }
        })
        .collect();
    let cases = if cases.is_empty() { "{}".to_string() } else { format!("{{ {} }}", cases.join(", ")) };
    format!("node {} = {kind} {cases}", atoms::node_name(module, id))
}

struct Printer<'a> {
    module: &'a Module,
    func: &'a Function,
    options: PrintOptions<'a>,
    names: ValueNames,
    text: String,
    depth: usize,
}

impl Printer<'_> {
    fn function(&mut self) {
        let header = format!("func {}", func_name(&self.func.name));
        match &self.func.body {
            Body::Defined(entry) => {
                let params = self.declarations(&self.func.regions[*entry].params, &[]);
                let results = self.result_list();
                let loc = self.location(self.func.loc);
                self.text += &format!("{header}({params}){results}{loc} {{\n");
                self.region_body(*entry);
                self.text += "}\n";
            }
            Body::Derivative(request) => {
                let (signature, loc) = (self.signature(), self.location(self.func.loc));
                self.text += &format!("{header}{signature}{loc} = {}\n", self.request(request));
            }
            Body::Pending => {
                let (signature, loc) = (self.signature(), self.location(self.func.loc));
                self.text += &format!("{header}{signature}{loc} = pending\n");
            }
        }
    }

    fn signature(&self) -> String {
        let params: Vec<String> = self.func.params.iter().map(|ty| type_text(self.module, *ty)).collect();
        format!("({}){}", params.join(", "), self.result_list())
    }

    /// ` -> f64`, ` -> (f64, i64)`, or nothing.
    fn result_list(&self) -> String {
        let results: Vec<String> = self.func.results.iter().map(|ty| type_text(self.module, *ty)).collect();
        match results.as_slice() {
            [] => String::new(),
            [one] => format!(" -> {one}"),
            many => format!(" -> ({})", many.join(", ")),
        }
    }

    fn request(&self, request: &Derivative) -> String {
        let (mode, tape) = match request.mode {
            DerivativeMode::Jvp => ("jvp", None),
            DerivativeMode::Vjp => ("vjp", None),
            DerivativeMode::VjpInto => ("vjp_into", None),
            DerivativeMode::Augmented { tape } => ("augmented", Some(tape)),
            DerivativeMode::Reverse { tape } => ("reverse", Some(tape)),
        };
        let primal = self.module.funcs.get(request.primal);
        let name = primal.map_or_else(|| format!("@?{:?}", request.primal), |f| func_name(&f.name));
        let wrt = mark_list(&request.wrt, |k| primal.and_then(|f| param_word(f, k)).unwrap_or("*".to_string()));
        let outs = mark_list(&request.outs, |k| k.to_string());
        let tape = tape.map_or(String::new(), |t| format!(" tape {}", atoms::node_name(self.module, t)));
        format!("{mode} {name} wrt ({wrt}) outs ({outs}){tape}")
    }

    fn region_body(&mut self, region: Region) {
        for inst in &self.func.regions[region].insts {
            self.inst(*inst);
        }
        let yields = &self.func.regions[region].yields;
        if !yields.is_empty() {
            self.line(&format!("yield {}", self.values(yields)));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        self.text += line;
        self.text.push('\n');
    }
}

/// `x, _`: a word for each marked position, `_` for the others.
fn mark_list(marks: &[bool], text: impl Fn(usize) -> String) -> String {
    let words = marks.iter().enumerate().map(|(k, marked)| if *marked { text(k) } else { "_".to_string() });
    words.collect::<Vec<_>>().join(", ")
}

/// The name of parameter `k` of a defined function, if it has one that can stand as a word.
fn param_word(func: &Function, k: usize) -> Option<String> {
    let param = *func.regions[func.entry()?].params.get(k)?;
    let name = base_name(func.values[param].name.as_deref()?);
    (word(name) == name && name != "_" && !name.is_empty()).then(|| name.to_string())
}
