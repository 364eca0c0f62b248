//! The world that an interpreted program talks to.

use super::Fault;
use super::value::Val;
use crate::host::HostFn;
use crate::text;
use crate::trap::TrapCode;
use rustc_hash::FxHashMap;

/// Answers calls of host functions. The pure ones are best passed on to [`pure_call`].
pub trait Host {
    /// Arguments and results are as [`HostFn::signature`] says.
    fn call(&mut self, f: HostFn, args: &[Val]) -> Result<Vec<Val>, Fault>;
}

/// A world for tests: what is written is kept, files are texts in memory.
#[derive(Default, Debug)]
pub struct CapturedHost {
    pub out: String,
    pub err: String,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The status that the program exited with.
    pub exit: Option<i64>,
    /// Texts by path.
    pub files: FxHashMap<String, String>,
}

impl Host for CapturedHost {
    fn call(&mut self, f: HostFn, args: &[Val]) -> Result<Vec<Val>, Fault> {
        let text = |k: usize| args[k].as_str();
        let refused = |what: &str| vec![Val::Bool(false), Val::str(what)];
        Ok(match f {
            HostFn::Print | HostFn::Write => {
                self.out += text(0);
                self.out += if f == HostFn::Print { "\n" } else { "" };
                vec![]
            }
            HostFn::Eprint => {
                self.err += text(0);
                self.err.push('\n');
                vec![]
            }
            HostFn::Args => vec![Val::list(self.args.iter().map(|arg| Val::str(arg)).collect())],
            HostFn::Exit => {
                self.exit = Some(args[0].as_i64());
                return Err(Fault::new(TrapCode::Cancelled, 0, 0));
            }
            HostFn::Clock => vec![Val::F64(0.0)],
            HostFn::IsTerminal => vec![Val::Bool(false)],
            HostFn::ReadText => match self.files.get(text(0)) {
                Some(content) => vec![Val::Bool(true), Val::str(content)],
                None => refused("no such file"),
            },
            HostFn::WriteText => {
                self.files.insert(text(0).to_string(), text(1).to_string());
                vec![Val::Bool(true), Val::str("")]
            }
            HostFn::ReadCsv => {
                let table = self.files.get(text(0)).map(|content| read_csv(content, args[1].as_i64()));
                let table = table.unwrap_or(Err("no such file".to_string()));
                let error = table.as_ref().err().cloned().unwrap_or_default();
                vec![Val::Bool(table.is_ok()), Val::str(&error), table.unwrap_or_else(|_| Val::array(&[0, 0], vec![]))]
            }
            HostFn::Foreign => return Err(Fault::new(TrapCode::Host, 0, 0)),
            HostFn::TensorsBegin | HostFn::TensorsAdd => vec![],
            HostFn::TensorsSave | HostFn::TensorsLoad => refused("no tensor files here"),
            HostFn::TensorsGet => vec![Val::Bool(false), Val::list(vec![]), Val::list(vec![])],
            HostFn::StrLen | HostFn::StrSlice | HostFn::ParseF64 => pure_call(f, args),
            HostFn::ParseI64 | HostFn::StrSplit | HostFn::StrTrim | HostFn::StrQuote => pure_call(f, args),
        })
    }
}

/// Runs a pure host function.
pub fn pure_call(f: HostFn, args: &[Val]) -> Vec<Val> {
    assert!(f.is_pure(), "{f:?} is not pure");
    let text = args[0].as_str();
    if f == HostFn::StrLen {
        vec![Val::I64(text.len() as i64)]
    } else if f == HostFn::StrSlice {
        vec![Val::str(text::slice(text, args[1].as_i64(), args[2].as_i64()))]
    } else if f == HostFn::ParseF64 {
        let number = text::parse_f64(text);
        vec![Val::Bool(number.is_some()), Val::F64(number.unwrap_or(0.0))]
    } else if f == HostFn::ParseI64 {
        let number = text::parse_i64(text);
        vec![Val::Bool(number.is_some()), Val::I64(number.unwrap_or(0))]
    } else if f == HostFn::StrSplit {
        vec![Val::list(text::split(text, args[1].as_str()).into_iter().map(Val::str).collect())]
    } else if f == HostFn::StrQuote {
        vec![Val::str(&text::quoted(text))]
    } else {
        vec![Val::str(text.trim())]
    }
}

/// Rows of numbers between commas.
fn read_csv(content: &str, skip: i64) -> Result<Val, String> {
    let lines = content.lines().skip(skip.max(0) as usize).filter(|line| !line.trim().is_empty());
    let rows: Vec<Vec<Val>> = lines
        .map(|line| {
            let cells = line.split(',').map(|cell| text::parse_f64(cell).map(Val::F64));
            cells.collect::<Option<_>>().ok_or_else(|| format!("not a row of numbers: {line}"))
        })
        .collect::<Result<_, _>>()?;
    let columns = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != columns) {
        return Err("rows of different lengths".to_string());
    }
    Ok(Val::array(&[rows.len(), columns], rows.into_iter().flatten().collect()))
}
