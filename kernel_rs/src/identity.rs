//! Who this build is: constants that the compiler computes from the sources.

use crate::layout::fingerprint;
use crate::records::{Account, Input, Instrument, Outcome, Slot, State};

/// SHA-256 of the canonical layout text, in the order of `dita.spec.layout`: a state is the account, then the
/// instruments, then the slots, so its size says the rest.
pub const LAYOUT_FINGERPRINT: [u8; 32] = fingerprint(
    &[
        &Input::LAYOUT,
        &Outcome::LAYOUT,
        &Account::LAYOUT,
        &Instrument::LAYOUT,
        &Slot::LAYOUT,
    ],
    &State::LAYOUT,
);

/// SHA-256 of the crate's sources, put into the environment by `build_kernel.py`.
pub const SOURCE_DIGEST: [u8; 32] = parse_digest(env!("DITA_SOURCE_DIGEST").as_bytes());

const fn parse_digest(text: &[u8]) -> [u8; 32] {
    assert!(
        text.len() == 64,
        "DITA_SOURCE_DIGEST must be 64 lower-case hexadecimal digits"
    );
    let mut out = [0; 32];
    let mut i = 0;
    while i < 32 {
        out[i] = nibble(text[2 * i]) * 16 + nibble(text[2 * i + 1]);
        i += 1;
    }
    out
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("DITA_SOURCE_DIGEST must be 64 lower-case hexadecimal digits"),
    }
}
