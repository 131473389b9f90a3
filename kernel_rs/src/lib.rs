//! C interface of the DITA kernel: thin exported functions and nothing else.
//!
//! The crate is `no_std` outside its own tests, allocates nothing, and has no reachable panic: `panic.rs` makes the
//! build of the kernel image fail if there is one.

#![cfg_attr(not(test), no_std)]
#![allow(
    clippy::unnecessary_wraps,
    reason = "an answer that cannot be a refusal is still the handler's answer, as in the reference"
)]
#![allow(
    clippy::inline_always,
    reason = "a fill is booked through many small functions, as in the reference; left to itself the compiler passes their records through memory, which was measured to cost a tenth of a step"
)]

#[macro_use]
mod layout;
mod arithmetic;
mod books;
mod control;
mod focus;
mod identity;
mod ledger;
mod lifecycle;
mod orders;
#[cfg(not(test))]
mod panic;
mod ranges;
mod records;
mod sha256;
mod state;
mod status;
mod step;
mod table;
mod trades;
#[cfg(test)]
mod vectors;
mod vocabulary;

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::slice;

use crate::records::{Account, Call, Input, Instrument, Outcome, Slot, State};
use crate::status::{Status, count, extent, number, require_all_apart, require_apart, state_bytes};

/// Version of the C interface; raised by every change of a declaration in `include/dita_kernel.h`.
pub const ABI_VERSION: u32 = 1;

/// Answers [`ABI_VERSION`].
#[unsafe(no_mangle)]
pub extern "C" fn dita_abi_version() -> u32 {
    ABI_VERSION
}

/// Writes the SHA-256 of the canonical layout text (see `layout.rs`).
///
/// # Safety
/// `out` points to 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_layout_fingerprint(out: *mut [u8; 32]) {
    // SAFETY: the caller promises 32 writable bytes; a byte array has no alignment.
    unsafe { out.write(identity::LAYOUT_FINGERPRINT) }
}

/// Writes the SHA-256 of the sources this crate was built from.
///
/// # Safety
/// `out` points to 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_source_digest(out: *mut [u8; 32]) {
    // SAFETY: the caller promises 32 writable bytes; a byte array has no alignment.
    unsafe { out.write(identity::SOURCE_DIGEST) }
}

// --- kernels by handle ----------------------------------------------------------------------------------------------

/// Opens a kernel in its first state. Answers its handle, which is positive, or the negated status.
#[unsafe(no_mangle)]
pub extern "C" fn dita_open() -> i64 {
    match table::open() {
        Ok(handle) => handle,
        Err(reason) => i64::from(Status::from(reason) as i32).wrapping_neg(),
    }
}

/// Closes a kernel; its handle is refused from then on.
#[unsafe(no_mangle)]
pub extern "C" fn dita_close(handle: i64) -> i32 {
    number(table::close(handle).map_err(Status::from))
}

/// One step of a kernel.
///
/// # Safety
/// `input` points to a readable input, `outcome` to a writable outcome, and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step(handle: i64, input: *const Input, outcome: *mut Outcome) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { step_kernel(handle, input, 1, outcome) })
}

/// One step of a kernel, with everything behind one pointer: the cheapest way in from Python.
///
/// # Safety
/// `call` points to a writable call, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_call(call: *mut Call) -> i32 {
    let done = extent(call, 1).and_then(|_| {
        // SAFETY: the pointer was checked, and the caller promises a call behind it.
        let call = unsafe { &mut *call };
        let mut inside = table::enter(call.handle)?;
        step::step(inside.state(), &call.input, &mut call.outcome);
        Ok(())
    });
    number(done)
}

