//! The same world for the interpreter, whose values are others.

use super::{Host, files, seconds};
use dprog_ir::interp::host::pure_call;
use dprog_ir::interp::{Fault, Val};
use dprog_ir::{HostFn, TrapCode, interp};

impl interp::Host for Host {
    fn call(&mut self, f: HostFn, args: &[Val]) -> Result<Vec<Val>, Fault> {
        let text = |k: usize| args[k].as_str();
        Ok(match f {
            HostFn::Print => none(self.out.write(text(0), "\n")),
            HostFn::Write => none(self.out.write(text(0), "")),
            HostFn::Eprint => none(self.out.error(text(0))),
            HostFn::Args => vec![Val::list(self.args.iter().map(|arg| Val::str(arg)).collect())],
            HostFn::Exit => {
                self.exit = Some(args[0].as_i64());
                return Err(Fault::new(TrapCode::Cancelled, 0, 0));
            }
            HostFn::Clock => vec![Val::F64(seconds())],
            HostFn::IsTerminal => vec![Val::Bool(self.is_terminal())],
            HostFn::ReadText => {
                let read = files::read_text(text(0));
                vec![Val::Bool(read.is_ok()), Val::str(&read.unwrap_or_else(|error| error))]
            }
            HostFn::WriteText => outcome(files::write_text(text(0), text(1))),
            HostFn::ReadCsv => {
                let table = files::read_csv(text(0), args[1].as_i64());
                let mut results = outcome(table.as_ref().map(|_| ()).map_err(String::clone));
                let (sizes, numbers) = table.unwrap_or_default();
                results.push(Val::array(&sizes, numbers.into_iter().map(Val::F64).collect()));
                results
            }
            HostFn::Foreign => return Err(Fault::new(TrapCode::Host, 0, 0)),
            HostFn::TensorsBegin => none(self.tensors.saving.clear()),
            HostFn::TensorsAdd => {
                let shape: Vec<i64> = args[1].as_array().items().iter().map(Val::as_i64).collect();
                let data: Vec<f64> = args[2].as_array().items().iter().map(Val::as_float).collect();
                none(self.tensors.add(text(0), &shape, &data, text(3)))
            }
            HostFn::TensorsSave => outcome(self.tensors.save(text(0))),
            HostFn::TensorsLoad => outcome(self.tensors.load(text(0))),
            HostFn::TensorsGet => {
                let tensor = self.tensors.get(text(0));
                let found = Val::Bool(tensor.is_some());
                let (shape, numbers) = tensor.unwrap_or_default();
                let shape = Val::list(shape.into_iter().map(Val::I64).collect());
                vec![found, shape, Val::list(numbers.into_iter().map(Val::F64).collect())]
            }
            HostFn::StrLen | HostFn::StrSlice | HostFn::ParseF64 => pure_call(f, args),
            HostFn::ParseI64 | HostFn::StrSplit | HostFn::StrTrim | HostFn::StrQuote => pure_call(f, args),
        })
    }
}

/// No results.
fn none((): ()) -> Vec<Val> {
    Vec::new()
}

/// Whether it went well, and else the error's text.
fn outcome(result: Result<(), String>) -> Vec<Val> {
    vec![Val::Bool(result.is_ok()), Val::str(result.as_ref().err().map_or("", |e| e))]
}
