//! How a value of the language lies in IR values: its *leaves*.
//!
//! A struct, tuple or model is the leaves of its fields one after the other; an array or list has an array for each
//! leaf of its elements. A list of lists and an array of structs with arrays have arrays of arrays (levels); an array
//! whose elements are arrays is one of higher rank already in [`Ty`]. Elements without any leaf keep one `u8`, so that
//! the length is kept. An enum is a number if no case has a field, else a node.
//!
//! The tangent of a value has the tangents of those leaves that have one, in the same order.

use super::{Cx, give_up};
use crate::check::{Subst, holds_models, tangent};
use crate::diagnostic::Diagnostic;
use crate::typed::{AdtDef, AdtId, AdtKind, Arg, FieldRole, FnDef, GenericId, Size, SizeAtom, Ty};
use dprog_ir::module::NodeKind;
use dprog_ir::{AxisSize, CaseDef, FieldDef, NodeId, Type};
use std::rc::Rc;
use std::sync::Arc;

/// A leaf, and whether it may have a tangent as a part of the whole (whether its type has one is another question).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub ty: Type,
    pub trained: bool,
}

/// The leaves of a type.
pub(super) type Layout = Rc<[Slot]>;

/// A component of a struct, model or tuple.
#[derive(Clone, Debug)]
pub(super) struct Component {
    pub name: String,
    pub ty: Ty,
    pub role: FieldRole,
    /// False for the fields of a model that are not trained.
    pub trained: bool,
}

/// Deeper nesting of types than this is one that contains itself.
const MAX_DEPTH: usize = 200;

/// Type constructors in the arguments of one instance.
const MAX_ARGUMENT: usize = 1_000;

/// Whether a type has at most `left` constructors; they are taken off.
fn fits(ty: &Ty, left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    match ty {
        Ty::Tuple(parts) => parts.iter().all(|t| fits(t, left)),
        Ty::Array(of, sizes) => *left > sizes.len() && fits(of, left),
        Ty::List(of) | Ty::Tangent(of) => fits(of, left),
        Ty::Adt(_, args) => args.iter().all(|a| matches!(a, Arg::Size(_)) || matches!(a, Arg::Ty(t) if fits(t, left))),
        Ty::Fn(params, result) => params.iter().all(|p| fits(&p.ty, left)) && fits(result, left),
        Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => true,
    }
}

/// The sizes of each level of arrays of a leaf; see [`Cx::leaf_levels`].
pub(super) type Levels = Vec<Option<Vec<Size>>>;

/// A struct or tuple is its leaves, each a value of its own: more of them than this would take too long to compile.
const MAX_LEAVES: usize = 20_000;

impl<'p> Cx<'p> {
    /// The leaves of a type without type parameters.
    pub fn layout(&mut self, ty: &Ty) -> Layout {
        if let Some(known) = self.layouts.get(ty) {
            return known.clone();
        }
        if self.open_layouts > MAX_DEPTH {
            self.layout_error("this type contains itself, or is nested too deeply");
        }
        self.open_layouts += 1;
        let layout = self.compute_layout(ty);
        self.open_layouts -= 1;
        self.layouts.insert(ty.clone(), layout.clone());
        layout
    }

    fn compute_layout(&mut self, ty: &Ty) -> Layout {
        let leaf = |ty, trained| Rc::from([Slot { ty, trained }]);
        match ty {
            Ty::Scalar(s) => leaf(Type::scalar(*s), s.is_float()),
            Ty::Str => leaf(Type::STR, false),
            Ty::Array(element, sizes) => self.lifted(element, sizes.len()),
            Ty::List(element) => self.lifted(element, 1),
            Ty::Adt(id, args) if matches!(self.program.adts[*id].kind, AdtKind::Enum(_)) => {
                match self.enum_node(*id, args) {
                    Some(node) => leaf(Type::node(node), true),
                    None => leaf(Type::I64, false),
                }
            }
            Ty::Tuple(_) | Ty::Adt(..) => {
                let mut slots = Vec::new();
                for part in self.components(ty) {
                    let of_part = self.layout(&part.ty);
                    slots.extend(of_part.iter().map(|s| Slot { trained: s.trained && part.trained, ..*s }));
                    if slots.len() > MAX_LEAVES {
                        self.layout_error(&format!("this type has more than {MAX_LEAVES} numbers and lists in it"));
                    }
                }
                slots.into()
            }
            Ty::Fn(params, result) => leaf(self.closure_type(params, result), true),
            Ty::Tangent(of) => {
                let tangents = self.tangent_leaves(of).into_iter().flatten();
                tangents.map(|ty| Slot { ty, trained: true }).collect()
            }
            Ty::Never => Rc::from([]),
            Ty::Param(_) | Ty::Infer(_) | Ty::Error => panic!("type {ty:?} reached lowering"),
        }
    }

