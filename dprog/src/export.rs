//! From the types of exported functions to types of C: the deciding half of objects and headers.
//!
//! The rules stand in [`dprog_codegen::c_abi`]. Size parameters come first, then the parameters in their order, then the
//! results; parts of tuples are parameters of their own.

use dprog_codegen::c_abi::{
    CEnum, CField, CFieldType, CFunction, CParam, CScalar, CStruct, CType, Elements, HandleElement, HandleType, Input,
    Interface, Output, Role, Size, SizeOp, Stride,
};
use dprog_frontend::check::is_reserved_in_c;
use dprog_frontend::lower::{Form, FormField, FormSize, Root};
use dprog_frontend::typed::{self, Export, ResultNames};
use dprog_ir::{Module, Scalar, Type};

/// The functions that C may call, as C sees them; the roots are those of the exports, in their order.
pub fn interface(name: &str, exports: &[Export], roots: &[Root], module: &Module) -> Interface {
    let mut interface = Interface { name: name.to_string(), ..Interface::default() };
    for (export, root) in exports.iter().zip(roots) {
        let function = Signature::new(&mut interface, root, module).function(export, root);
        interface.functions.push(function);
    }
    interface
}

/// A function in C under construction.
struct Signature<'a> {
    interface: &'a mut Interface,
    params: Vec<CParam>,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    /// For each parameter of the language the C parameter that is its value, if one is.
    values: Vec<Option<usize>>,
    /// Types of the leaves of parameters and results that are still to come.
    leaves: Vec<Type>,
    result_leaves: Vec<Type>,
}

impl<'a> Signature<'a> {
    fn new(interface: &'a mut Interface, root: &Root, module: &Module) -> Signature<'a> {
        let func = &module.funcs[root.func];
        let leaves = func.params[root.sizes.len()..].iter().rev().copied().collect();
        let result_leaves = func.results.iter().rev().copied().collect();
        let (params, inputs, outputs, values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Signature { interface, params, inputs, outputs, values, leaves, result_leaves }
    }

    fn function(mut self, export: &Export, root: &Root) -> CFunction {
        for size in &root.sizes {
            let value = CType::Value(CScalar::plain(Scalar::I64));
            let param = self.param(size, value, Role::Size, "a size");
            self.inputs.push(Input::Value { param });
        }
        // Results of `inout` parameters come behind the others.
        let mut ends = Vec::new();
        for param in &root.params {
            self.values.push(None);
            if param.inout {
                let before = self.outputs.len();
                self.input(&param.name, &param.form, true, &param.shown);
                ends.extend(self.outputs.drain(before..));
            } else {
                self.input(&param.name, &param.form, false, &param.shown);
            }
        }
        self.result(&export.results, &root.result_form, &Names::new(root));
        self.outputs.extend(ends);
        CFunction {
            name: export.name.to_string(),
            docs: export.docs.clone(),
            func: root.func,
            params: self.params,
            inputs: self.inputs,
            outputs: self.outputs,
            workspace: None,
        }
    }

    /// Adds a parameter; its name is made one that C allows and no other has.
    fn param(&mut self, name: &str, ty: CType, role: Role, note: &str) -> usize {
        let mut name = name.replace('.', "_");
        while is_reserved_in_c(&name) || self.params.iter().any(|p| p.name == name) {
            name += "_";
        }
        self.params.push(CParam { name, ty, role, note: note.to_string() });
        self.params.len() - 1
    }

    // ---- parameters ----

    fn input(&mut self, name: &str, form: &Form, inout: bool, note: &str) {
        let role = if inout { Role::InOut } else { Role::In };
        match form {
            Form::Scalar(_) | Form::Enum { .. } => {
                let scalar = self.scalar(form);
                self.leaf();
                if inout {
                    let param = self.param(name, CType::Pointer(scalar), role, note);
                    self.inputs.push(Input::Load { param, offset: 0, scalar });
                    self.outputs.push(Output::Store { param, offset: 0 });
                } else {
                    let param = self.param(name, CType::Value(scalar), role, note);
                    self.inputs.push(Input::Value { param });
                    if let Some(value) = self.values.last_mut() {
                        *value = Some(param);
                    }
                }
            }
            Form::Text => {
                self.leaf();
                let data = self.param(name, CType::Text, role, note);
                let length = self.length(name, "its length in bytes");
                self.inputs.push(Input::Text { data, length });
            }
            Form::Array { element, sizes } => {
                let sizes = sizes.iter().map(|s| self.size(s)).collect::<Vec<_>>();
                let (ty, parts) = self.elements(element);
                let param = self.param(name, ty, role, note);
                for (stride, element) in parts {
                    self.array_leaf(Elements::Param(param), stride, element, sizes.clone(), inout);
                }
            }
            Form::List(element) => {
                let (ty, parts) = self.elements(element);
                let param = self.param(name, ty, role, note);
                let length = self.length(name, "its length");
                for (stride, element) in parts {
                    self.array_leaf(Elements::Param(param), stride, element, vec![Size::Param(length)], inout);
                }
            }
            Form::Struct { .. } => {
                let id = self.declare(form);
                let param = self.param(name, CType::Struct(id), role, note);
                self.struct_input(param, 0, form, inout);
            }
            Form::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    self.input(&format!("{name}_{i}"), part, inout, &format!("part {i} of {note}"));
                }
            }
            Form::Opaque => unreachable!("the checker has refused `{name}`"),
        }
    }

