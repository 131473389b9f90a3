//! C interface of the DITA kernel: thin exported functions and nothing else.
//!
//! The crate is `no_std` outside its own tests, allocates nothing, and has no reachable panic: `panic.rs` makes the
//! build of the kernel image fail if there is one.

#![cfg_attr(not(test), no_std)]

#[macro_use]
mod layout;
mod identity;
#[cfg(not(test))]
mod panic;
mod records;
mod sha256;

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