    /// Arrays of `rank` axes over the leaves of `element`.
    fn lifted(&mut self, element: &Ty, rank: usize) -> Layout {
        let slots = self.layout(element);
        if slots.is_empty() {
            return Rc::from([Slot { ty: Type::U8.array(rank), trained: false }]);
        }
        let lifted: Option<Layout> = slots.iter().map(|s| s.ty.try_array(rank).map(|ty| Slot { ty, ..*s })).collect();
        lifted.unwrap_or_else(|| self.nested_too_deeply())
    }

    /// For each leaf of a type the sizes that the type fixes: of the array of fixed shape in which it lies.
    /// `param`: the number of the parameter of the IR function that a generic size is.
    pub fn fixed_sizes(&mut self, ty: &Ty, param: &dyn Fn(GenericId) -> Option<u32>) -> Vec<Option<Arc<[AxisSize]>>> {
        match ty {
            Ty::Array(_, sizes) => {
                let sizes: Arc<[AxisSize]> = sizes.iter().map(|size| axis_size(size, param)).collect();
                let known = sizes.iter().any(|size| *size != AxisSize::Open);
                vec![known.then_some(sizes); self.leaf_count(ty)]
            }
            Ty::Tuple(_) => self.fixed_sizes_of_parts(ty, param),
            Ty::Adt(id, _) if !matches!(self.program.adts[*id].kind, AdtKind::Enum(_)) => {
                self.fixed_sizes_of_parts(ty, param)
            }
            _ => vec![None; self.leaf_count(ty)],
        }
    }

    fn fixed_sizes_of_parts(
        &mut self,
        ty: &Ty,
        param: &dyn Fn(GenericId) -> Option<u32>,
    ) -> Vec<Option<Arc<[AxisSize]>>> {
        let parts = self.components(ty);
        parts.iter().flat_map(|part| self.fixed_sizes(&part.ty, param)).collect()
    }

    pub fn nested_too_deeply(&self) -> ! {
        let (levels, axes) = (Type::MAX_LEVELS, Type::MAX_RANK);
        self.layout_error(&format!("arrays and lists nest at most {levels} deep, with at most {axes} axes each"))
    }

    /// Ends lowering if type arguments have grown beyond what anybody writes: a function that calls itself with ever larger
    /// types would need instances without end.
    pub fn refuse_endless(&self, def: &FnDef, args: &[Arg]) {
        let mut left = MAX_ARGUMENT;
        if args.iter().all(|arg| matches!(arg, Arg::Size(_)) || matches!(arg, Arg::Ty(ty) if fits(ty, &mut left))) {
            return;
        }
        let message = format!("`{}` is needed for types that grow without end", def.display.as_str());
        let problem = Diagnostic::error("E0602", def.span, message)
            .label("it calls itself with larger type arguments, directly or through others")
            .help("let a recursion keep its types; data of any depth are an `enum` that contains itself");
        give_up(problem);
    }

    fn layout_error(&self, message: &str) -> ! {
        give_up(
            Diagnostic::error("E0600", self.span, message).help("use fewer, or put them into a `List` or an `enum`"),
        )
    }

    /// Types of the leaves.
    pub fn types(&mut self, ty: &Ty) -> Vec<Type> {
        self.layout(ty).iter().map(|s| s.ty).collect()
    }

    pub fn leaf_count(&mut self, ty: &Ty) -> usize {
        self.layout(ty).len()
    }

    /// For each leaf its tangent type, if it has one.
    pub fn tangent_leaves(&mut self, ty: &Ty) -> Vec<Option<Type>> {
        let slots = self.layout(ty);
        slots.iter().map(|s| if s.trained { self.module.tangent(s.ty) } else { None }).collect()
    }

    /// The components of a tuple, struct or model, or of the tangent of one.
    pub fn components(&mut self, ty: &Ty) -> Vec<Component> {
        match ty {
            Ty::Tuple(types) => {
                types.iter().enumerate().map(|(i, t)| Component::plain(i.to_string(), t.clone())).collect()
            }
            Ty::Adt(id, args) => self.fields(*id, args),
            Ty::Tangent(of) => {
                let of_value = self.components(of);
                let tangent = |c: Component| {
                    let ty = if c.trained { tangent(self.program, &c.ty) } else { Ty::UNIT };
                    Component { ty, trained: true, ..c }
                };
                of_value.into_iter().map(tangent).collect()
            }
            _ => panic!("{ty:?} has no components"),
        }
    }

    fn fields(&mut self, id: AdtId, args: &[Arg]) -> Vec<Component> {
        let def = &self.program.adts[id];
        let subst = Subst::new(&def.generics, args);
        let of_model = matches!(def.kind, AdtKind::Model(_));
        let field = |f: &crate::typed::Field| {
            let ty = subst.ty(self.program, &f.ty);
            let trained = !of_model || f.role == FieldRole::Param || holds_models(self.program, &ty);
            Component { name: f.name.to_string(), ty, role: f.role, trained }
        };
        def.fields().iter().map(field).collect()
    }

