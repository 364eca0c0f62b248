//! What a program asks of the world; see `dprog_ir::HostFn`.
//!
//! [`output`] is printing, [`files`] text and tables, [`tensors`] safetensors files, [`words`] the text services that need a
//! library. Failures of the world are results of the program, `(ok, error's text)`, not traps.

mod files;
mod output;
mod tensors;
mod words;

pub use output::{Output, Sink};
pub use tensors::Tensor;

use crate::context::Context;
use crate::object::{Object, elements, text};
use crate::types::{DescId, FLOATS, INTS, TEXTS};
use dprog_ir::HostFn;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::Instant;

/// The world of one context.
#[derive(Default)]
pub struct Host {
    pub out: Output,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Tensors that are to be saved, in order.
    saving: Vec<(String, Tensor)>,
    loaded: BTreeMap<String, Tensor>,
    /// The program has ended itself with this status.
    pub exit: Option<i64>,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Calls the host function with this number in `HostFn::TABLE`: eight bytes for each argument and result. Borrows its
/// arguments. A status other than 0: trapped, or the program has ended.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_host(ctx: &mut Context, number: u32, args: *const u64, results: *mut u64) -> i32 {
    let f = HostFn::TABLE[number as usize].0;
    let (params, types) = f.signature();
    // SAFETY: compiled code passes as many words as the signature has types.
    let (args, results) = unsafe {
        (std::slice::from_raw_parts(args, params.len()), std::slice::from_raw_parts_mut(results, types.len()))
    };
    let done = Call { ctx, args, results, next: 0 }.run(f);
    done.is_none() as i32
}

/// A call under way. `None` from its functions means that the context ran out of memory, or that the program ends.
struct Call<'a> {
    ctx: &'a mut Context,
    args: &'a [u64],
    results: &'a mut [u64],
    next: usize,
}

impl Call<'_> {
    fn run(&mut self, f: HostFn) -> Option<()> {
        match f {
            HostFn::Print => self.print("\n"),
            HostFn::Write => self.print(""),
            HostFn::Eprint => self.eprint(),
            HostFn::Args => {
                let args = self.ctx.host.args.clone();
                self.give_texts(&args)
            }
            HostFn::Exit => {
                self.ctx.host.exit = Some(self.args[0] as i64);
                None
            }
            HostFn::Clock => self.give(START.elapsed().as_secs_f64().to_bits()),
            HostFn::IsTerminal => {
                let terminal = self.ctx.host.out.is_stdout() && std::io::stdout().is_terminal();
                self.give(terminal as u64)
            }
            HostFn::ReadText => self.read_text(),
            HostFn::WriteText => self.write_text(),
            HostFn::ReadCsv => self.read_csv(),
            HostFn::TensorsBegin => {
                self.ctx.host.saving.clear();
                Some(())
            }
            HostFn::TensorsAdd => self.tensors_add(),
            HostFn::TensorsSave => self.tensors_save(),
            HostFn::TensorsLoad => self.tensors_load(),
            HostFn::TensorsGet => self.tensors_get(),
            HostFn::StrLen => self.give(self.text(0).len() as u64),
            HostFn::StrSlice => self.str_slice(),
            HostFn::ParseF64 => self.parse_f64(),
            HostFn::ParseI64 => self.parse_i64(),
            HostFn::StrSplit => self.str_split(),
            HostFn::StrTrim => {
                let trimmed = self.text(0).trim();
                self.give_text(trimmed)
            }
        }
    }

    // ---- arguments ----

    fn text<'t>(&self, arg: usize) -> &'t str {
        // SAFETY: compiled code passes a string here, and keeps it alive during the call.
        unsafe { text(self.args[arg] as Object) }
    }

    fn items<'t, T>(&self, arg: usize) -> &'t [T] {
        // SAFETY: likewise, an array of rank 1 with elements of this type.
        unsafe { elements(self.args[arg] as Object, 1) }
    }

    // ---- results ----

    fn give(&mut self, bits: u64) -> Option<()> {
        self.results[self.next] = bits;
        self.next += 1;
        Some(())
    }

    fn give_text(&mut self, text: &str) -> Option<()> {
        let object = self.ctx.new_text(text)?;
        self.give(object as u64)
    }

    /// Success and an empty text, or failure and the error's.
    fn give_outcome(&mut self, outcome: &Result<(), String>) -> Option<()> {
        self.give(outcome.is_ok() as u64)?;
        self.give_text(outcome.as_ref().err().map_or("", |e| e))
    }

    fn give_array<T: Copy>(&mut self, desc: DescId, dims: &[i64], items: &[T]) -> Option<()> {
        let object = self.ctx.new_array_of(desc, dims, items)?;
        self.give(object as u64)
    }

    fn give_ints(&mut self, items: &[i64]) -> Option<()> {
        self.give_array(INTS, &[items.len() as i64], items)
    }

    fn give_floats(&mut self, items: &[f64]) -> Option<()> {
        self.give_array(FLOATS, &[items.len() as i64], items)
    }

    fn give_texts<S: AsRef<str>>(&mut self, items: &[S]) -> Option<()> {
        let objects: Option<Vec<u64>> = items.iter().map(|t| Some(self.ctx.new_text(t.as_ref())? as u64)).collect();
        let objects = objects?;
        self.give_array(TEXTS, &[objects.len() as i64], &objects)
    }
}
