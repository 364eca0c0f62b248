//! The tree as an S-expression, for tests: positions are left out, structure is not.

use super::*;
use std::fmt::Write;

/// A whole file, an item a line.
pub fn dump_module(module: &Module) -> String {
    module.items.iter().map(|item| dump_item(item) + "\n").collect()
}

/// One item.
pub fn dump_item(item: &Item) -> String {
    let mut out = String::new();
    Dump { out: &mut out }.item(item);
    out
}

/// One expression.
pub fn dump_expr(expr: &Expr) -> String {
    let mut out = String::new();
    Dump { out: &mut out }.expr(expr);
    out
}

struct Dump<'a> {
    out: &'a mut String,
}

impl Dump<'_> {
    fn word(&mut self, text: &str) {
        if !self.out.is_empty() && !self.out.ends_with(['(', '[']) {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }

    fn list(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.word("(");
        self.out.push_str(head);
        body(self);
        self.out.push(')');
    }

    fn many<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        items.iter().for_each(|item| each(self, item));
    }

    fn item(&mut self, item: &Item) {
        if item.docs.is_none() && item.attrs.is_empty() && !item.public {
            return self.item_kind(&item.kind);
        }
        self.list("item", |d| {
            if let Some(docs) = &item.docs {
                d.word(&format!("{docs:?}"));
            }
            d.many(&item.attrs, Self::attr);
            if item.public {
                d.word("pub");
            }
            d.item_kind(&item.kind);
        });
    }

    fn attr(&mut self, attr: &Attr) {
        self.list(&format!("@{}", attr.name), |d| d.many(&attr.args, Self::arg));
    }

    fn item_kind(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Use(u) => self.list("use", |d| d.many(&u.imports, Self::import)),
            ItemKind::Const(c) => self.list(&format!("const {}", c.name), |d| {
                d.ty(&c.ty);
                d.expr(&c.value);
            }),
            ItemKind::Type(t) => self.declaration("type", &t.name, &t.generics, |d| d.ty(&t.ty)),
            ItemKind::Struct(s) => self.declaration("struct", &s.name, &s.generics, |d| d.many(&s.fields, Self::field)),
            ItemKind::Enum(e) => self.declaration("enum", &e.name, &e.generics, |d| d.many(&e.cases, Self::case)),
            ItemKind::Model(m) => self.declaration("model", &m.name, &m.generics, |d| {
                d.many(&m.fields, Self::model_field);
                d.many(&m.methods, Self::item);
            }),
            ItemKind::Trait(t) => self.declaration("trait", &t.name, &t.generics, |d| {
                d.many(&t.bounds, |d, b| d.list("bound", |d| d.path(b)));
                d.many(&t.methods, Self::item);
            }),
            ItemKind::Impl(i) => self.list("impl", |d| {
                d.generics(&i.generics);
                i.of_trait.iter().for_each(|t| d.list("trait", |d| d.path(t)));
                d.ty(&i.target);
                d.many(&i.methods, Self::item);
            }),
            ItemKind::Fn(f) => self.function(f),
            ItemKind::Derivative(r) => self.list("derivative", |d| {
                d.path(&r.target);
                d.many(&r.rules, Self::rule);
            }),
            ItemKind::Export(e) => self.list(&format!("export {}", e.name), |d| d.expr(&e.value)),
        }
    }

    fn declaration(&mut self, word: &str, name: &Name, generics: &[GenericParam], body: impl FnOnce(&mut Self)) {
        self.list(&format!("{word} {name}"), |d| {
            d.generics(generics);
            body(d);
        });
    }

    fn import(&mut self, import: &Import) {
        let path: Vec<&str> = import.path.iter().map(Name::as_str).collect();
        self.word(&path.join("::"));
        if let Some(alias) = &import.alias {
            self.word(&format!("as {alias}"));
        }
    }

    fn field(&mut self, field: &FieldDef) {
        self.list(field.name.as_str(), |d| {
            if let Some(docs) = &field.docs {
                d.word(&format!("{docs:?}"));
            }
            d.ty(&field.ty);
            field.default.iter().for_each(|e| d.expr(e));
        });
    }

    fn model_field(&mut self, field: &ModelField) {
        self.list(&format!("{:?}", field.role).to_lowercase(), |d| d.field(&field.field));
    }

    fn case(&mut self, case: &Case) {
        self.list(case.name.as_str(), |d| match &case.payload {
            Payload::None => {}
            Payload::Tuple(types) => d.many(types, Self::ty),
            Payload::Struct(fields) => d.list("fields", |d| d.many(fields, Self::field)),
        });
    }

    fn generics(&mut self, params: &[GenericParam]) {
        if params.is_empty() {
            return;
        }
        self.list("generic", |d| {
            d.many(params, |d, p| match &p.kind {
                GenericParamKind::Type { bounds } if !bounds.is_empty() => {
                    d.list(p.name.as_str(), |d| d.many(bounds, Self::path));
                }
                _ => d.word(p.name.as_str()),
            });
        });
    }

    fn function(&mut self, f: &FnItem) {
        let word = match f.linkage {
            Linkage::Plain => "fn",
            Linkage::Extern => "extern-fn",
            Linkage::Export => "export-fn",
        };
        self.declaration(word, &f.name, &f.generics, |d| {
            if let Some(receiver) = &f.receiver {
                d.word(if receiver.inout { "inout-self" } else { "self" });
            }
            d.many(&f.params, Self::param);
            f.result.iter().for_each(|ty| d.list("->", |d| d.ty(ty)));
            f.body.iter().for_each(|b| d.block(b));
        });
    }

    fn param(&mut self, param: &Param) {
        self.list(param.name.as_str(), |d| {
            if param.inout {
                d.word("inout");
            }
            d.ty(&param.ty);
            param.default.iter().for_each(|e| d.list("=", |d| d.expr(e)));
        });
    }

    fn rule(&mut self, rule: &Rule) {
        self.list(&format!("{:?}", rule.kind).to_lowercase(), |d| {
            d.list("", |d| d.many(&rule.params, Self::pattern));
            d.block(&rule.body);
        });
    }

    fn path(&mut self, path: &Path) {
        for (i, segment) in path.segments.iter().enumerate() {
            match i {
                0 => self.word(segment.name.as_str()),
                _ => {
                    self.out.push_str("::");
                    self.out.push_str(segment.name.as_str());
                }
            }
            if let Some(args) = &segment.args {
                self.out.push_str("<(");
                self.many(&args.args, Self::generic_arg);
                self.out.push_str(")>");
            }
        }
    }

    fn generic_arg(&mut self, arg: &GenericArg) {
        match arg {
            GenericArg::Type(ty) => self.list("type", |d| d.ty(ty)),
            GenericArg::Size(e) => self.list("size", |d| d.expr(e)),
            GenericArg::Name(_, path) => self.path(path),
        }
    }

    fn ty(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeKind::Path(path) => self.path(path),
            TypeKind::Array { element, sizes } => self.list("array", |d| {
                d.ty(element);
                d.many(sizes, |d, size| match size {
                    Size::Expr(e) => d.expr(e),
                    Size::Some(_, name) => d.list("some", |d| d.word(name.as_str())),
                });
            }),
            TypeKind::Tuple(types) => self.list("tuple", |d| d.many(types, Self::ty)),
            TypeKind::Fn { params, result } => self.list("fn", |d| {
                d.many(params, |d, p| {
                    if p.inout {
                        d.word("inout");
                    }
                    d.ty(&p.ty);
                });
                result.iter().for_each(|ty| d.list("->", |d| d.ty(ty)));
            }),
            TypeKind::Error => self.word("ERROR"),
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Int(n) => self.word(&n.to_string()),
            Literal::Float { f64, .. } => self.word(&format!("{f64:?}")),
            Literal::Bool(b) => self.word(&b.to_string()),
            Literal::Str(s) => self.word(&format!("{:?}", s.as_str())),
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Wildcard => self.word("_"),
            PatternKind::Binding(name) => self.word(name.as_str()),
            PatternKind::Literal { negative: false, literal } => self.literal(literal),
            PatternKind::Literal { negative: true, literal } => self.list("-", |d| d.literal(literal)),
            PatternKind::Tuple(parts) => self.list("tuple", |d| d.many(parts, Self::pattern)),
            PatternKind::Case(path) => self.list("case", |d| d.path(path)),
            PatternKind::TupleCase { path, args } => self.list("case", |d| {
                d.path(path);
                d.many(args, Self::pattern);
            }),
            PatternKind::StructCase { path, fields, rest } => self.list("case", |d| {
                d.path(path);
                d.many(fields, |d, f| d.list(&format!("{}:", f.name), |d| d.pattern(&f.pattern)));
                if *rest {
                    d.word("..");
                }
            }),
            PatternKind::Or(parts) => self.list("|", |d| d.many(parts, Self::pattern)),
            PatternKind::Error => self.word("ERROR"),
        }
    }

    fn block(&mut self, block: &Block) {
        self.list("do", |d| {
            d.many(&block.stmts, Self::stmt);
            block.value.iter().for_each(|e| d.list("value", |d| d.expr(e)));
        });
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Let { mutable, pattern, ty, init } => self.list(if *mutable { "var" } else { "let" }, |d| {
                d.pattern(pattern);
                ty.iter().for_each(|ty| d.list(":", |d| d.ty(ty)));
                init.iter().for_each(|e| d.expr(e));
            }),
            StmtKind::Expr(e) => self.expr(e),
            StmtKind::Item(item) => self.item(item),
        }
    }

    /// Long because it is exhaustive.
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Str(parts) => self.list("str", |d| d.many(parts, Self::str_part)),
            ExprKind::Path(path) => self.path(path),
            ExprKind::Unary { op, operand } => self.list(op.symbol(), |d| d.expr(operand)),
            ExprKind::Binary { op, left, right, .. } => self.pair(op.symbol(), left, right),
            ExprKind::Range { start, end } => self.pair("..", start, end),
            ExprKind::Cast { value, ty } => self.list("as", |d| {
                d.expr(value);
                d.ty(ty);
            }),
            ExprKind::Call { callee, args } => self.list("call", |d| {
                d.expr(callee);
                d.many(args, Self::arg);
            }),
            ExprKind::MethodCall { receiver, method, generics, args } => self.list(&format!(".{method}"), |d| {
                if let Some(generics) = generics {
                    d.list("<", |d| d.many(&generics.args, Self::generic_arg));
                }
                d.expr(receiver);
                d.many(args, Self::arg);
            }),
            ExprKind::Field { base, name } => self.list("field", |d| {
                d.expr(base);
                d.word(name.as_str());
            }),
            ExprKind::TupleField { base, index, .. } => self.list("field", |d| {
                d.expr(base);
                d.word(&index.to_string());
            }),
            ExprKind::Index { base, args } => self.list("index", |d| {
                d.expr(base);
                d.many(args, Self::index_arg);
            }),
            ExprKind::Try(e) => self.list("?", |d| d.expr(e)),
            ExprKind::Tuple(parts) => self.list("tuple", |d| d.many(parts, Self::expr)),
            ExprKind::Array(parts) => self.list("array", |d| d.many(parts, Self::expr)),
            ExprKind::Fill { value, sizes } => self.list("fill", |d| {
                d.expr(value);
                d.many(sizes, Self::expr);
            }),
            ExprKind::Comprehension { body, clauses } => self.list("each", |d| {
                d.expr(body);
                d.many(clauses, |d, c| {
                    d.list("in", |d| {
                        d.pattern(&c.pattern);
                        d.expr(&c.iter);
                    })
                });
            }),
            ExprKind::Struct { path, fields } => self.list("struct", |d| {
                d.path(path);
                d.many(fields, |d, f| d.list(&format!("{}:", f.name), |d| d.expr(&f.value)));
            }),
            ExprKind::Closure { params, result, body } => self.list("closure", |d| {
                d.list("", |d| d.many(params, Self::closure_param));
                result.iter().for_each(|ty| d.list("->", |d| d.ty(ty)));
                d.expr(body);
            }),
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { cond, then, otherwise } => self.list("if", |d| {
                d.expr(cond);
                d.block(then);
                otherwise.iter().for_each(|e| d.expr(e));
            }),
            ExprKind::Match { scrutinee, arms, source } => self.list(match_word(*source), |d| {
                d.expr(scrutinee);
                d.many(arms, Self::arm);
            }),
            ExprKind::For(f) => self.for_loop(f),
            ExprKind::While { cond, body, attrs } => self.list("while", |d| {
                d.many(attrs, Self::attr);
                d.expr(cond);
                d.block(body);
            }),
            ExprKind::Loop { body, attrs } => self.list("loop", |d| {
                d.many(attrs, Self::attr);
                d.block(body);
            }),
            ExprKind::Break => self.word("break"),
            ExprKind::Continue => self.word("continue"),
            ExprKind::Return(value) => self.list("return", |d| value.iter().for_each(|e| d.expr(e))),
            ExprKind::Assign { op, place, value, .. } => {
                self.pair(&format!("{}=", op.map_or("", BinaryOp::symbol)), place, value);
            }
            ExprKind::Error => self.word("ERROR"),
        }
    }

    fn pair(&mut self, head: &str, left: &Expr, right: &Expr) {
        self.list(head, |d| {
            d.expr(left);
            d.expr(right);
        });
    }

    fn for_loop(&mut self, f: &ForLoop) {
        self.list(if f.par.is_some() { "par-for" } else { "for" }, |d| {
            d.many(&f.attrs, Self::attr);
            d.pattern(&f.pattern);
            d.expr(&f.iter);
            d.many(&f.reductions, |d, r| d.list(&format!("reduce {:?} {}", r.op, r.variable).to_lowercase(), |_| {}));
            d.block(&f.body);
        });
    }

    fn str_part(&mut self, part: &StrPart) {
        match part {
            StrPart::Text(text) => self.word(&format!("{:?}", text.as_str())),
            StrPart::Expr { value, format: None } => self.expr(value),
            StrPart::Expr { value, format: Some(f) } => self.list("format", |d| {
                d.expr(value);
                let mut text = String::new();
                f.align.iter().for_each(|a| text.push_str(&format!("{:?}{a:?} ", f.fill)));
                let flags = [(f.plus, "plus "), (f.zero, "zero "), (f.exponent, "exp ")];
                flags.iter().filter(|(on, _)| *on).for_each(|(_, word)| text.push_str(word));
                f.width.iter().for_each(|w| write!(text, "width={w} ").expect("a string"));
                f.precision.iter().for_each(|p| write!(text, "precision={p}").expect("a string"));
                d.word(text.trim_end());
            }),
        }
    }

    fn arg(&mut self, arg: &Arg) {
        match (&arg.name, arg.inout) {
            (Some(name), _) => self.list(&format!("{name}:"), |d| d.expr(&arg.value)),
            (None, Some(_)) => self.list("&", |d| d.expr(&arg.value)),
            (None, None) => self.expr(&arg.value),
        }
    }

    fn index_arg(&mut self, arg: &IndexArg) {
        let end = |d: &mut Self, e: &Option<Expr>| match e {
            Some(e) => d.expr(e),
            None => d.word("_"),
        };
        match arg {
            IndexArg::At(e) => self.expr(e),
            IndexArg::All(_) => self.word(":"),
            IndexArg::Range { start, end: stop, .. } => self.list("..", |d| {
                end(d, start);
                end(d, stop);
            }),
        }
    }

    fn closure_param(&mut self, param: &ClosureParam) {
        match &param.ty {
            None => self.pattern(&param.pattern),
            Some(ty) => self.list(if param.inout { ": inout" } else { ":" }, |d| {
                d.pattern(&param.pattern);
                d.ty(ty);
            }),
        }
    }

    fn arm(&mut self, arm: &Arm) {
        self.list("=>", |d| {
            d.pattern(&arm.pattern);
            arm.guard.iter().for_each(|g| d.list("if", |d| d.expr(g)));
            d.expr(&arm.body);
        });
    }
}

fn match_word(source: MatchSource) -> &'static str {
    match source {
        MatchSource::Match => "match",
        MatchSource::IfLet => "if-let",
        MatchSource::WhileLet => "while-let",
    }
}