    /// The parameter for the length of what stands in front of it.
    fn length(&mut self, name: &str, note: &str) -> usize {
        self.param(&format!("{name}_len"), CType::Value(CScalar::plain(Scalar::I64)), Role::Size, note)
    }

    fn leaf(&mut self) -> Type {
        self.leaves.pop().expect("a leaf for every part of a form")
    }

    fn array_leaf(&mut self, elements: Elements, stride: Stride, element: CScalar, sizes: Vec<Size>, inout: bool) {
        let ty = self.leaf();
        self.inputs.push(Input::Array { elements, stride, element, sizes, ty });
        if inout {
            self.outputs.push(Output::Array { elements, stride, sizes: None, ty });
        }
    }

    /// The fields of a struct that `param` points to, from `base` on.
    fn struct_input(&mut self, param: usize, base: u32, form: &Form, inout: bool) {
        for (field, offset) in self.fields(form) {
            let offset = base + offset;
            match &field {
                Form::Scalar(_) | Form::Enum { .. } => {
                    let scalar = self.scalar(&field);
                    self.leaf();
                    self.inputs.push(Input::Load { param, offset, scalar });
                    if inout {
                        self.outputs.push(Output::Store { param, offset });
                    }
                }
                Form::Array { element, sizes } => {
                    let sizes = sizes.iter().map(|s| self.size(s)).collect();
                    let element = self.scalar(element);
                    let stride = Stride { bytes: element.bytes(), offset: 0 };
                    self.array_leaf(Elements::Field { param, offset }, stride, element, sizes, inout);
                }
                Form::Struct { .. } => self.struct_input(param, offset, &field, inout),
                Form::Text | Form::List(_) | Form::Tuple(_) | Form::Opaque => {
                    unreachable!("the checker has refused such a field")
                }
            }
        }
    }

    // ---- results ----

    fn result(&mut self, names: &ResultNames, form: &Form, of: &Names) {
        match (names, form) {
            (ResultNames::Tuple(names), Form::Tuple(parts)) => {
                for (name, part) in names.iter().zip(parts) {
                    self.result(name, part, of);
                }
            }
            (ResultNames::One(name), form) => self.output(name, form, &of.text(form)),
            (ResultNames::Tuple(names), form) => {
                let name = names.first().cloned().unwrap_or(ResultNames::One("result".into()));
                self.result(&name, form, of);
            }
        }
    }

