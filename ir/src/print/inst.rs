//! How an instruction is written: `results = head : types {regions}`.

use super::Printer;
use super::atoms::{const_text, format_spec_text, func_name, node_name, quoted, type_text, word};
use crate::function::{AxisSize, Inst, InstData, Value};
use crate::host::HostFn;
use crate::location::SrcLoc;
use crate::module::NodeId;
use crate::opcode::{Access, BinaryOp, CompareOp, FormatSpec, Op, ReduceOp, UnaryOp};
use crate::types::Type;
use crate::typing;

impl Printer<'_> {
    pub(super) fn inst(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let results = match data.results.as_slice() {
            [] => String::new(),
            results => format!("{} = ", self.values(results)),
        };
        let line = format!("{results}{}{}{}", self.head(data), self.type_suffix(data), self.location(data.loc));
        if data.regions.is_empty() {
            self.line(&line);
        } else {
            self.regions(line, data);
        }
        for note in self.options.notes.and_then(|notes| notes.get(&inst)).into_iter().flatten() {
            self.line(&format!("; ^ {note}"));
        }
    }

    fn regions(&mut self, mut line: String, data: &InstData) {
        for (k, region) in data.regions.iter().enumerate() {
            let part = &self.func.regions[*region];
            if data.op == Op::If && k == 1 && part.insts.is_empty() && part.yields.is_empty() {
                continue;
            }
            self.line(&format!("{line} {}{{", self.region_header(data, k)));
            self.depth += 1;
            self.region_body(*region);
            self.depth -= 1;
            line = "}".to_string();
        }
        self.line("}");
    }

    /// What stands before the brace of region `k`.
    fn region_header(&self, data: &InstData, k: usize) -> String {
        let last = k + 1 == data.regions.len();
        if data.op == Op::Switch {
            if last { "default ".to_string() } else { format!("case {k} ") }
        } else if data.op == Op::If && k > 0 {
            "else ".to_string()
        } else if data.op == Op::While && k > 0 {
            format!("do ({}) ", self.declarations(self.params(data, k), &self.types(&data.args)))
        } else {
            String::new()
        }
    }

    /// ` : f64`, where the types of the results do not follow or are not what follows.
    fn type_suffix(&self, data: &InstData) -> String {
        let actual = self.types(&data.results);
        let yields: Vec<Vec<Type>> = data.regions.iter().map(|r| self.types(&self.func.regions[*r].yields)).collect();
        let args = self.types(&data.args);
        let follows = typing::result_types(self.module, &data.op, &args, &yields);
        let shown = typing::shows_types(&data.op) || (data.op == Op::Concat && args.is_empty());
        if follows.as_ref() == Some(&actual) && (!shown || actual.is_empty()) {
            return String::new();
        }
        let types: Vec<String> = actual.iter().map(|ty| type_text(self.module, *ty)).collect();
        format!(" : {}", if types.is_empty() { "()".to_string() } else { types.join(", ") })
    }

    fn types(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|v| self.func.value_type(*v)).collect()
    }

    /// The instruction without results, types and regions.
    fn head(&self, data: &InstData) -> String {
        let args = self.values(&data.args);
        let first = || self.arg(data, 0);
        match &data.op {
            Op::Const(c) => format!("const {}", const_text(c)),
            Op::Undef => with_args("undef", &args),
            Op::Unary(op) => with_args(table_name(UnaryOp::TABLE, op), &args),
            Op::Binary(op) => with_args(table_name(BinaryOp::TABLE, op), &args),
            Op::Compare(op) => with_args(table_name(CompareOp::TABLE, op), &args),
            Op::Select => with_args("select", &args),
            Op::Convert(to) => format!("convert {args} to {}", to.name()),
            Op::StopGrad => with_args("stop_grad", &args),
            Op::Fill => with_args("fill", &args),
            Op::Elements => with_args("elements", &args),
            Op::Dim(axis) => format!("dim.{axis} {args}"),
            Op::Get(access) => format!("get{} {}", suffix(*access), self.indexed(data, 0)),
            Op::Set(access) => format!("set{} {}", suffix(*access), self.indexed(data, 1)),
            Op::Take(access) => format!("take{} {}", suffix(*access), self.indexed(data, 0)),
            Op::Put => format!("put {}", self.indexed(data, 1)),
            Op::AddAt(access) => format!("add_at{} {}", suffix(*access), self.indexed(data, 1)),
            Op::Slice(access) => {
                format!("slice{} {}[{}..{}]", suffix(*access), first(), self.arg(data, 1), self.arg(data, 2))
            }
            Op::SetSlice(access) => format!("set_slice{} {}", suffix(*access), self.rows_from(data)),
            Op::AddSlice(access) => format!("add_slice{} {}", suffix(*access), self.rows_from(data)),
            Op::Push => with_args("push", &args),
            Op::Pop => with_args("pop", &args),
            Op::Reshape => with_args("reshape", &args),
            Op::Map => format!("map ({})", self.carried(self.params(data, 0), &data.args, Type::element)),
            Op::Build => format!("build ({})", self.index_space(data)),
            Op::Reduce(op) => format!("reduce {} {args}", table_name(ReduceOp::TABLE, op)),
            Op::Dot => with_args("dot", &args),
            Op::MatMul { transpose_a, transpose_b } => {
                let (a, b) = (transposed(first(), *transpose_a), transposed(self.arg(data, 1), *transpose_b));
                format!("matmul {a}, {b}")
            }
            Op::MatVec { transpose } => {
                format!("matvec {}, {}", transposed(first(), *transpose), self.arg(data, 1))
            }
            Op::Outer => with_args("outer", &args),
            Op::SortPermutation => with_args("sort_permutation", &args),
            Op::NodeNew { node, case } => {
                format!("node_new {}::{}({args})", node_name(self.module, *node), self.case_name(Some(*node), *case))
            }
            Op::NodeTag => with_args("node_tag", &args),
            Op::NodeGet { case, field } => self.node_get(data, *case, *field),
            Op::ZerosLike => with_args("zeros_like", &args),
            Op::AddTangent => with_args("add_tangent", &args),
            Op::Concat => with_args("concat", &args),
            Op::Format(spec) if *spec == FormatSpec::default() => with_args("format", &args),
            Op::Format(spec) => format!("format {} {args}", quoted(&format_spec_text(spec))),
            Op::If => with_args("if", &args),
            Op::Switch => with_args("switch", &args),
            Op::For => self.for_head(data),
            Op::While => format!("while ({})", self.carried(self.params(data, 0), &data.args, |ty| ty)),
            Op::Call(callee) => {
                let name = self.module.funcs.get(*callee).map(|f| func_name(&f.name));
                format!("call {}({args})", name.unwrap_or_else(|| format!("@?{callee:?}")))
            }
            Op::Check(code) => format!("check {} {args}", code.name()),
            Op::Trap => with_args("trap", &args),
            Op::Host(f) => format!("host {}({args})", table_name(HostFn::TABLE, f)),
            Op::Retain => with_args("retain", &args),
            Op::Release => with_args("release", &args),
            Op::Unshare => with_args("unshare", &args),
        }
    }

    fn for_head(&self, data: &InstData) -> String {
        let params = self.params(data, 0);
        let counter = params.first().map_or("%?".to_string(), |i| self.declaration(*i, Some(Type::I64)));
        let head = format!("for {counter} in {}..{}", self.arg(data, 0), self.arg(data, 1));
        match self.carried(params.get(1..).unwrap_or(&[]), data.args.get(2..).unwrap_or(&[]), |ty| ty) {
            carried if carried.is_empty() => head,
            carried => format!("{head} carry ({carried})"),
        }
    }

    /// `%i < %n, %j < %m`
    fn index_space(&self, data: &InstData) -> String {
        let axes = self.params(data, 0).iter().zip(&data.args);
        let axes = axes.map(|(i, n)| format!("{} < {}", self.declaration(*i, Some(Type::I64)), self.value(*n)));
        axes.collect::<Vec<_>>().join(", ")
    }

    /// Region parameters with what they start from: `%s = %x, %t = %y`. Their types follow by `expected`.
    fn carried(&self, params: &[Value], inits: &[Value], expected: fn(Type) -> Type) -> String {
        let items = params.iter().enumerate().map(|(k, param)| match inits.get(k) {
            Some(v) => {
                format!("{} = {}", self.declaration(*param, Some(expected(self.func.value_type(*v)))), self.value(*v))
            }
            None => self.declaration(*param, None),
        });
        items.collect::<Vec<_>>().join(", ")
    }

    /// Region parameters alone: `%s, %t`. Their types are those of `like`.
    pub(super) fn declarations(&self, params: &[Value], like: &[Type]) -> String {
        let items = params.iter().enumerate().map(|(k, param)| self.declaration(*param, like.get(k).copied()));
        items.collect::<Vec<_>>().join(", ")
    }

    /// `%x`, or `%x: f64` if its type is not the expected one.
    fn declaration(&self, v: Value, expected: Option<Type>) -> String {
        let ty = self.func.value_type(v);
        let shown = if expected == Some(ty) { String::new() } else { format!(": {}", type_text(self.module, ty)) };
        format!("{}{shown}{}", self.value(v), self.fixed_sizes(v))
    }

    /// `(_, 11, #0)`: the sizes of a parameter that the program fixes, `#0` that which parameter 0 is.
    fn fixed_sizes(&self, v: Value) -> String {
        let Some(sizes) = &self.func.values[v].sizes else { return String::new() };
        let text = |size: &AxisSize| match size {
            AxisSize::Open => "_".to_string(),
            AxisSize::Number(n) => n.to_string(),
            AxisSize::Param(k) => format!("#{k}"),
        };
        let sizes: Vec<String> = sizes.iter().map(text).collect();
        format!("({})", sizes.join(", "))
    }

    /// `%x[%i, %j], %v`: the operands before the last `behind`, the first indexed by the others; and those behind.
    fn indexed(&self, data: &InstData, behind: usize) -> String {
        let split = data.args.len().saturating_sub(behind).max(1).min(data.args.len());
        let (front, back) = data.args.split_at(split);
        let array = self.arg(data, 0);
        let head = format!("{array}[{}]", self.values(front.get(1..).unwrap_or(&[])));
        if back.is_empty() { head } else { format!("{head}, {}", self.values(back)) }
    }

    /// `%x[%lo..], %v`
    fn rows_from(&self, data: &InstData) -> String {
        format!("{}[{}..], {}", self.arg(data, 0), self.arg(data, 1), self.arg(data, 2))
    }

    fn node_get(&self, data: &InstData, case: u32, field: u32) -> String {
        let node = data.args.first().and_then(|n| self.func.value_type(*n).as_node());
        let fields = node.and_then(|id| self.module.nodes.get(id)?.cases.get(case as usize)).map(|c| &c.fields);
        let named = fields.and_then(|fields| {
            let name = &fields.get(field as usize)?.name;
            let first = fields.iter().position(|f| f.name == *name)?;
            (first == field as usize).then(|| word(name))
        });
        let field = named.unwrap_or_else(|| format!("#{field}"));
        format!("node_get {} as {}::{field}", self.arg(data, 0), self.case_name(node, case))
    }

    /// The name of a case, or its number where the name does not say which it is.
    fn case_name(&self, node: Option<NodeId>, case: u32) -> String {
        let cases = node.and_then(|id| self.module.nodes.get(id)).map(|def| &def.cases);
        let named = cases.and_then(|cases| {
            let name = &cases.get(case as usize)?.name;
            let first = cases.iter().position(|c| c.name == *name)?;
            (first == case as usize).then(|| word(name))
        });
        named.unwrap_or_else(|| format!("#{case}"))
    }

    fn params(&self, data: &InstData, k: usize) -> &[Value] {
        data.regions.get(k).map_or(&[], |r| &self.func.regions[*r].params)
    }

    fn arg(&self, data: &InstData, k: usize) -> String {
        data.args.get(k).map_or("%?".to_string(), |v| self.value(*v))
    }

    fn value(&self, v: Value) -> String {
        format!("%{}", word(&self.names.get(v)))
    }

    pub(super) fn values(&self, values: &[Value]) -> String {
        values.iter().map(|v| self.value(*v)).collect::<Vec<_>>().join(", ")
    }

    /// ` !loc 12`, if asked for.
    pub(super) fn location(&self, loc: SrcLoc) -> String {
        let shown = self.options.locations && loc != SrcLoc::NONE;
        if shown { format!(" !loc {}", loc.0) } else { String::new() }
    }
}

fn with_args(name: &str, args: &str) -> String {
    if args.is_empty() { name.to_string() } else { format!("{name} {args}") }
}

fn suffix(access: Access) -> &'static str {
    match access {
        Access::Checked => "",
        Access::InBounds => ".inbounds",
    }
}

fn transposed(operand: String, flag: bool) -> String {
    if flag { operand + "^T" } else { operand }
}

fn table_name<T: PartialEq>(table: &[(T, &'static str)], op: &T) -> &'static str {
    table.iter().find(|(entry, _)| entry == op).expect("every operation is in its table").1
}
