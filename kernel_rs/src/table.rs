//! Kernels by number: a fixed table, entered by one atomic exchange.
//!
//! A handle is a generation and an index. The place at the index has one guard word that says which generation it
//! holds, whether it is open, and whether somebody is inside. A caller enters by exchanging the exact word "open, my
//! generation, nobody inside" for the same with "inside"; whoever fails to has a foreign or closed handle, or is second.
//! So a handle used after close, from two threads at once, or made up is refused, and never waits.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::records::State;

/// Kernels that can be open at once.
pub const KERNELS: usize = 64;
const INDEX_BITS: u32 = 6;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

/// Somebody is inside.
const INSIDE: u64 = 1;
/// The place holds an open kernel.
const OPEN: u64 = 2;
/// The generation stands above the two flags. It has as many bits as a positive handle leaves for it, so it returns to
/// an old value only after 2^57 openings of one place.
const GENERATION_SHIFT: u32 = 2;
const GENERATION_MASK: u64 = (1 << (63 - INDEX_BITS)) - 1;

/// Why a caller does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No open kernel has this handle.
    BadHandle,
    /// Another call is inside this kernel.
    Busy,
    /// All places are taken.
    TableFull,
}

struct Place {
    guard: AtomicU64,
    state: UnsafeCell<State>,
}

// SAFETY: `state` is reached only through `Inside`, which exists once per place at most: it is made by the exchange that
// sets INSIDE, and INSIDE is cleared only when it is dropped. The exchange acquires what the drop before it released.
unsafe impl Sync for Place {}

/// What a place holds before it is first opened. All zero, so that the table takes no room in the image.
// SAFETY: a state is nothing but integers, for which zero is a value.
const VACANT: State = unsafe { MaybeUninit::zeroed().assume_init() };

static PLACES: [Place; KERNELS] = [const {
    Place {
        guard: AtomicU64::new(0),
        state: UnsafeCell::new(VACANT),
    }
}; KERNELS];

/// The right to use one kernel's state; given back when dropped.
pub struct Inside {
    place: &'static Place,
    /// What the guard becomes.
    after: u64,
}

impl Inside {
    /// The kernel's state.
    pub fn state(&mut self) -> &mut State {
        // SAFETY: while `self` lives, INSIDE is set and nobody else has an `Inside` of this place; the borrow of `self`
        // keeps this reference the only one.
        unsafe { &mut *self.place.state.get() }
    }

    /// Give it back as a free place.
    fn close(mut self) {
        self.after &= !OPEN;
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.place.guard.store(self.after, Ordering::Release);
    }
}

/// The place and the guard of a handle when nobody is inside. No handle is negative.
#[inline]
fn find(handle: i64) -> Option<(&'static Place, u64)> {
    let word = u64::try_from(handle).ok()?;
    let place = PLACES.get(usize::try_from(word & INDEX_MASK).ok()?)?;
    Some((place, ((word >> INDEX_BITS) << GENERATION_SHIFT) | OPEN))
}

/// Enter the kernel behind a handle.
#[inline]
pub fn enter(handle: i64) -> Result<Inside, Closed> {
    let (place, idle) = find(handle).ok_or(Closed::BadHandle)?;
    match place
        .guard
        .compare_exchange(idle, idle | INSIDE, Ordering::Acquire, Ordering::Relaxed)
    {
        Ok(_) => Ok(Inside { place, after: idle }),
        Err(found) if found == idle | INSIDE => Err(Closed::Busy),
        Err(_) => Err(Closed::BadHandle),
    }
}

/// Take a free place, put it into the first state, and give its handle, which is positive.
pub fn open() -> Result<i64, Closed> {
    for (index, place) in (0_u64..).zip(&PLACES) {
        let free = place.guard.load(Ordering::Relaxed);
        if free & (OPEN | INSIDE) != 0 {
            continue;
        }
        let generation = ((free >> GENERATION_SHIFT).wrapping_add(1) & GENERATION_MASK).max(1);
        let idle = (generation << GENERATION_SHIFT) | OPEN;
        let taken = place
            .guard
            .compare_exchange(free, idle | INSIDE, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            continue; // another thread was first
        }
        let mut inside = Inside { place, after: idle };
        *inside.state() = State::INITIAL;
        return i64::try_from((generation << INDEX_BITS) | index).map_err(|_| Closed::TableFull);
    }
    Err(Closed::TableFull)
}

/// Free the place behind a handle; the handle is dead from then on.
pub fn close(handle: i64) -> Result<(), Closed> {
    enter(handle)?.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Closed, KERNELS, close, enter, open};
    use crate::vocabulary::mode;

    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::thread;

    /// The table is one for the process, and one test fills it.
    static ALONE: Mutex<()> = Mutex::new(());

    /// A handle dies with its closing, also when its place is taken again.
    #[test]
    fn a_closed_handle_stays_closed() {
        let _alone = ALONE.lock();
        let first = open().expect("a free place");
        assert_eq!(close(first), Ok(()));
        assert_eq!(enter(first).err(), Some(Closed::BadHandle));
        let second = open().expect("a free place");
        assert_ne!(first, second);
        assert_eq!(enter(first).err(), Some(Closed::BadHandle));
        assert_eq!(close(first), Err(Closed::BadHandle));
        assert_eq!(close(second), Ok(()));
    }

    /// Whoever is second is told so, and only as long as the first is inside.
    #[test]
    fn one_at_a_time() {
        let _alone = ALONE.lock();
        let handle = open().expect("a free place");
        let inside = enter(handle).expect("nobody inside");
        assert_eq!(enter(handle).err(), Some(Closed::Busy));
        assert_eq!(close(handle), Err(Closed::Busy));
        drop(inside);
        assert_eq!(close(handle), Ok(()));
    }

    /// There are as many places as promised, and a full table says so.
    #[test]
    fn a_full_table_refuses() {
        let _alone = ALONE.lock();
        let handles: Vec<i64> = (0..KERNELS).map(|_| open().expect("a free place")).collect();
        assert_eq!(open(), Err(Closed::TableFull));
        for handle in handles {
            assert_eq!(close(handle), Ok(()));
        }
    }

    /// Four threads count in one kernel without a lock of their own; no count is lost.
    #[test]
    fn threads_exclude_each_other() {
        const TIMES: i64 = 20_000;
        let _alone = ALONE.lock();
        let handle = open().expect("a free place");
        let refused = AtomicI64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..TIMES {
                        let mut inside = loop {
                            match enter(handle) {
                                Ok(inside) => break inside,
                                Err(reason) => {
                                    assert_eq!(reason, Closed::Busy);
                                    refused.fetch_add(1, Ordering::Relaxed);
                                }
                            }
                        };
                        inside.state().account.mode += 1;
                    }
                });
            }
        });
        let counted = enter(handle).expect("nobody inside").state().account.mode;
        assert_eq!(counted, mode::ACTIVE + 4 * TIMES);
        assert_eq!(close(handle), Ok(()));
    }

    /// Numbers that no kernel was opened with are refused.
    #[test]
    fn made_up_handles() {
        for handle in [0, -1, i64::MIN, i64::MAX, 63, 1 << 62] {
            assert_eq!(enter(handle).err(), Some(Closed::BadHandle), "{handle}");
        }
    }
}
