//! What a call across the C interface answers, and the checks of what a caller hands in.
//!
//! Pointers are believed to point to what the header says; what can be seen without following them is checked.

use crate::records::State;
use crate::table::Closed;

/// Answer of every function of the C interface that can be misused; the header has the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No open kernel has this handle.
    BadHandle = 1,
    /// Another call is inside this kernel.
    Busy = 2,
    /// A length or count is not what it must be.
    BadLength = 3,
    /// A word of the state is out of its range.
    BadState = 4,
    /// All kernels that can be open are open.
    TableFull = 5,
    /// A pointer is null or unaligned, or two overlap.
    BadPointer = 6,
    /// There is no such slot or instrument.
    BadIndex = 7,
}

impl From<Closed> for Status {
    fn from(reason: Closed) -> Self {
        match reason {
            Closed::BadHandle => Self::BadHandle,
            Closed::Busy => Self::Busy,
            Closed::TableFull => Self::TableFull,
        }
    }
}

/// The number that C sees.
pub fn number(done: Result<(), Status>) -> i32 {
    match done {
        Ok(()) => Status::Ok as i32,
        Err(status) => status as i32,
    }
}

/// A range of memory, by its numbers only.
#[derive(Clone, Copy)]
pub struct Extent {
    start: usize,
    end: usize,
}

/// The memory of `count` records at `pointer`, if a reference to them could be made.
#[inline]
pub fn extent<T>(pointer: *const T, count: usize) -> Result<Extent, Status> {
    let size = size_of::<T>().checked_mul(count).ok_or(Status::BadLength)?;
    if size > isize::MAX.unsigned_abs() {
        return Err(Status::BadLength);
    }
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Status::BadPointer);
    }
    let start = pointer.addr();
    let end = start.checked_add(size).ok_or(Status::BadPointer)?;
    Ok(Extent { start, end })
}

/// Refuse overlapping memory.
#[inline]
pub fn require_apart(left: Extent, right: Extent) -> Result<(), Status> {
    if left.end <= right.start || right.end <= left.start {
        return Ok(());
    }
    Err(Status::BadPointer)
}

/// Refuse memory of which any two overlap.
pub fn require_all_apart<const N: usize>(extents: [Extent; N]) -> Result<(), Status> {
    let mut rest = extents.as_slice();
    while let [first, others @ ..] = rest {
        for other in others {
            require_apart(*first, *other)?;
        }
        rest = others;
    }
    Ok(())
}

/// A count from C.
#[inline]
pub fn count(value: i64) -> Result<usize, Status> {
    usize::try_from(value).map_err(|_| Status::BadLength)
}

/// The bytes of a state, if that is what the caller says they are.
pub fn state_bytes(length: i64) -> Result<usize, Status> {
    let bytes = size_of::<State>();
    if count(length)? == bytes {
        return Ok(bytes);
    }
    Err(Status::BadLength)
}

#[cfg(test)]
mod tests {
    use super::{Status, extent, require_all_apart, require_apart};

    /// Neighbours are apart, and one shared byte is too much.
    #[test]
    fn overlap_is_seen() {
        let words = [0_i64; 8];
        let at = |from: usize, count| extent(words[from..].as_ptr(), count).expect("aligned and inside");
        assert_eq!(require_apart(at(0, 4), at(4, 4)), Ok(()));
        assert_eq!(require_apart(at(0, 5), at(4, 4)), Err(Status::BadPointer));
        assert_eq!(require_all_apart([at(0, 2), at(6, 2), at(2, 4)]), Ok(()));
        assert_eq!(
            require_all_apart([at(0, 2), at(6, 2), at(2, 5)]),
            Err(Status::BadPointer)
        );
    }

    /// What cannot be memory is refused before it is touched.
    #[test]
    fn impossible_extents() {
        let word = 0_i64;
        assert_eq!(extent(core::ptr::null::<i64>(), 1).err(), Some(Status::BadPointer));
        assert_eq!(
            extent(core::ptr::without_provenance::<i64>(12), 1).err(),
            Some(Status::BadPointer)
        );
        assert_eq!(extent(&raw const word, usize::MAX).err(), Some(Status::BadLength));
        assert_eq!(extent(&raw const word, 1 << 60).err(), Some(Status::BadLength));
    }
}
