//! Where in the source an instruction comes from, without knowing what a source is.
//!
//! A [`SrcLoc`] names an entry of the module's [`Locations`]. The entry holds an opaque position that only the front
//! end can read, the name of the function as the user wrote it, and, for code that was inlined, the place of the call:
//! so a trap prints the same call chain at every optimization level. Derivative code carries the location of the
//! primal instruction that it belongs to.

use rustc_hash::FxHashMap;
use std::sync::Arc;

/// An index into [`Locations`]; 0 is "nowhere".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct SrcLoc(pub u32);

impl SrcLoc {
    pub const NONE: SrcLoc = SrcLoc(0);
}

/// One place in the source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LocData {
    /// Opaque to everyone but the front end (a file and an offset).
    pub position: u64,
    /// The function in whose text the place stands, as the user names it; shared between entries.
    pub function: Arc<str>,
    /// Where the code was inlined to: the location of the call that it replaced.
    pub inlined_at: SrcLoc,
}

/// The table of all places that a module's instructions refer to.
#[derive(Clone, Debug)]
pub struct Locations {
    entries: Vec<LocData>,
    index: FxHashMap<LocData, SrcLoc>,
}

impl Default for Locations {
    fn default() -> Self {
        let nowhere = LocData { position: u64::MAX, function: "".into(), inlined_at: SrcLoc::NONE };
        Locations { entries: vec![nowhere], index: FxHashMap::default() }
    }
}

impl Locations {
    /// The entry for `data`, made if it is new.
    pub fn intern(&mut self, data: LocData) -> SrcLoc {
        *self.index.entry(data).or_insert_with_key(|data| {
            self.entries.push(data.clone());
            SrcLoc(self.entries.len() as u32 - 1)
        })
    }

    pub fn get(&self, loc: SrcLoc) -> &LocData {
        &self.entries[loc.0 as usize]
    }

    /// `loc` as it is after its function was inlined at `call`. Chains of inlining nest.
    pub fn inline(&mut self, loc: SrcLoc, call: SrcLoc) -> SrcLoc {
        if loc == SrcLoc::NONE {
            return call;
        }
        if call == SrcLoc::NONE {
            return loc;
        }
        let mut data = self.get(loc).clone();
        data.inlined_at = if data.inlined_at == SrcLoc::NONE { call } else { self.inline(data.inlined_at, call) };
        self.intern(data)
    }

    /// `loc` and the calls that it was inlined through, innermost first.
    pub fn chain(&self, loc: SrcLoc) -> impl Iterator<Item = &LocData> {
        let mut next = loc;
        std::iter::from_fn(move || {
            let here = (next != SrcLoc::NONE).then(|| self.get(next))?;
            next = here.inlined_at;
            Some(here)
        })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        false
    }
}
