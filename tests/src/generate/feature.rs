//! What generated programs use, counted: a generator that silently stopped making something would test nothing.

/// Declares the list of features once.
macro_rules! features {
    ($($name:ident),* $(,)?) => {
        /// Something that a program may use.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
        pub enum Feature { $($name),* }

        impl Feature {
            pub const ALL: &[Feature] = &[$(Feature::$name),*];
        }
    };
}

features! {
    Let, Var, Shadow, Assign, CompoundAssign, ElementAssign, SliceAssign, RowAssign, FieldAssign, TupleLet,
    If, IfElse, IfExpression, MatchInt, MatchEnum, MatchGuard, MatchTuple, MatchExpression, BlockExpression,
    ForRange, ForDataRange, ForStep, ForRev, ForArray, ForList, While, Loop, NestedLoop, Break, Continue, BreakTwoDeep, EarlyReturn,
    Call, InoutCall, Recursion, MutualRecursion, GenericSize, GenericType, Method, InoutMethod, Trait,
    ListNew, Push, Pop, ListIndex, ListLen, Ragged, Slice, Comprehension, Reduction, Elementwise, MatVec, MatMul, Concat, Row,
    Struct, NestedStruct, Tuple, Enum, RecursiveEnum, OptionType,
    Closure, ClosureCall, ClosureArray, ClosureBranch, ClosureArgument, ClosureResult, ClosureField,
    Print, Format, Risky, Wild, InnerGrad, InnerJvp, IntegerMath, Cast, StringValue,
}

/// Which features a program has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    seen: Vec<bool>,
}

impl Default for Coverage {
    fn default() -> Coverage {
        Coverage { seen: vec![false; Feature::ALL.len()] }
    }
}

impl Coverage {
    pub fn mark(&mut self, feature: Feature) {
        self.seen[feature as usize] = true;
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.seen[feature as usize]
    }
}
