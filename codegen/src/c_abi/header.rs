//! The header: the interface as a C programmer reads it.
//!
//! It is clean in C99, C11 and C++17 under `-Wall -Wextra -Wpedantic`. At its end a symbol is referred to whose name carries
//! a hash of everything above but the words of the source, so that a header and an object of different interfaces do not link.

use super::{
    Bound, CEnum, CField, CFieldType, CFunction, CParam, CScalar, CStruct, CType, HandleElement, HandleType, Interface,
    Role, Status,
};
use dprog_ir::{Scalar, TrapCode};
use std::fmt::Write;

impl Interface {
    /// The name of the symbol that stands for this interface. Comments of the source have no part in it; shapes have.
    pub fn abi_symbol(&self) -> String {
        format!("dprog_abi_{:016x}", fnv(&self.without_docs().declarations()))
    }

    fn without_docs(&self) -> Interface {
        let mut plain = self.clone();
        plain.enums.iter_mut().for_each(|e| e.docs = None);
        plain.functions.iter_mut().for_each(|f| f.docs = None);
        for s in &mut plain.structs {
            s.docs = None;
            s.fields.iter_mut().for_each(|field| field.docs = None);
        }
        plain
    }

    /// The whole header.
    pub fn header(&self) -> String {
        let guard = format!("DPROG_{}_H", identifier(&self.name).to_uppercase());
        let symbol = self.abi_symbol();
        let mut text = format!("/* {}.h: written by dprogc. Do not edit. */\n\n", self.name);
        text += &format!("#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n");
        if self.uses_bool() {
            text += "#include <stdbool.h>\n";
        }
        text += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
        text += &statuses();
        text += &self.declarations();
        text += &abi_check(&symbol);
        text += "\n#ifdef __cplusplus\n}\n#endif\n\n";
        text += &format!("#endif /* {guard} */\n");
        text
    }

    /// Types and functions; the hash is of these.
    fn declarations(&self) -> String {
        let mut text = String::new();
        self.enums.iter().for_each(|e| text += &enumeration(e));
        self.structs.iter().for_each(|s| text += &self.structure(s));
        self.handles().into_iter().for_each(|h| text += &self.handle(h));
        self.functions.iter().for_each(|f| text += &self.function(f));
        text
    }

    fn uses_bool(&self) -> bool {
        let is_bool = |s: &CScalar| s.scalar == Scalar::Bool;
        let in_fields = self.structs.iter().flat_map(|s| &s.fields).any(|f| match &f.ty {
            CFieldType::Scalar(s) | CFieldType::Pointer(s) => is_bool(s),
            CFieldType::Struct(_) => false,
        });
        let mut params = self.functions.iter().flat_map(|f| &f.params);
        in_fields
            || params.any(|p| match p.ty {
                CType::Value(s) | CType::Pointer(s) => is_bool(&s),
                CType::Handle(HandleType { element: HandleElement::Scalar(s), .. }) => is_bool(&s),
                CType::Handle(_) | CType::Text | CType::Struct(_) => false,
            })
    }

    // ---- types ----

    fn structure(&self, s: &CStruct) -> String {
        let mut text = comment(s.docs.as_deref(), &[]);
        let _ = writeln!(text, "typedef struct {} {{", s.name);
        for field in &s.fields {
            let _ = writeln!(text, "    {}; /* {} */", self.field(field), words(&field_note(field)));
        }
        let _ = writeln!(text, "}} {};\n", s.name);
        text
    }

    fn field(&self, field: &CField) -> String {
        match &field.ty {
            CFieldType::Scalar(s) => format!("{} {}", scalar(*s), field.name),
            CFieldType::Pointer(s) => format!("{} *{}", scalar(*s), field.name),
            CFieldType::Struct(id) => format!("{} {}", self.structs[*id].name, field.name),
        }
    }

    /// The handles that occur, each once.
    fn handles(&self) -> Vec<HandleType> {
        let mut found = Vec::new();
        for param in self.functions.iter().flat_map(|f| &f.params) {
            if let CType::Handle(handle) = param.ty
                && !found.contains(&handle)
            {
                found.push(handle);
            }
        }
        found
    }

