//! How objects look in memory. Shared by the runtime and the code generator; nothing else may know it.
//!
//! A heap value is a pointer to an object. All objects begin with two words:
//!
//! ```text
//! 0   count       references to it, not atomic: an object belongs to one context
//! 8   meta        type descriptor (32 bits), size class (16 bits), distance to the start of a large block (16 bits)
//! ```
//!
//! Arrays and strings (a string is laid out like an array of u8 of rank 1) go on with
//!
//! ```text
//! 16  capacity    elements that there is room for; more than the size only after `push`
//! 24  dim 0, dim 1, …
//! D   elements    row-major; D = `data_offset(rank)`; elements that are heap values are pointers, bool is one byte
//! ```
//!
//! and nodes with
//!
//! ```text
//! 16  case
//! 24  fields      eight bytes each, whatever their type; a field narrower than that lies in the low bytes
//! ```
//!
//! An undefined value of the IR (empty array, empty string, null node) is a pointer to [`crate::Context`]'s *empty
//! object*: a header with a count that never falls to zero and zeros behind it. So reading a size or a count needs no
//! test for null. A null pointer stands only in an array slot whose element has been taken out for a moment.

/// Byte offsets of the header; see above.
pub const COUNT: i32 = 0;
pub const META: i32 = 8;
pub const CAPACITY: i32 = 16;
pub const DIMS: i32 = 24;
pub const CASE: i32 = 16;
pub const FIELDS: i32 = 24;

/// A count so great that an object that starts with it is never freed: the empty object, constants.
pub const IMMORTAL: i64 = 1 << 40;

/// Where the elements of an array of this rank begin.
pub const fn data_offset(rank: usize) -> i32 {
    (DIMS + 8 * rank as i32 + 15) & !15
}

/// Size of a node with this number of fields.
pub const fn node_bytes(fields: usize) -> usize {
    (FIELDS as usize + 8 * fields + 15) & !15
}

// ---- size classes of the allocator ----

/// Number of size classes: multiples of 16 up to 512, then four to each doubling up to [`MAX_SMALL`].
pub const CLASSES: usize = 56;
/// Blocks above this size come from the system one by one.
pub const MAX_SMALL: usize = 32 << 10;
/// In `meta`: not from a size class.
pub const LARGE: u16 = u16::MAX;

/// The smallest class whose blocks have at least `bytes`.
pub const fn class_of(bytes: usize) -> usize {
    if bytes <= 512 {
        return if bytes == 0 { 0 } else { (bytes - 1) / 16 };
    }
    let log = (bytes - 1).ilog2() as usize;
    let quarter = ((bytes - 1) >> (log - 2)) & 3;
    32 + (log - 9) * 4 + quarter
}

/// Size of the blocks of a class.
pub const fn class_bytes(class: usize) -> usize {
    if class < 32 {
        return (class + 1) * 16;
    }
    let (log, quarter) = (9 + (class - 32) / 4, (class - 32) % 4);
    (1 << log) + ((quarter + 1) << (log - 2))
}

/// The `meta` word of a small object.
pub const fn small_meta(desc: u32, class: usize) -> u64 {
    desc as u64 | (class as u64) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_fit_and_are_tight() {
        for bytes in 1..=MAX_SMALL {
            let class = class_of(bytes);
            assert!(class < CLASSES && class_bytes(class) >= bytes, "{bytes}");
            assert!(class == 0 || class_bytes(class - 1) < bytes, "{bytes}");
        }
        assert_eq!(class_bytes(CLASSES - 1), MAX_SMALL);
    }

    #[test]
    fn elements_are_aligned() {
        assert_eq!([data_offset(1), data_offset(2), data_offset(3), data_offset(15)], [32, 48, 48, 144]);
    }
}