    fn output(&mut self, name: &str, form: &Form, note: &str) {
        match form {
            Form::Scalar(_) | Form::Enum { .. } => {
                let scalar = self.scalar(form);
                self.result_leaf();
                let param = self.param(name, CType::Pointer(scalar), Role::Out, note);
                self.outputs.push(Output::Store { param, offset: 0 });
            }
            Form::Text => {
                self.result_leaf();
                let handle = HandleType { element: HandleElement::Character, rank: 1 };
                let param = self.param(name, CType::Handle(handle), Role::Out, note);
                self.outputs.push(Output::Text { param });
            }
            Form::Array { element, sizes } if sizes.iter().any(FormSize::is_computed) => {
                self.handle(name, element, sizes.len(), note);
            }
            Form::List(element) => self.handle(name, element, 1, note),
            Form::Array { element, sizes } => {
                let sizes = self.sizes_of_result(sizes);
                let (ty, parts) = self.elements(element);
                let param = self.param(name, ty, Role::Out, note);
                for (stride, _) in parts {
                    let ty = self.result_leaf();
                    let (elements, sizes) = (Elements::Param(param), sizes.clone());
                    self.outputs.push(Output::Array { elements, stride, sizes, ty });
                }
            }
            Form::Struct { .. } => {
                let id = self.declare(form);
                let param = self.param(name, CType::Struct(id), Role::Out, note);
                self.struct_output(param, 0, form);
            }
            Form::Tuple(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    self.output(&format!("{name}_{i}"), part, note);
                }
            }
            Form::Opaque => unreachable!("the checker has refused `{name}`"),
        }
    }

    fn result_leaf(&mut self) -> Type {
        self.result_leaves.pop().expect("a leaf for every part of a form")
    }

    fn handle(&mut self, name: &str, element: &Form, rank: usize, note: &str) {
        let (ty, parts) = self.elements(element);
        let element = match ty {
            CType::Struct(id) => HandleElement::Struct(id),
            CType::Pointer(scalar) => HandleElement::Scalar(scalar),
            CType::Value(_) | CType::Text | CType::Handle(_) => unreachable!("elements are scalars or structs"),
        };
        let handle = HandleType { element, rank };
        let param = self.param(name, CType::Handle(handle), Role::Out, note);
        for (i, (stride, _)) in parts.into_iter().enumerate() {
            let ty = self.result_leaf();
            self.outputs.push(Output::Handle { param, handle, stride, first: i == 0, ty });
        }
    }

    fn struct_output(&mut self, param: usize, base: u32, form: &Form) {
        for (field, offset) in self.fields(form) {
            let offset = base + offset;
            match &field {
                Form::Scalar(_) | Form::Enum { .. } => {
                    self.result_leaf();
                    self.outputs.push(Output::Store { param, offset });
                }
                Form::Array { element, sizes } => {
                    let stride = Stride { bytes: self.scalar(element).bytes(), offset: 0 };
                    let (elements, sizes) = (Elements::Field { param, offset }, self.sizes_of_result(sizes));
                    let ty = self.result_leaf();
                    self.outputs.push(Output::Array { elements, stride, sizes, ty });
                }
                Form::Struct { .. } => self.struct_output(param, offset, &field),
                Form::Text | Form::List(_) | Form::Tuple(_) | Form::Opaque => {
                    unreachable!("the checker has refused such a field")
                }
            }
        }
    }

    // ---- types ----

    fn scalar(&mut self, form: &Form) -> CScalar {
        match form {
            Form::Scalar(scalar) => CScalar::plain(*scalar),
            Form::Enum { name, cases, docs } => {
                let enums = &mut self.interface.enums;
                let known = enums.iter().position(|e| e.name == *name);
                let id = known.unwrap_or_else(|| {
                    enums.push(CEnum { name: name.clone(), docs: docs.clone(), cases: cases.clone() });
                    enums.len() - 1
                });
                CScalar { scalar: Scalar::I64, cases: Some(id as u32) }
            }
            _ => unreachable!("the checker has refused arrays of {form:?}"),
        }
    }

    /// What a pointer to elements of this form is, and where in an element each of its leaves lies.
    fn elements(&mut self, element: &Form) -> (CType, Vec<(Stride, CScalar)>) {
        match element {
            Form::Struct { .. } => {
                let id = self.declare(element);
                let (_, bytes, _) = self.interface.structs[id].layout(&self.interface.structs);
                let mut parts = Vec::new();
                self.scalars_in(element, 0, bytes, &mut parts);
                (CType::Struct(id), parts)
            }
            // One byte that stands for nothing.
            Form::Tuple(parts) if parts.is_empty() => {
                let byte = CScalar::plain(Scalar::U8);
                (CType::Pointer(byte), vec![(Stride { bytes: 1, offset: 0 }, byte)])
            }
            element => {
                let scalar = self.scalar(element);
                (CType::Pointer(scalar), vec![(Stride { bytes: scalar.bytes(), offset: 0 }, scalar)])
            }
        }
    }

    fn scalars_in(&mut self, form: &Form, base: u32, bytes: u32, parts: &mut Vec<(Stride, CScalar)>) {
        for (field, offset) in self.fields(form) {
            match &field {
                Form::Struct { .. } => self.scalars_in(&field, base + offset, bytes, parts),
                field => {
                    let scalar = self.scalar(field);
                    parts.push((Stride { bytes, offset: base + offset }, scalar));
                }
            }
        }
    }

    /// The fields of a struct with their offsets; tuples in it are flat.
    fn fields(&mut self, form: &Form) -> Vec<(Form, u32)> {
        let id = self.declare(form);
        let (offsets, ..) = self.interface.structs[id].layout(&self.interface.structs);
        flat_fields(form).into_iter().map(|f| f.form).zip(offsets).collect()
    }

    /// The number of the struct of this form.
    fn declare(&mut self, form: &Form) -> usize {
        let Form::Struct { name, docs, .. } = form else { unreachable!("a struct") };
        let mut fields = Vec::new();
        for field in flat_fields(form) {
            let ty = match &field.form {
                Form::Array { element, .. } => CFieldType::Pointer(self.scalar(element)),
                Form::Struct { .. } => CFieldType::Struct(self.declare(&field.form)),
                form => CFieldType::Scalar(self.scalar(form)),
            };
            let mut name = field.name.clone();
            while is_reserved_in_c(&name) {
                name += "_";
            }
            fields.push(CField { name, ty, docs: field.docs.clone(), note: field.shown.clone() });
        }
        let same = |s: &CStruct| {
            let pairs = s.fields.iter().zip(&fields);
            s.fields.len() == fields.len() && pairs.into_iter().all(|(a, b)| a.name == b.name && a.ty == b.ty)
        };
        // Structs with other type arguments, or of other modules, may have the same name.
        let mut name = name.clone();
        loop {
            match self.interface.structs.iter().position(|s| s.name == name) {
                Some(known) if same(&self.interface.structs[known]) => return known,
                Some(_) => name += "_",
                None => break,
            }
        }
        self.interface.structs.push(CStruct { name, docs: docs.clone(), fields });
        self.interface.structs.len() - 1
    }

    fn sizes_of_result(&self, sizes: &[FormSize]) -> Option<Vec<Size>> {
        sizes.iter().map(|size| (!size.is_computed()).then(|| self.size(size))).collect()
    }

    /// A size as arithmetic on parameters in C.
    fn size(&self, size: &FormSize) -> Size {
        match size {
            FormSize::Constant(n) => Size::Constant(*n),
            // Size parameters are the first in C.
            FormSize::Size(k) => Size::Param(*k),
            FormSize::Param(k) => Size::Param(self.values[*k].expect("a parameter that is a size is passed by value")),
            FormSize::Binary(op, a, b) => Size::Binary(size_op(*op), Box::new(self.size(a)), Box::new(self.size(b))),
            FormSize::Computed => unreachable!("parameters have no computed sizes"),
        }
    }
}

