//! Host functions: what a program can ask of the world outside, and text services that need a library.
//!
//! Each has a name and a signature here, an implementation in `runtime`, and is offered to programs by a file in `std/`.
//! None has a derivative, so a float that comes out of one is a constant; but for the functions of an embedding program.

use crate::types::Type;

/// A function of the host. Add one here, then in `runtime`, then in `std/`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum HostFn {
    /// (text): standard output, with a newline.
    Print,
    /// (text): standard output.
    Write,
    /// (text): standard error, with a newline.
    Eprint,
    /// () -> (arguments of the program, a rank-1 array of str)
    Args,
    /// (status): flushes and ends the program with this exit status. Does not return.
    Exit,
    /// () -> seconds since some moment, f64
    Clock,
    /// () -> whether standard output is a terminal
    IsTerminal,
    /// (path) -> (ok, text or the error's text)
    ReadText,
    /// (path, text) -> (ok, error's text)
    WriteText,
    /// (path, skip: number of header lines) -> (ok, error's text, numbers: rank-2 f64)
    ReadCsv,
    /// (): an empty set of named tensors to be saved
    TensorsBegin,
    /// (name, shape: rank-1 i64, data: rank-1 f64, kind: "F64", "F32", "I64", "I32", "U8" or "BOOL")
    TensorsAdd,
    /// (path) -> (ok, error's text): writes the set as a safetensors file
    TensorsSave,
    /// (path) -> (ok, error's text): reads a safetensors file
    TensorsLoad,
    /// (name) -> (found, shape, data as f64): a tensor of the file read last
    TensorsGet,
    /// (text) -> number of bytes. Pure.
    StrLen,
    /// (text, from, to) -> the bytes from..to of it, cut to the text and to whole characters. Pure.
    StrSlice,
    /// (text) -> (ok, number). Pure.
    ParseF64,
    /// (text) -> (ok, number). Pure.
    ParseI64,
    /// (text, separator) -> pieces. Pure.
    StrSplit,
    /// (text) -> text without white space at both ends. Pure.
    StrTrim,
    /// (text) -> the text as a literal of the language, in quotes. Pure.
    StrQuote,
    /// (number, n, m, parts) -> numbers: a function of the embedding program, [`crate::module::Foreign`]. `parts` are its `n`
    /// arguments; of a derivative then the `m` results, and as many tangents or adjoints as there are of the other kind. The only
    /// one that may have a derivative.
    Foreign,
}

impl HostFn {
    /// Every function with its name in the text form.
    pub const TABLE: &[(HostFn, &str)] = &[
        (HostFn::Print, "print"),
        (HostFn::Write, "write"),
        (HostFn::Eprint, "eprint"),
        (HostFn::Args, "args"),
        (HostFn::Exit, "exit"),
        (HostFn::Clock, "clock"),
        (HostFn::IsTerminal, "is_terminal"),
        (HostFn::ReadText, "read_text"),
        (HostFn::WriteText, "write_text"),
        (HostFn::ReadCsv, "read_csv"),
        (HostFn::TensorsBegin, "tensors_begin"),
        (HostFn::TensorsAdd, "tensors_add"),
        (HostFn::TensorsSave, "tensors_save"),
        (HostFn::TensorsLoad, "tensors_load"),
        (HostFn::TensorsGet, "tensors_get"),
        (HostFn::StrLen, "str_len"),
        (HostFn::StrSlice, "str_slice"),
        (HostFn::ParseF64, "parse_f64"),
        (HostFn::ParseI64, "parse_i64"),
        (HostFn::StrSplit, "str_split"),
        (HostFn::StrTrim, "str_trim"),
        (HostFn::StrQuote, "str_quote"),
        (HostFn::Foreign, "foreign"),
    ];

    /// Types of parameters and results.
    pub fn signature(self) -> (Vec<Type>, Vec<Type>) {
        let (text, int, ok) = (Type::STR, Type::I64, Type::BOOL);
        let (texts, ints, floats) = (text.array(1), int.array(1), Type::F64.array(1));
        match self {
            HostFn::Print | HostFn::Write | HostFn::Eprint => (vec![text], vec![]),
            HostFn::Args => (vec![], vec![texts]),
            HostFn::Exit => (vec![int], vec![]),
            HostFn::Clock => (vec![], vec![Type::F64]),
            HostFn::IsTerminal => (vec![], vec![ok]),
            HostFn::ReadText => (vec![text], vec![ok, text]),
            HostFn::WriteText => (vec![text, text], vec![ok, text]),
            HostFn::ReadCsv => (vec![text, int], vec![ok, text, Type::F64.array(2)]),
            HostFn::TensorsBegin => (vec![], vec![]),
            HostFn::TensorsAdd => (vec![text, ints, floats, text], vec![]),
            HostFn::TensorsSave | HostFn::TensorsLoad => (vec![text], vec![ok, text]),
            HostFn::TensorsGet => (vec![text], vec![ok, ints, floats]),
            HostFn::StrLen => (vec![text], vec![int]),
            HostFn::StrSlice => (vec![text, int, int], vec![text]),
            HostFn::ParseF64 => (vec![text], vec![ok, Type::F64]),
            HostFn::ParseI64 => (vec![text], vec![ok, int]),
            HostFn::StrSplit => (vec![text, text], vec![texts]),
            HostFn::StrTrim | HostFn::StrQuote => (vec![text], vec![text]),
            HostFn::Foreign => (vec![int, int, int, floats], vec![floats]),
        }
    }

    /// Leaves something in the world and gives no result: what a second run of the same code does not do again.
    pub fn is_output(self) -> bool {
        matches!(self, HostFn::Print | HostFn::Write | HostFn::Eprint | HostFn::TensorsBegin | HostFn::TensorsAdd)
    }

    /// Depends on nothing but its arguments and changes nothing.
    pub fn is_pure(self) -> bool {
        match self {
            HostFn::StrLen
            | HostFn::StrSlice
            | HostFn::ParseF64
            | HostFn::ParseI64
            | HostFn::StrSplit
            | HostFn::StrTrim
            | HostFn::StrQuote => true,
            HostFn::Print | HostFn::Write | HostFn::Eprint | HostFn::Args | HostFn::Exit | HostFn::Clock => false,
            HostFn::IsTerminal | HostFn::ReadText | HostFn::WriteText | HostFn::ReadCsv | HostFn::TensorsBegin => false,
            HostFn::TensorsAdd | HostFn::TensorsSave | HostFn::TensorsLoad | HostFn::TensorsGet => false,
            HostFn::Foreign => false,
        }
    }
}
