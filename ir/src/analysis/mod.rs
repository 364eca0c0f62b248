//! Facts about functions and modules: tables keyed by entity, computed before a pass and handed to it.
//!
//! An analysis never changes anything, and says in its header what makes its table stale. Passes take tables as
//! arguments or compute the ones they need at their start; passes that change the program as they walk keep
//! [`Definitions`] current themselves.

pub mod call_graph;
pub mod definitions;
pub mod effects;
pub mod lasting;
pub mod ranges;
pub mod shapes;
pub mod sizes;
pub mod table;

pub use call_graph::CallGraph;
pub use definitions::{Def, Definitions};
pub use effects::FunctionEffects;
pub use shapes::Shapes;
pub use sizes::FixedSizes;
pub use table::Table;
