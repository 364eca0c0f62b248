//! What a program asks of the world; see `dprog_ir::HostFn`.
//!
//! [`output`] is printing, [`files`] text and tables, [`tensors`] safetensors files; compiled code comes in here, the interpreter
//! in [`interpreted`]. Failures of the world are results of the program, `(ok, error's text)`, not traps.

mod files;
pub mod foreign;
#[cfg(feature = "interpreter")]
mod interpreted;
mod output;
mod tensors;

pub use foreign::{ForeignFn, Foreigns};
pub use output::{Output, Sink};
pub use tensors::Tensor;
use tensors::Tensors;

use crate::context::Context;
use crate::object::{Object, elements, text};
use crate::types::{DescId, FLOATS, INTS, MATRIX, TEXTS};
use dprog_ir::HostFn;
use dprog_ir::text as words;
use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::Instant;

/// The world of one context.
#[derive(Default)]
pub struct Host {
    pub out: Output,
    /// Arguments of the program.
    pub args: Vec<String>,
    tensors: Tensors,
    /// The program has ended itself with this status.
    pub exit: Option<i64>,
    /// Functions of the embedding program, for the code that is running; null if there are none.
    pub foreign: Foreigns,
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn seconds() -> f64 {
    START.elapsed().as_secs_f64()
}

impl Host {
    fn is_terminal(&self) -> bool {
        self.out.is_stdout() && std::io::stdout().is_terminal()
    }
}

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
            HostFn::Print => self.ctx.host.out.write(self.text(0), "\n"),
            HostFn::Write => self.ctx.host.out.write(self.text(0), ""),
            HostFn::Eprint => self.ctx.host.out.error(self.text(0)),
            HostFn::Args => {
                let args = self.ctx.host.args.clone();
                self.give_texts(&args)?;
            }
            HostFn::Exit => {
                self.ctx.host.exit = Some(self.args[0] as i64);
                return None;
            }
            HostFn::Clock => self.give(seconds().to_bits()),
            HostFn::IsTerminal => {
                let terminal = self.ctx.host.is_terminal();
                self.give(terminal as u64);
            }
            HostFn::ReadText => {
                let text = files::read_text(self.text(0));
                self.give(text.is_ok() as u64);
                self.give_text(&text.unwrap_or_else(|error| error))?;
            }
            HostFn::WriteText => self.give_outcome(&files::write_text(self.text(0), self.text(1)))?,
            HostFn::ReadCsv => {
                let table = files::read_csv(self.text(0), self.args[1] as i64);
                self.give_outcome(&table.as_ref().map(|_| ()).map_err(String::clone))?;
                let ([rows, columns], numbers) = table.unwrap_or_default();
                self.give_array(MATRIX, &[rows as i64, columns as i64], &numbers)?;
            }
            HostFn::TensorsBegin => self.ctx.host.tensors.saving.clear(),
            HostFn::TensorsAdd => {
                self.ctx.host.tensors.add(self.text(0), self.items(1), self.items(2), self.text(3));
            }
            HostFn::TensorsSave => {
                let outcome = self.ctx.host.tensors.save(self.text(0));
                self.give_outcome(&outcome)?;
            }
            HostFn::TensorsLoad => {
                let outcome = self.ctx.host.tensors.load(self.text(0));
                self.give_outcome(&outcome)?;
            }
            HostFn::TensorsGet => {
                let tensor = self.ctx.host.tensors.get(self.text(0));
                self.give(tensor.is_some() as u64);
                let (shape, numbers) = tensor.unwrap_or_default();
                self.give_array(INTS, &[shape.len() as i64], &shape)?;
                self.give_array(FLOATS, &[numbers.len() as i64], &numbers)?;
            }
            HostFn::Foreign => self.foreign()?,
            HostFn::StrLen => self.give(self.text(0).len() as u64),
            HostFn::StrSlice => self.give_text(words::slice(self.text(0), self.args[1] as i64, self.args[2] as i64))?,
            HostFn::ParseF64 => {
                let number = words::parse_f64(self.text(0));
                self.give(number.is_some() as u64);
                self.give(number.unwrap_or(0.0).to_bits());
            }
            HostFn::ParseI64 => {
                let number = words::parse_i64(self.text(0));
                self.give(number.is_some() as u64);
                self.give(number.unwrap_or(0) as u64);
            }
            HostFn::StrSplit => self.give_texts(&words::split(self.text(0), self.text(1)))?,
            HostFn::StrTrim => self.give_text(self.text(0).trim())?,
            HostFn::StrQuote => self.give_text(&words::quoted(self.text(0)))?,
        }
        Some(())
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

    fn give(&mut self, bits: u64) {
        self.results[self.next] = bits;
        self.next += 1;
    }

    fn give_text(&mut self, text: &str) -> Option<()> {
        let object = self.ctx.new_text(text)?;
        self.give(object as u64);
        Some(())
    }

    /// Success and an empty text, or failure and the error's.
    fn give_outcome(&mut self, outcome: &Result<(), String>) -> Option<()> {
        self.give(outcome.is_ok() as u64);
        self.give_text(outcome.as_ref().err().map_or("", |e| e))
    }

    fn give_array<T: Copy>(&mut self, desc: DescId, dims: &[i64], items: &[T]) -> Option<()> {
        let object = self.ctx.new_array_of(desc, dims, items)?;
        self.give(object as u64);
        Some(())
    }

    fn give_texts<S: AsRef<str>>(&mut self, items: &[S]) -> Option<()> {
        let objects: Option<Vec<u64>> = items.iter().map(|t| Some(self.ctx.new_text(t.as_ref())? as u64)).collect();
        let objects = objects?;
        self.give_array(TEXTS, &[objects.len() as i64], &objects)
    }
}
