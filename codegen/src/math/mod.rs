//! Elementary functions as code: inline, for one or two lanes, or as functions of a module.
//!
//! With [`Functions`] an object needs neither libm nor a runtime for them: each function that is used becomes a local one
//! of the object. The algorithms are those of `dprog_ir::fmath::elementary`, so all targets, the interpreter and the
//! runtime give the same bits.

mod lane;

use crate::Error;
use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, Signature, Type, UserFuncName, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module, ModuleResult};
use dprog_ir::fmath::elementary::{self, Rare};
use dprog_ir::{BinaryOp, UnaryOp};
use lane::{Emitter, Lane};
use rustc_hash::FxHashMap;

pub use lane::{FindRare, Pool};

/// An elementary function, or a part of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Formula {
    Unary(UnaryOp),
    Binary(BinaryOp),
    Rare(Rare),
}

/// Code for the formula of these values, of type f64 or f64x2, where the builder stands; it may end in another block.
/// `None`, and no code, if there is no such formula, or none for two lanes: such operations are instructions (`sqrt`) or
/// are done lane by lane (`rem`).
pub fn emit(b: &mut FunctionBuilder, formula: Formula, args: &[Value], find_rare: &mut FindRare) -> Option<Value> {
    emit_with(b, formula, args, find_rare, None)
}

/// The same; constant vectors come from the pool, if there is one.
pub fn emit_with<'m>(
    b: &'m mut FunctionBuilder<'_>,
    formula: Formula,
    args: &[Value],
    find_rare: &'m mut FindRare<'m>,
    pool: Option<Pool<'m>>,
) -> Option<Value> {
    let wide = b.func.dfg.value_type(args[0]) == types::F64X2;
    let emitter = Emitter::new(b, wide, find_rare, pool);
    let args: Vec<Lane> = args.iter().map(|v| emitter.lane(*v)).collect();
    formula.value(&args, wide).map(|lane| lane.value)
}

impl Formula {
    fn value<'a, 'm, 'f>(self, args: &[Lane<'a, 'm, 'f>], wide: bool) -> Option<Lane<'a, 'm, 'f>> {
        match self {
            Formula::Unary(op) if wide => elementary::unary(op, args[0]),
            Formula::Unary(op) => elementary::unary_of_one(op, args[0]),
            Formula::Binary(op) if wide => elementary::binary(op, args[0], args[1]),
            Formula::Binary(op) => elementary::binary_of_one(op, args[0], args[1]),
            Formula::Rare(_) if wide => None,
            Formula::Rare(rare) => Some(rare.apply(args[0])),
        }
    }

    /// Whether [`emit`] has it.
    fn exists(self, wide: bool) -> bool {
        // Asked of f64, which costs a function call: there is one list of formulas, not two.
        match self {
            Formula::Unary(op) if wide => elementary::unary(op, 0.5).is_some(),
            Formula::Unary(op) => elementary::unary_of_one(op, 0.5).is_some(),
            Formula::Binary(op) if wide => elementary::binary(op, 0.5, 0.5).is_some(),
            Formula::Binary(op) => elementary::binary_of_one(op, 0.5, 0.5).is_some(),
            Formula::Rare(_) => !wide,
        }
    }

    /// With dots, so that no function of a program has this name.
    fn symbol(self, ty: Type) -> String {
        let name = match self {
            Formula::Unary(op) => op.name(),
            Formula::Binary(op) => op.name(),
            Formula::Rare(rare) => rare.name(),
        };
        format!("dprog.{name}.{ty}")
    }

    fn signature(self, module: &impl Module, ty: Type) -> Signature {
        let mut signature = module.make_signature();
        let count = if matches!(self, Formula::Binary(_)) { 2 } else { 1 };
        signature.params.resize(count, AbiParam::new(ty));
        signature.returns.push(AbiParam::new(ty));
        signature
    }
}

/// The elementary functions that a module has so far. They are local, and defined when they are first asked for.
#[derive(Default)]
pub struct Functions {
    defined: FxHashMap<(Formula, Type), FuncId>,
    builder: FunctionBuilderContext,
}

impl Functions {
    /// The formula as a function of the module, of arguments of type `ty` (f64, f32 or f64x2) to that type, by the
    /// convention of C. `None` if there is no such formula.
    pub fn get(&mut self, module: &mut impl Module, formula: Formula, ty: Type) -> Result<Option<FuncId>, Error> {
        if let Some(known) = self.defined.get(&(formula, ty)) {
            return Ok(Some(*known));
        }
        if !formula.exists(ty == types::F64X2) {
            return Ok(None);
        }
        let id = self.define(module, formula, ty).map_err(|e| Error(e.to_string()))?;
        Ok(Some(id))
    }

    fn define(&mut self, module: &mut impl Module, formula: Formula, ty: Type) -> ModuleResult<FuncId> {
        let id = declare(module, formula, ty)?;
        self.defined.insert((formula, ty), id);
        let mut context = module.make_context();
        context.func.signature = formula.signature(module, ty);
        context.func.name = UserFuncName::user(0, id.as_u32());
        let mut used = Vec::new();
        let mut find_rare = |func: &mut Function, rare: Rare| {
            used.push(rare);
            let callee = declare(module, Formula::Rare(rare), types::F64).expect("the name is ours");
            module.declare_func_in_func(callee, func)
        };
        let mut b = FunctionBuilder::new(&mut context.func, &mut self.builder);
        body(&mut b, formula, ty, &mut find_rare);
        b.seal_all_blocks();
        b.finalize(module.target_config());
        module.define_function(id, &mut context)?;
        for rare in used {
            if !self.defined.contains_key(&(Formula::Rare(rare), types::F64)) {
                self.define(module, Formula::Rare(rare), types::F64)?;
            }
        }
        Ok(id)
    }
}

fn declare(module: &mut impl Module, formula: Formula, ty: Type) -> ModuleResult<FuncId> {
    let signature = formula.signature(module, ty);
    module.declare_function(&formula.symbol(ty), Linkage::Local, &signature)
}

/// The body of a function that computes the formula. f32 is computed in f64 and rounded.
fn body(b: &mut FunctionBuilder, formula: Formula, ty: Type, find_rare: &mut FindRare) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let mut args = b.block_params(block).to_vec();
    if ty == types::F32 {
        args.iter_mut().for_each(|v| *v = b.ins().fpromote(types::F64, *v));
    }
    let mut result = emit(b, formula, &args, find_rare).expect("the formula exists");
    if ty == types::F32 {
        result = b.ins().fdemote(types::F32, result);
    }
    b.ins().return_(&[result]);
}