/// What sizes and parameters are called in comments.
struct Names {
    sizes: Vec<String>,
    params: Vec<String>,
}

impl Names {
    fn new(root: &Root) -> Names {
        let sizes = root.sizes.iter().map(|s| s.to_string()).collect();
        Names { sizes, params: root.params.iter().map(|p| p.name.to_string()).collect() }
    }

    /// A type as it is written in source.
    fn text(&self, form: &Form) -> String {
        match form {
            Form::Scalar(s) => s.name().to_string(),
            Form::Text => "str".to_string(),
            Form::Enum { name, .. } | Form::Struct { name, .. } => name.clone(),
            Form::Array { element, sizes } => {
                let sizes: Vec<String> = sizes.iter().map(|s| self.size(s)).collect();
                format!("[{}; {}]", self.text(element), sizes.join(", "))
            }
            Form::List(element) => format!("List<{}>", self.text(element)),
            Form::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.text(part)).collect();
                format!("({})", parts.join(", "))
            }
            Form::Opaque => "fn".to_string(),
        }
    }

    fn size(&self, size: &FormSize) -> String {
        match size {
            FormSize::Constant(n) => n.to_string(),
            FormSize::Size(k) => self.sizes[*k].clone(),
            FormSize::Param(k) => self.params[*k].clone(),
            FormSize::Computed => "some".to_string(),
            FormSize::Binary(op, a, b) => {
                let (a, b) = (self.size(a), self.size(b));
                match op {
                    None => format!("{a} + {b}").replace("+ -", "- "),
                    Some(typed::SizeOp::Mul) => format!("{a} * {b}"),
                    Some(typed::SizeOp::Div) => format!("{a} / {b}"),
                    Some(typed::SizeOp::Rem) => format!("{a} % {b}"),
                    Some(typed::SizeOp::Min) => format!("min({a}, {b})"),
                    Some(typed::SizeOp::Max) => format!("max({a}, {b})"),
                    Some(typed::SizeOp::Shl) => format!("({a} << {b})"),
                    Some(typed::SizeOp::Shr) => format!("({a} >> {b})"),
                }
            }
        }
    }
}

fn size_op(op: Option<typed::SizeOp>) -> SizeOp {
    match op {
        None => SizeOp::Add,
        Some(typed::SizeOp::Mul) => SizeOp::Mul,
        Some(typed::SizeOp::Div) => SizeOp::Div,
        Some(typed::SizeOp::Rem) => SizeOp::Rem,
        Some(typed::SizeOp::Min) => SizeOp::Min,
        Some(typed::SizeOp::Max) => SizeOp::Max,
        Some(typed::SizeOp::Shl) => SizeOp::Shl,
        Some(typed::SizeOp::Shr) => SizeOp::Shr,
    }
}

/// The fields of a struct, those of tuples in it with numbers behind their names.
fn flat_fields(form: &Form) -> Vec<FormField> {
    let Form::Struct { fields, .. } = form else { unreachable!("a struct") };
    fields.iter().flat_map(flat_field).collect()
}

fn flat_field(field: &FormField) -> Vec<FormField> {
    let Form::Tuple(parts) = &field.form else { return vec![field.clone()] };
    let part = |(i, form): (usize, &Form)| {
        flat_field(&FormField { name: format!("{}_{i}", field.name), form: form.clone(), ..field.clone() })
    };
    parts.iter().enumerate().flat_map(part).collect()
}