/// One step of a kernel for the commonest input, ORDER, from bare integers.
///
/// # Safety
/// `outcome` points to a writable outcome, and nobody else uses it meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_order(
    handle: i64,
    slot: i64,
    instrument: i64,
    trade: i64,
    attempt: i64,
    quantity: i64,
    quote: i64,
    done: i64,
    time_ns: i64,
    outcome: *mut Outcome,
) -> i32 {
    let input = Input {
        kind: vocabulary::kind::ORDER,
        slot,
        instrument,
        trade,
        attempt,
        time_ns,
        quantity,
        quote,
        done,
        ..Input::EMPTY
    };
    // SAFETY: `input` is a local; the promise about `outcome` is the caller's.
    number(unsafe { step_kernel(handle, &raw const input, 1, outcome) })
}

/// Steps of a kernel, one after the other, without leaving it in between.
///
/// # Safety
/// `inputs` points to `number_of_inputs` readable inputs, `outcomes` to as many writable outcomes, and nobody else uses
/// them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_batch(
    handle: i64,
    inputs: *const Input,
    number_of_inputs: i64,
    outcomes: *mut Outcome,
) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(count(number_of_inputs).and_then(|length| unsafe { step_kernel(handle, inputs, length, outcomes) }))
}

/// Copies a kernel's state to `destination`; `length` must be the size of a state.
///
/// # Safety
/// `destination` points to `length` writable bytes, and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_snapshot(handle: i64, destination: *mut c_void, length: i64) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { snapshot(handle, destination.cast(), length) })
}

/// Replaces a kernel's state if every word of the new one is in its range; else the old one stays.
///
/// # Safety
/// `source` points to `length` readable bytes, and nobody writes to them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_restore(handle: i64, source: *const c_void, length: i64) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { restore(handle, source.cast(), length) })
}

/// Copies out what a step on this slot and instrument can touch.
///
/// # Safety
/// The last three arguments point to writable records that do not overlap, and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_read_focus(
    handle: i64,
    slot: i64,
    instrument: i64,
    account_out: *mut Account,
    instrument_out: *mut Instrument,
    slot_out: *mut Slot,
) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { read_focus(handle, slot, instrument, account_out, instrument_out, slot_out) })
}

// --- the caller's own memory ----------------------------------------------------------------------------------------

/// One step of a state in the caller's memory, whatever bits it holds.
///
/// # Safety
/// `state` and `outcome` point to writable records, `input` to a readable one, and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_state(state: *mut State, input: *const Input, outcome: *mut Outcome) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { step_state(state, input, 1, outcome) })
}

/// Steps of a state in the caller's memory, one after the other.
///
/// # Safety
/// As [`dita_step_state`], with `number_of_inputs` inputs and outcomes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_state_batch(
    state: *mut State,
    inputs: *const Input,
    number_of_inputs: i64,
    outcomes: *mut Outcome,
) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(count(number_of_inputs).and_then(|length| unsafe { step_state(state, inputs, length, outcomes) }))
}

/// One step of an account, an instrument and a slot in the caller's memory: what is left of a step once the input has
/// selected them. Neither the input's kind is checked against the known ones first, nor its indices.
///
/// # Safety
/// `input` points to a readable record, the others to writable ones, and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_step_focus(
    account: *mut Account,
    instrument: *mut Instrument,
    slot: *mut Slot,
    input: *const Input,
    outcome: *mut Outcome,
) -> i32 {
    // SAFETY: the caller's promise, handed on.
    number(unsafe { step_focus(account, instrument, slot, input, outcome) })
}

/// Does nothing with a pointer: what a call costs by itself, the unit in which the benchmarks state everything else.
#[unsafe(no_mangle)]
pub extern "C" fn dita_noop(pointer: *const c_void) {
    core::hint::black_box(pointer);
}

// --- how ------------------------------------------------------------------------------------------------------------

/// # Safety
/// As [`dita_step_batch`].
#[inline]
unsafe fn step_kernel(handle: i64, inputs: *const Input, length: usize, outcomes: *mut Outcome) -> Result<(), Status> {
    require_apart(extent(inputs, length)?, extent(outcomes, length)?)?;
    let mut inside = table::enter(handle)?;
    // SAFETY: both extents were checked, and the caller promises that they hold that many records.
    let (inputs, outcomes) = unsafe {
        (
            slice::from_raw_parts(inputs, length),
            slice::from_raw_parts_mut(outcomes, length),
        )
    };
    step::fold(inside.state(), inputs, outcomes);
    Ok(())
}