    /// Whether a type is a model.
    pub fn is_model(&self, ty: &Ty) -> bool {
        matches!(ty, Ty::Adt(id, _) if matches!(self.program.adts[*id].kind, AdtKind::Model(_)))
    }

    /// The leaves of component `index`: where they begin, how many, and their type.
    pub fn component(&mut self, ty: &Ty, index: usize) -> (usize, usize, Ty) {
        let parts = self.components(ty);
        let start = parts[..index].iter().map(|c| self.leaf_count(&c.ty)).sum();
        let part = parts[index].ty.clone();
        (start, self.leaf_count(&part), part)
    }

    /// The types of the fields of a case.
    pub fn case_fields(&self, id: AdtId, args: &[Arg], case: u32) -> Vec<Ty> {
        let def = &self.program.adts[id];
        let subst = Subst::new(&def.generics, args);
        def.cases()[case as usize].fields.iter().map(|f| subst.ty(self.program, &f.ty)).collect()
    }

    /// The node type of an enum's instance; `None` if no case has a field.
    pub fn enum_node(&mut self, id: AdtId, args: &[Arg]) -> Option<NodeId> {
        let def = &self.program.adts[id];
        if def.cases().iter().all(|c| c.fields.is_empty()) {
            return None;
        }
        let args: Vec<Arg> = args.iter().map(without_sizes).collect();
        if let Some(node) = self.enums.get(&(id, args.clone())) {
            return Some(*node);
        }
        let name = self.unique_name(&instance_name(def, &args, self));
        let node = self.module.add_node(name, NodeKind::Enum, Vec::new());
        self.enums.insert((id, args.clone()), node);
        let cases = (0..def.cases().len()).map(|case| self.case_def(id, &args, case)).collect();
        self.module.nodes[node].cases = cases;
        Some(node)
    }

    fn case_def(&mut self, id: AdtId, args: &[Arg], case: usize) -> CaseDef {
        let def = &self.program.adts[id].cases()[case];
        let types = self.case_fields(id, args, case as u32);
        let mut fields = Vec::new();
        for (field, ty) in def.fields.iter().zip(&types) {
            let leaves = self.types(ty);
            let names = self.leaf_names(&field.name, ty);
            fields.extend(leaves.into_iter().zip(names).map(|(ty, name)| FieldDef { name: name.into(), ty }));
        }
        CaseDef { name: def.name.as_str().into(), fields }
    }

    /// Names of the leaves of a value that is called `name`: `s.x`, `s.y.0`.
    pub fn leaf_names(&mut self, name: &str, ty: &Ty) -> Vec<String> {
        match ty {
            Ty::Tuple(parts) if parts.is_empty() => Vec::new(),
            Ty::Array(element, _) | Ty::List(element) => {
                let names = self.leaf_names(name, element);
                if names.is_empty() { vec![name.to_string()] } else { names }
            }
            Ty::Tangent(of) if matches!(**of, Ty::Fn(..)) => vec![name.to_string()],
            Ty::Tangent(of) if self.is_enum(of) => vec![name.to_string(); self.leaf_count(ty)],
            Ty::Tuple(_) | Ty::Adt(..) | Ty::Tangent(_) if !self.is_enum(ty) => {
                let parts = self.components(ty);
                let names = parts.iter().flat_map(|c| self.leaf_names(&format!("{name}.{}", c.name), &c.ty));
                names.collect()
            }
            Ty::Never => Vec::new(),
            _ => vec![name.to_string()],
        }
    }

    /// For each leaf the sizes of its levels of arrays, the outermost first; `None` for those of lists.
    pub fn leaf_levels(&mut self, ty: &Ty) -> Vec<Levels> {
        let outer = match ty {
            Ty::Array(_, sizes) => Some(sizes.clone()),
            _ => None,
        };
        match ty {
            Ty::Array(element, _) | Ty::List(element) => {
                let inner = self.leaf_levels(element);
                let inner = if inner.is_empty() { vec![Vec::new()] } else { inner };
                inner.into_iter().map(|rest| std::iter::once(outer.clone()).chain(rest).collect()).collect()
            }
            Ty::Tuple(_) | Ty::Adt(..) if !self.is_enum(ty) => {
                let parts = self.components(ty);
                parts.iter().flat_map(|c| self.leaf_levels(&c.ty)).collect()
            }
            Ty::Tangent(of) if !matches!(**of, Ty::Fn(..)) && !self.is_enum(of) => {
                let parts = self.components(ty);
                parts.iter().flat_map(|c| self.leaf_levels(&c.ty)).collect()
            }
            _ => vec![Vec::new(); self.leaf_count(ty)],
        }
    }