    fn handle_name(&self, handle: HandleType) -> String {
        let element = match handle.element {
            HandleElement::Scalar(s) => s.scalar.name().to_string(),
            HandleElement::Character => return "dprog_text".to_string(),
            HandleElement::Struct(id) => self.structs[id].name.clone(),
        };
        match handle.rank {
            1 => format!("dprog_list_{element}"),
            rank => format!("dprog_array{rank}_{element}"),
        }
    }

    /// Other headers may have the same one.
    fn handle(&self, handle: HandleType) -> String {
        let name = self.handle_name(handle);
        let guard = format!("{}_DEFINED", identifier(&name).to_uppercase());
        let element = match handle.element {
            HandleElement::Scalar(s) => scalar(s).to_string(),
            HandleElement::Character => "char".to_string(),
            HandleElement::Struct(id) => self.structs[id].name.clone(),
        };
        let sizes = match handle.rank {
            1 => "    int64_t len;\n".to_string(),
            rank => format!("    int64_t shape[{rank}];\n"),
        };
        let what = match handle.element {
            HandleElement::Character => "A text in memory of its own, with a zero behind it",
            HandleElement::Scalar(_) | HandleElement::Struct(_) => "Elements in memory of their own",
        };
        format!(
            "#ifndef {guard}\n#define {guard}\n/* {what}, until the function that frees it. */\n\
             typedef struct {name} {{\n    {element} *data;\n{sizes}}} {name};\n#endif\n\n"
        )
    }

    // ---- functions ----

    fn function(&self, f: &CFunction) -> String {
        let mut lines: Vec<String> = f.params.iter().map(param_note).collect();
        lines.push("Returns 0 or a DPROG_ status; then dprog_last_error() says what happened.".to_string());
        let mut text = comment(f.docs.as_deref(), &lines);
        text += &self.prototype(&f.name, &[], f);
        if let Some(bound) = &f.workspace {
            text += &self.workspace(f, bound);
        }
        let handles: Vec<String> = f
            .params
            .iter()
            .filter_map(|p| if let CType::Handle(h) = p.ty { Some((h, p)) } else { None })
            .map(|(h, p)| format!("{} *{}", self.handle_name(h), p.name))
            .collect();
        if !handles.is_empty() {
            let _ =
                writeln!(text, "/* Frees what `{}` gave. */\nvoid {}_free({});\n", f.name, f.name, handles.join(", "));
        }
        text
    }

    /// The variant with a workspace, and the function that says how great one is enough.
    fn workspace(&self, f: &CFunction, bound: &Bound) -> String {
        let params: Vec<String> = bound.params.iter().map(|i| format!("int64_t {}", f.params[*i].name)).collect();
        let list = if params.is_empty() { "void".to_string() } else { params.join(", ") };
        let name = &f.name;
        let what = match bound.steps {
            Some(_) => format!("Bytes that are enough for `{name}_in`."),
            None => format!("-1: how many bytes `{name}_in` takes depends on the data."),
        };
        let mut text = format!("/* {what} */\nint64_t {name}_workspace({list});\n\n");
        text += &format!("/* The same as `{name}`, without allocating: all memory comes from the workspace. */\n");
        let first = ["void *workspace".to_string(), "int64_t workspace_bytes".to_string()];
        text + &self.prototype(&format!("{name}_in"), &first, f)
    }

    /// `int32_t NAME(…);` and an empty line.
    fn prototype(&self, name: &str, first: &[String], f: &CFunction) -> String {
        let params: Vec<String> = first.iter().cloned().chain(f.params.iter().map(|p| self.param(p))).collect();
        let list = if params.is_empty() { "void".to_string() } else { params.join(", ") };
        let line = format!("int32_t {name}({list});");
        if line.len() <= 110 {
            return format!("{line}\n\n");
        }
        format!("int32_t {name}(\n    {});\n\n", params.join(",\n    "))
    }

    fn param(&self, p: &CParam) -> String {
        let constant = if p.role == Role::In { "const " } else { "" };
        match p.ty {
            CType::Value(s) => format!("{} {}", scalar(s), p.name),
            CType::Pointer(s) => format!("{constant}{} *{}", scalar(s), p.name),
            CType::Text => format!("const char *{}", p.name),
            CType::Struct(id) => format!("{constant}{} *{}", self.structs[id].name, p.name),
            CType::Handle(handle) => format!("{} *{}", self.handle_name(handle), p.name),
        }
    }
}

