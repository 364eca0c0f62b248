//! The library that comes with the compiler: dProg text, compiled in.

/// In scope everywhere: its name and text.
pub const PRELUDE: (&str, &str) = ("std/prelude.dp", include_str!("../../std/prelude.dp"));

/// Modules by the name after `std::`, in alphabetical order.
const MODULES: &[(&str, &str, &str)] = &[
    ("data", "std/data.dp", include_str!("../../std/data.dp")),
    ("io", "std/io.dp", include_str!("../../std/io.dp")),
    ("loss", "std/loss.dp", include_str!("../../std/loss.dp")),
    ("math", "std/math.dp", include_str!("../../std/math.dp")),
    ("nn", "std/nn.dp", include_str!("../../std/nn.dp")),
    ("optim", "std/optim.dp", include_str!("../../std/optim.dp")),
    ("random", "std/random.dp", include_str!("../../std/random.dp")),
];

/// File name and text of the module `std::name`.
pub fn find(name: &str) -> Option<(&'static str, &'static str)> {
    MODULES.iter().find(|(module, ..)| *module == name).map(|(_, file, text)| (*file, *text))
}

/// Names of all modules.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(name, ..)| *name)
}

/// Whether a file is one of these.
pub fn is_std(file: &str) -> bool {
    file == PRELUDE.0 || MODULES.iter().any(|(_, name, _)| *name == file)
}