/// # Safety
/// As [`dita_step_state_batch`].
#[inline]
unsafe fn step_state(
    state: *mut State,
    inputs: *const Input,
    length: usize,
    outcomes: *mut Outcome,
) -> Result<(), Status> {
    let (whole, read, written) = (extent(state, 1)?, extent(inputs, length)?, extent(outcomes, length)?);
    require_apart(whole, read)?;
    require_apart(whole, written)?;
    require_apart(read, written)?;
    // SAFETY: the three extents were checked, are apart, and the caller promises what they hold.
    let (state, inputs, outcomes) = unsafe {
        (
            &mut *state,
            slice::from_raw_parts(inputs, length),
            slice::from_raw_parts_mut(outcomes, length),
        )
    };
    step::fold(state, inputs, outcomes);
    Ok(())
}

/// # Safety
/// As [`dita_step_focus`].
unsafe fn step_focus(
    account: *mut Account,
    instrument: *mut Instrument,
    slot: *mut Slot,
    input: *const Input,
    outcome: *mut Outcome,
) -> Result<(), Status> {
    require_all_apart([
        extent(account, 1)?,
        extent(instrument, 1)?,
        extent(slot, 1)?,
        extent(input, 1)?,
        extent(outcome, 1)?,
    ])?;
    // SAFETY: the five extents were checked, are apart, and the caller promises what they hold.
    unsafe { step::dita_core(&mut *account, &mut *instrument, &mut *slot, &*input, &mut *outcome) };
    Ok(())
}

/// # Safety
/// As [`dita_snapshot`].
unsafe fn snapshot(handle: i64, destination: *mut u8, length: i64) -> Result<(), Status> {
    let bytes = state_bytes(length)?;
    extent(destination, bytes)?;
    let mut inside = table::enter(handle)?;
    let state: *const State = inside.state();
    // SAFETY: the caller promises so many writable bytes, which need no alignment; the kernel's own state overlaps no
    // memory of a caller, and `inside` keeps others out.
    unsafe { destination.copy_from_nonoverlapping(state.cast(), bytes) };
    Ok(())
}

/// # Safety
/// As [`dita_restore`].
unsafe fn restore(handle: i64, source: *const u8, length: i64) -> Result<(), Status> {
    let bytes = state_bytes(length)?;
    extent(source, bytes)?;
    let mut copy = MaybeUninit::<State>::uninit();
    // SAFETY: the caller promises so many readable bytes, which need no alignment; `copy` is a local of that size.
    unsafe { copy.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(source, bytes) };
    // SAFETY: every byte was written just now, and every bit pattern is a record of integers.
    let candidate = unsafe { copy.assume_init_ref() };
    if !ranges::holds(candidate) {
        return Err(Status::BadState);
    }
    *table::enter(handle)?.state() = *candidate;
    Ok(())
}

/// # Safety
/// As [`dita_read_focus`].
unsafe fn read_focus(
    handle: i64,
    slot: i64,
    instrument: i64,
    account_out: *mut Account,
    instrument_out: *mut Instrument,
    slot_out: *mut Slot,
) -> Result<(), Status> {
    require_all_apart([
        extent(account_out, 1)?,
        extent(instrument_out, 1)?,
        extent(slot_out, 1)?,
    ])?;
    let mut inside = table::enter(handle)?;
    let (account, instrument, slot) = step::select(inside.state(), slot, instrument).ok_or(Status::BadIndex)?;
    // SAFETY: the three extents were checked, are apart, and the caller promises what they hold.
    unsafe {
        account_out.write(*account);
        instrument_out.write(*instrument);
        slot_out.write(*slot);
    }
    Ok(())
}