fn scalar(s: CScalar) -> &'static str {
    match s.scalar {
        Scalar::F64 => "double",
        Scalar::F32 => "float",
        Scalar::I64 => "int64_t",
        Scalar::I32 => "int32_t",
        Scalar::U8 => "uint8_t",
        Scalar::Bool => "bool",
    }
}

fn enumeration(e: &CEnum) -> String {
    let mut text = comment(e.docs.as_deref(), &[format!("Passed as int64_t.")]);
    let cases: Vec<String> = e.cases.iter().enumerate().map(|(i, c)| format!("    {}_{c} = {i}", e.name)).collect();
    let _ = writeln!(text, "enum {} {{\n{}\n}};\n", e.name, cases.join(",\n"));
    text
}

fn field_note(field: &CField) -> String {
    match &field.docs {
        Some(docs) => format!("{}: {}", field.note, docs.trim().replace('\n', " ")),
        None => field.note.clone(),
    }
}

fn param_note(p: &CParam) -> String {
    let way = match p.role {
        Role::Size => "size",
        Role::In => "in",
        Role::InOut => "in and out",
        Role::Out => "out",
    };
    match p.role {
        Role::Size => format!("{}: {}, not negative", p.name, p.note),
        Role::In | Role::InOut | Role::Out => format!("{}: {way}, {}", p.name, p.note),
    }
}

/// The doc comment of the source, then these lines, as a comment of C.
fn comment(docs: Option<&str>, lines: &[String]) -> String {
    let docs: Vec<&str> = docs.unwrap_or_default().trim_end().lines().collect();
    if docs.is_empty() && lines.is_empty() {
        return String::new();
    }
    let gap = if docs.is_empty() || lines.is_empty() { None } else { Some("") };
    let all = docs.into_iter().chain(gap).chain(lines.iter().map(String::as_str));
    let mut text = "/*\n".to_string();
    for line in all {
        text += format!(" * {}", words(line)).trim_end();
        text += "\n";
    }
    text + " */\n"
}

/// Text that does not end a comment, nor begins another.
fn words(text: &str) -> String {
    text.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
}

fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The constants; every header has them.
fn statuses() -> String {
    let mut text = "#ifndef DPROG_STATUS_DEFINED\n#define DPROG_STATUS_DEFINED\n".to_string();
    text += "/* What a function returns. */\nenum dprog_status {\n    DPROG_OK = 0,\n";
    for code in TrapCode::ALL {
        let name = code.name().to_uppercase().replace('-', "_");
        let _ = writeln!(text, "    DPROG_{name} = {},", code as u8);
    }
    for (name, status) in [("NULL_POINTER", Status::NullPointer), ("WORKSPACE", Status::Workspace)] {
        let _ = writeln!(text, "    DPROG_{name} = {},", status as i32);
    }
    let _ = writeln!(text, "    DPROG_EXITED = {}\n}};\n", Status::Exited as i32);
    text += "/* What went wrong in the last call of this thread that did not return DPROG_OK, with the places in the source.\n";
    text += " * Valid until the next such call. */\nconst char *dprog_last_error(void);\n#endif\n\n";
    text
}

fn abi_check(symbol: &str) -> String {
    let mut text = "/* An object with another interface does not have this symbol, and does not link. */\n".to_string();
    let _ = writeln!(text, "extern const char {symbol};");
    text += "#if defined(__GNUC__)\n";
    let _ = writeln!(text, "static const char *const {symbol}_used __attribute__((used)) = &{symbol};");
    text + "#endif\n"
}

/// FNV-1a with 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        let x = CField {
            name: "x".into(),
            ty: CFieldType::Scalar(CScalar::plain(Scalar::F64)),
            docs: None,
            note: "f64".into(),
        };
        let point = CStruct { name: "Point".into(), docs: None, fields: vec![x] };
        Interface { name: "shapes".into(), structs: vec![point], ..Interface::default() }
    }

    #[test]
    fn the_hash_is_of_the_interface_and_not_of_comments() {
        let plain = interface();
        let mut documented = interface();
        documented.structs[0].docs = Some("A point.".into());
        documented.structs[0].fields[0].docs = Some("In metres.".into());
        assert_ne!(documented.header(), plain.header());
        assert_eq!(documented.abi_symbol(), plain.abi_symbol());
        let mut other = interface();
        other.structs[0].fields[0].note = "[f64; 3]".into();
        assert_ne!(other.abi_symbol(), plain.abi_symbol());
    }
}
