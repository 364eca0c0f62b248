//! What may be written on the command line.
//!
//! Options may stand before or after the file, but for `run`, where everything behind the file belongs to the program.

use crate::report::Form;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// The compiler of dProg: programs that are parameterized, differentiated and trained.
#[derive(Parser, Debug)]
#[command(name = "dprogc", version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub global: Global,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Compile a program in memory and run its `main`
    #[command(
        override_usage = "dprogc run [OPTIONS] <FILE> [ARGS]...",
        subcommand_required = true,
        disable_help_subcommand = true
    )]
    Run {
        #[command(subcommand)]
        program: Program,
    },
    /// Report what is wrong with a program
    Check {
        file: PathBuf,
        /// List the copies of arrays and other values that remain after optimization
        #[arg(long)]
        explain_copies: bool,
        /// Say of each innermost loop, also of derivatives, whether it computes several numbers at once, and if not, why
        #[arg(long)]
        explain_loops: bool,
    },
    /// Write what the compiler makes of a program
    Build {
        #[arg(required_unless_present = "emit")]
        files: Vec<PathBuf>,
        /// Where to; `-` is standard output
        #[arg(short, long = "output", value_name = "OUT")]
        output: Option<PathBuf>,
        /// What to write
        #[arg(long, value_delimiter = ',', default_value = "obj,header")]
        emit: Vec<Emit>,
        /// `-MD` writes NAME.d, from which make knows the files that were read
        #[arg(short = 'M', value_name = "D", value_parser = ["D"])]
        dependencies: Option<String>,
    },
    /// Run the functions marked `@test` of a file, or of all files of a folder
    Test {
        path: PathBuf,
        /// Only those whose name contains this
        filter: Option<String>,
    },
    /// Compare the derivatives of functions in every mode, with each other and with differences
    Gradcheck {
        file: PathBuf,
        /// Only this function
        function: Option<String>,
        /// The point, as in `x = 1.5, n = 3`; parameters that are not named get a value by themselves
        #[arg(long, value_name = "POINT")]
        at: Option<String>,
    },
    /// Measure the functions marked `@bench`
    Bench { file: PathBuf },
    /// Explain a code, such as E0101
    Explain { code: String },
    /// Format a program
    Fmt {
        #[arg(num_args = 0.., allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
    /// Serve an editor
    Lsp {
        #[arg(num_args = 0.., allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
}

/// What `run` is given: a file, `-` for standard input, and behind it the program's own arguments.
///
/// To clap these are a subcommand that it does not know. That is its one way to stop looking for options of ours.
#[derive(Subcommand, Debug)]
pub enum Program {
    #[command(external_subcommand)]
    FileAndArgs(Vec<String>),
}

/// Options of every command.
#[derive(Args, Debug, Clone)]
pub struct Global {
    /// How much to optimize: 0, 1 or 2; the results are the same to the bit
    #[arg(short = 'O', global = true, value_name = "LEVEL", default_value = "2", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub opt_level: u8,
    /// Who runs the program; the results are the same to the bit
    #[arg(long, global = true, value_enum, default_value_t, value_name = "ENGINE")]
    pub engine: EngineKind,
    /// Keep what a debugger needs
    #[arg(short = 'g', global = true)]
    pub debug: bool,
    /// A folder in which modules are looked for; may be repeated
    #[arg(short = 'I', global = true, value_name = "FOLDER")]
    pub include: Vec<PathBuf>,
    /// Trap when the program needs more memory, such as 64M
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
    /// Trap when calls nest deeper
    #[arg(long, global = true, value_name = "CALLS", default_value_t = 1_000_000)]
    pub max_depth: u64,
    /// How errors and warnings are written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub diagnostics: Form,
    /// Whether to colour them
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub color: Color,
    /// Show how long each stage and each pass took, and how much the passes changed
    #[arg(long, global = true)]
    pub time_passes: bool,
    /// Show the IR after a stage, or after each run of a pass; `all` for everything. May be repeated
    #[arg(long, global = true, value_name = "PASS", value_parser = stage_parser(), hide_possible_values = true)]
    pub print_after: Vec<String>,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// How many threads a program may use; the results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// The machine to compile for
    #[arg(long, global = true, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// Code generation: `target-cpu=native`; `simd=512`, `256`, `128` or `off`; `fp=exact`, `contract` or `fast`
    #[arg(short = 'C', global = true, value_name = "OPTION")]
    pub codegen: Vec<String>,
}

/// What `build` can write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Emit {
    Obj,
    Header,
    Staticlib,
    Sharedlib,
    Exe,
    /// `libdprog_rt.a`, for programs of several objects
    Runtime,
    /// The IR
    Ir,
    /// The functions that differentiation made
    Adjoint,
    /// The code generator's IR
    Clif,
    /// Machine code as text
    Asm,
}

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum EngineKind {
    /// Machine code
    #[default]
    Native,
    /// The interpreter of the IR, after differentiation; it knows no files
    Interpreter,
    /// The interpreter with dual numbers instead of differentiation: slow, and equal only up to rounding
    Duals,
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// `--color never` as one argument: alone, `--color` means always, so what follows it is else taken for the file.
pub fn with_color_joined(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for arg in args {
        let value = arg.to_str().filter(|word| ["auto", "always", "never"].contains(word));
        match (joined.last_mut(), value) {
            (Some(last), Some(value)) if last == "--color" => *last = format!("--color={value}").into(),
            _ => joined.push(arg),
        }
    }
    joined
}

/// The stages and passes that there are, and `all`: another word is an error that lists them.
fn stage_parser() -> PossibleValuesParser {
    PossibleValuesParser::new(dprog::stage_names().into_iter().chain(["all"]))
}

/// `64M`, `1G`, `512k`, or plain bytes; units are powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let trimmed = text.trim().trim_end_matches(['b', 'B']).trim_end_matches('i');
    let (digits, shift) = match trimmed.char_indices().last() {
        Some((at, 'k' | 'K')) => (&trimmed[..at], 10),
        Some((at, 'm' | 'M')) => (&trimmed[..at], 20),
        Some((at, 'g' | 'G')) => (&trimmed[..at], 30),
        Some((at, 't' | 'T')) => (&trimmed[..at], 40),
        _ => (trimmed, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size such as 64M".to_string())?;
    number.checked_mul(1 << shift).filter(|n| *n > 0).ok_or_else(|| "this size is out of range".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = ["64M", "1g", "512", "8KiB", "2MB"].map(|s| parse_size(s).unwrap());
        assert_eq!(sizes, [64 << 20, 1 << 30, 512, 8 << 10, 2 << 20]);
        for bad in ["", "M", "-1", "0", "1.5G", "99999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_stands_behind_the_file_belongs_to_the_program() {
        let cli = Cli::parse_from(["dprogc", "run", "-O0", "a.dp", "--load", "x", "-O1"]);
        assert_eq!(cli.global.opt_level, 0);
        let Command::Run { program: Program::FileAndArgs(program) } = cli.command else { panic!() };
        assert_eq!(program, ["a.dp", "--load", "x", "-O1"]);
        let cli = Cli::parse_from(["dprogc", "run", "-v", "-", "-v"]);
        let Command::Run { program: Program::FileAndArgs(program) } = cli.command else { panic!() };
        assert_eq!(program, ["-", "-v"]);
        assert!(Cli::try_parse_from(["dprogc", "run"]).is_err());
    }

    #[test]
    fn the_value_of_color_may_stand_apart() {
        for (args, color) in [
            (&["dprogc", "check", "--color", "never", "a.dp"][..], Color::Never),
            (&["dprogc", "check", "--color=auto", "a.dp"], Color::Auto),
            (&["dprogc", "check", "--color", "a.dp"], Color::Always),
        ] {
            let joined = with_color_joined(args.iter().map(OsString::from));
            assert_eq!(Cli::parse_from(joined).global.color, color);
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
