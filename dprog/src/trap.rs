//! Where a trap happened: from opaque locations to files, lines and names.

use dprog_frontend::lower::decode_position;
use dprog_frontend::source::SourceMap;
use dprog_ir::{LocData, Locations, SrcLoc, TrapCode};
pub use dprog_runtime::report::{Frame, Trap};

/// Finds the places of a trace, innermost first. What was inlined is taken apart again.
pub(crate) fn trap(
    code: TrapCode,
    message: String,
    trace: &[SrcLoc],
    locations: &Locations,
    sources: &SourceMap,
) -> Trap {
    let places = trace.iter().flat_map(|loc| locations.chain(*loc));
    Trap { code, message, frames: places.filter_map(|place| frame(place, sources)).collect() }
}

fn frame(place: &LocData, sources: &SourceMap) -> Option<Frame> {
    let span = decode_position(place.position)?;
    let at = sources.line_col(span);
    let file = sources.file(span.file).name.to_string();
    Some(Frame { file, line: at.line, column: at.col, function: place.function.to_string() })
}
