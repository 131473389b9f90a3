//! The proof by linking that the kernel cannot panic.
//!
//! The handler calls a symbol that nobody defines. Dead code is dropped at link time, so the symbol is missed only when
//! some operator of the kernel can still reach a panic; then `build_kernel.py` refuses the image, and loading it would
//! fail as well.

unsafe extern "C" {
    /// Defined nowhere, on purpose.
    fn dita_kernel_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: never executed; an image that refers to this symbol is neither built nor loadable.
    unsafe { dita_kernel_panic_is_reachable() }
}
