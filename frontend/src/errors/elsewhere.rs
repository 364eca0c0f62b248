//! What is called otherwise in other languages: for a name that is unknown here, what to write instead.
//!
//! A new user brings the names along. Where one of these is met it is better advice than the nearest name in scope.

/// For a name in an expression.
pub fn value(name: &str) -> Option<&'static str> {
    Some(match name {
        "println" | "printf" | "puts" | "echo" | "cout" | "console" | "fmt" => {
            "text is written by `print(\"x = {x}\")`"
        }
        "ln" => "the natural logarithm is `log(x)`",
        "fabs" => "write `abs(x)`",
        "power" | "powf" | "powi" => "write `pow(x, 2.0)`",
        "arctan" | "arcsin" | "arccos" => "write `atan(x)`, `asin(x)`, `acos(x)`",
        "range" => "a range is written `0..n`; its numbers as an array are `[i for i in 0..n]`",
        "arange" | "linspace" => "an array of numbers is a comprehension: `[0.1 * i as f64 for i in 0..n]`",
        "zeros" => "an array of zeros is `[0.0; n]`; `zeros_like(x)` has the shape of `x`",
        "ones" | "full" => "an array of equal elements is `[1.0; n]`",
        "eye" | "identity" => "write `[if i == j { 1.0 } else { 0.0 } for i in 0..n, j in 0..n]`",
        "matmul" | "mm" | "inner" => "the matrix product is `a @ b`, of two vectors `dot(a, b)`",
        "null" | "nil" | "NULL" | "nullptr" | "undefined" => "no value is `None`, of type `Option<T>`",
        "True" | "TRUE" => "write `true`",
        "False" | "FALSE" => "write `false`",
        "this" => "the receiver of a method is `self`",
        "self" => "only a method has it: write `fn f(self, …)`",
        "np" | "numpy" | "math" | "Math" | "torch" | "jnp" | "jax" | "tf" => {
            "mathematical functions have no prefix: write `sin(x)`"
        }
        "Infinity" | "infinity" | "inf" | "INFINITY" => "write `INF`",
        "NaN" | "nan" => "write `NAN`",
        "gradient" | "derivative" | "diff" | "autodiff" | "backward" => {
            "the gradient of a function is `grad(f)(x)`, with its value `value_and_grad(f)(x)`"
        }
        "detach" | "stop_gradient" | "no_grad" => "write `stop_grad(x)`",
        "panic" | "raise" | "throw" | "abort" | "error" | "fail" => "a program stops itself by `trap(\"text\")`",
        "assert_eq" | "assertEquals" => "write `assert(a == b)`",
        "length" | "size" | "count" => "the number of elements is `x.len()`",
        "map" | "filter" => "write a comprehension: `[f(x) for x in xs]`",
        "fold" | "reduce" => "write a loop that changes a `var`",
        "float" | "double" => "a conversion is written `x as f64`",
        "int" => "a conversion is written `x as i64`",
        "input" => "the arguments of the program are `std::io::args()`",
        _ => return None,
    })
}

/// For a name of a type.
pub fn ty(name: &str) -> Option<&'static str> {
    Some(match name {
        "Vec" | "ArrayList" | "list" | "vector" | "Sequence" => {
            "what grows is `List<T>`; what has a fixed size is `[T; n]`"
        }
        "Tensor" | "Array" | "ndarray" | "Matrix" | "Vector" | "array" | "tensor" => {
            "an array has its sizes in its type: `[f64; n]`, `[f64; n, m]`"
        }
        "Box" | "Rc" | "Arc" | "Ref" | "RefCell" | "Cow" => {
            "there are no references: write the type itself; an `enum` may contain itself"
        }
        "HashMap" | "Map" | "dict" | "Dict" | "BTreeMap" | "HashSet" | "set" => {
            "there are no maps: use a `List` of pairs"
        }
        "Optional" | "Maybe" => "write `Option<T>`",
        "Fn" | "FnMut" | "FnOnce" | "Function" | "Callable" => "the type of functions is `fn(A) -> B`",
        "any" | "object" | "Any" | "Object" => "types are static: use a type parameter, `fn f<T>(x: T)`, or an `enum`",
        _ => return None,
    })
}

/// For a method.
pub fn method(name: &str) -> Option<&'static str> {
    Some(match name {
        "append" | "add" | "push_back" | "insert" | "extend" => {
            "an element is put at the end of a list by `xs.push(x)`"
        }
        "size" | "length" | "count" => "the number of elements is `x.len()`",
        "shape" => "the sizes of an array are in its type; of its first axis it is `x.len()`",
        "map" | "filter" | "iter" | "into_iter" | "forEach" | "collect" => {
            "write a comprehension, `[f(x) for x in xs]`, or a loop"
        }
        "fold" | "reduce" => "write a loop that changes a `var`",
        "T" | "t" => "write `transpose(x)`",
        "clone" | "copy" => "an assignment copies already: remove the call",
        "unwrap" | "expect" | "get" => "write `match`, `if let Some(x) = …`, or `?`",
        "to_string" | "str" | "toString" => "write it into a text: `\"{x}\"`",
        "powi" | "powf" => "write `pow(x, 2.0)`",
        "ln" => "write `log(x)`",
        "backward" => "ask for the gradient of a function: `grad(loss)(x)`",
        "detach" => "write `stop_grad(x)`",
        "item" => "a number is one already: remove the call",
        _ => return None,
    })
}