    pub fn is_enum(&self, ty: &Ty) -> bool {
        matches!(ty, Ty::Adt(id, _) if matches!(self.program.adts[*id].kind, AdtKind::Enum(_)))
    }
}

impl Component {
    fn plain(name: String, ty: Ty) -> Component {
        Component { name, ty, role: FieldRole::Plain, trained: true }
    }
}

/// The argument with every size replaced by zero: what a node type depends on.
fn without_sizes(arg: &Arg) -> Arg {
    let mut zero = |_: &Size| Size::constant(0);
    map_sizes(arg, &mut zero)
}

/// The argument with its sizes replaced, in order.
pub(super) fn map_sizes(arg: &Arg, f: &mut impl FnMut(&Size) -> Size) -> Arg {
    match arg {
        Arg::Size(size) => Arg::Size(f(size)),
        Arg::Ty(ty) => Arg::Ty(map_type_sizes(ty, f)),
    }
}

fn map_type_sizes(ty: &Ty, f: &mut impl FnMut(&Size) -> Size) -> Ty {
    match ty {
        Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => ty.clone(),
        Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|t| map_type_sizes(t, f)).collect()),
        Ty::Array(element, sizes) => {
            let element = map_type_sizes(element, f);
            Ty::Array(Box::new(element), sizes.iter().map(&mut *f).collect())
        }
        Ty::List(element) => Ty::List(Box::new(map_type_sizes(element, f))),
        Ty::Adt(id, args) => Ty::Adt(*id, args.iter().map(|a| map_sizes(a, f)).collect()),
        Ty::Fn(params, result) => {
            let params =
                params.iter().map(|p| crate::typed::FnParamTy { inout: p.inout, ty: map_type_sizes(&p.ty, f) });
            let params = params.collect();
            Ty::Fn(params, Box::new(map_type_sizes(result, f)))
        }
        Ty::Tangent(of) => Ty::Tangent(Box::new(map_type_sizes(of, f))),
    }
}

/// The size that stands for parameter `index` of an instance: sizes in its type arguments are numbered.
pub(super) fn size_param(index: usize) -> GenericId {
    GenericId(u32::MAX - index as u32)
}

/// Generic arguments with their sizes numbered, and those sizes.
pub(super) fn numbered(args: &[Arg]) -> (Vec<Arg>, Vec<Size>) {
    let mut sizes = Vec::new();
    let mut number = |size: &Size| {
        sizes.push(size.clone());
        Size::atom(SizeAtom::Param(size_param(sizes.len() - 1)))
    };
    let args = args.iter().map(|a| map_sizes(a, &mut number)).collect();
    (args, sizes)
}

/// `Tree<f64>`: the name with its type arguments.
fn instance_name(def: &AdtDef, args: &[Arg], cx: &Cx) -> String {
    format!("{}{}", def.name.as_str(), type_arguments(args, cx))
}

/// `<f64, Point>`; nothing if there is no type among the arguments.
pub(super) fn type_arguments(args: &[Arg], cx: &Cx) -> String {
    let types: Vec<String> = args
        .iter()
        .filter_map(|a| match a {
            Arg::Ty(ty) => Some(type_name(ty, cx)),
            Arg::Size(_) => None,
        })
        .collect();
    if types.is_empty() { String::new() } else { format!("<{}>", types.join(",")) }
}

/// A short name of a type without sizes, for names in the IR.
pub(super) fn type_name(ty: &Ty, cx: &Cx) -> String {
    match ty {
        Ty::Scalar(s) => s.name().to_string(),
        Ty::Str => "str".to_string(),
        Ty::Tuple(parts) => format!("({})", parts.iter().map(|t| type_name(t, cx)).collect::<Vec<_>>().join(",")),
        Ty::Array(element, sizes) => format!("[{};{}]", type_name(element, cx), sizes.len()),
        Ty::List(element) => format!("List<{}>", type_name(element, cx)),
        Ty::Adt(id, args) => instance_name(&cx.program.adts[*id], args, cx),
        Ty::Fn(..) => "fn".to_string(),
        Ty::Tangent(of) => format!("Tangent<{}>", type_name(of, cx)),
        Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => "_".to_string(),
    }
}

/// What a size says of an axis: a number, or that it is a generic size of which the value is a parameter.
fn axis_size(size: &Size, param: &dyn Fn(GenericId) -> Option<u32>) -> AxisSize {
    let generic = match size.as_atom() {
        Some(SizeAtom::Param(id)) => param(*id),
        Some(SizeAtom::Local(_) | SizeAtom::Op(..) | SizeAtom::Infer(_)) | None => None,
    };
    match size.as_constant() {
        Some(n) => AxisSize::Number(n),
        None => generic.map_or(AxisSize::Open, AxisSize::Param),
    }
}
