//! Every product and every division of the kernel, each in a named function, all exact integers (clause N4).
//!
//! The exported ones are never inlined and keep the C calling convention, so that proofs about machine code can treat
//! them by name, and tests can call them. Within the bounds of clause N2 they give what `dita.reference.arithmetic`
//! gives. Beyond (a damaged state on a caller's own memory) they still answer: signs are dropped, a zero divisor gives
//! the value that the function names, and a quotient that does not fit is [`BEYOND`].
//!
//! Sums, here and in every other module, are written with the wrapping operators, in the order of the reference. Every
//! stored amount is at most 2^60 in magnitude and no sum has more than seven of them, so they cannot wrap on a state
//! that passed `ranges`; on a damaged one they wrap, which is defined.

use core::num::NonZero;

use crate::vocabulary::{BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE};

/// Stands for every quotient above it: larger than any bound even after three bounded amounts are taken away, and no
/// sum with three bounded amounts wraps. So whatever depends on it is refused with OVERFLOW.
pub const BEYOND: i64 = 5 << 60;

/// The product of two magnitudes; two 64-bit words always fit into 128 bits.
#[inline]
fn product(left: i64, right: i64) -> u128 {
    u128::from(left.unsigned_abs()).wrapping_mul(u128::from(right.unsigned_abs()))
}

/// A quotient as a stored word.
#[inline]
fn word(quotient: u64) -> i64 {
    i64::try_from(quotient).map_or(BEYOND, |value| value.min(BEYOND))
}

/// The low 64 bits of a number that has no more.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "every caller says why nothing is lost")]
const fn low(value: u128) -> u64 {
    value as u64
}

/// The 32 bits of `value` above the lowest `shift`.
const fn limb(value: u128, shift: u32) -> u64 {
    low(value.wrapping_shr(shift) & 0xffff_ffff)
}

/// Quotient and remainder by a constant below 2^32. A quotient beyond 64 bits becomes the largest that has them.
#[inline]
fn divide_by<const DIVISOR: u64>(numerator: u128) -> (u64, u64) {
    if let Ok(small) = u64::try_from(numerator) {
        let quotient = small / DIVISOR;
        return (quotient, small.wrapping_sub(quotient.wrapping_mul(DIVISOR)));
    }
    divide_wide_by::<DIVISOR>(numerator)
}

/// The rare case of [`divide_by`], by 32-bit limbs as at school: every partial numerator is below 2^64.
#[cold]
#[inline(never)]
fn divide_wide_by<const DIVISOR: u64>(numerator: u128) -> (u64, u64) {
    const {
        assert!(DIVISOR > 0 && DIVISOR < 1 << 32, "a partial numerator must fit 64 bits");
    }
    let first = limb(numerator, 96);
    let second = ((first % DIVISOR) << 32) | limb(numerator, 64);
    let third = ((second % DIVISOR) << 32) | limb(numerator, 32);
    let fourth = ((third % DIVISOR) << 32) | limb(numerator, 0);
    let quotient = if first / DIVISOR == 0 && second / DIVISOR == 0 {
        ((third / DIVISOR) << 32) | (fourth / DIVISOR)
    } else {
        u64::MAX
    };
    (quotient, fourth % DIVISOR)
}

/// The quotient by [`NOTIONAL_DIVISOR`], and whether it is exact. The divisor is above 2^32, so its factor 2^10 goes
/// first.
#[inline]
fn divide_by_notional(numerator: u128) -> (u64, bool) {
    const TWOS: u32 = 10;
    const REST: u64 = NOTIONAL_DIVISOR >> TWOS;
    const { assert!(REST << TWOS == NOTIONAL_DIVISOR, "2^10 divides it") };
    let (quotient, remainder) = divide_by::<REST>(numerator >> TWOS);
    (quotient, remainder == 0 && limb(numerator, 0).trailing_zeros() >= TWOS)
}

/// Quotient and remainder; a zero divisor gives zeros. A quotient beyond 64 bits becomes the largest that has them.
#[inline]
fn divide(numerator: u128, denominator: u64) -> (u64, u64) {
    let Some(divisor) = NonZero::new(denominator) else {
        return (0, 0);
    };
    if let Ok(small) = u64::try_from(numerator) {
        return (small / divisor, small % divisor);
    }
    divide_wide(numerator, divisor)
}

/// The case of [`divide`] that one machine instruction cannot do.
#[cold]
#[inline(never)]
fn divide_wide(numerator: u128, denominator: NonZero<u64>) -> (u64, u64) {
    let wide = NonZero::<u128>::from(denominator);
    let quotient = numerator / wide;
    let remainder = low(numerator.wrapping_sub(quotient.wrapping_mul(wide.get()))); // below a 64-bit divisor
    (u64::try_from(quotient).unwrap_or(u64::MAX), remainder)
}

/// The one rounding of the kernel: to the nearest, ties to even, from a division's quotient and remainder.
#[inline]
fn half_even((quotient, remainder): (u64, u64), denominator: u64) -> i64 {
    let rest = denominator.wrapping_sub(remainder); // instead of doubling the remainder, which could wrap
    let up = remainder > rest || (remainder == rest && quotient & 1 == 1);
    word(quotient.saturating_add(u64::from(up)))
}

/// [`half_even`] by a constant below 2^32: the same number from fewer instructions. The doubled remainder cannot wrap,
/// and one more in it decides a tie for an odd quotient.
#[inline]
fn half_even_by<const DIVISOR: u64>(numerator: u128) -> i64 {
    let Ok(small) = u64::try_from(numerator) else {
        return half_even(divide_wide_by::<DIVISOR>(numerator), DIVISOR);
    };
    let quotient = small / DIVISOR;
    let remainder = small.wrapping_sub(quotient.wrapping_mul(DIVISOR));
    let doubled = remainder.wrapping_mul(2).wrapping_add(quotient & 1);
    word(quotient.wrapping_add(u64::from(doubled > DIVISOR)))
}

/// Quantity (1e-8) times price (1e-10) as money (1e-8), rounded down.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_notional(quantity: i64, price: i64) -> i64 {
    word(divide_by_notional(product(quantity, price)).0)
}

/// Clause L3: the cost of `part` of a `whole` that cost `cost`; exact at both ends, so legs telescope. A zero `whole`
/// costs nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_cost_share(cost: i64, whole: i64, part: i64) -> i64 {
    if part == 0 {
        return 0;
    }
    if part == whole {
        return cost;
    }
    let denominator = whole.unsigned_abs();
    half_even(divide(product(cost, part), denominator), denominator)
}

/// Fee expected on a notional, 1e-8 USDT.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_predicted_fee(quote: i64, fee_rate_ppb: i64) -> i64 {
    half_even_by::<RATE_SCALE>(product(quote, fee_rate_ppb))
}

/// The model's fee rate corrected by what the account really paid, parts per billion.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_calibrated_rate(rate_ppb: i64, calibration_ppm: i64) -> i64 {
    half_even_by::<RATIO_SCALE>(product(rate_ppb, calibration_ppm))
}

/// Whether value (>= 0) is a whole number of steps (> 0); no value is one of zero steps.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_is_multiple(value: i64, step: i64) -> bool {
    match NonZero::new(step.unsigned_abs()) {
        Some(step) => value == 0 || value.unsigned_abs() % step == 0,
        None => false,
    }
}

/// Clause E4: the smallest quantity that can be entered and surely closed again, at least one lot.
///
/// Twice the venue's smallest notional leaves room for the price to halve. Above BOUND, or by a zero price or lot, it is
/// BOUND + 1: no order can be that large.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_minimum_quantity(quantity_min: i64, notional_min: i64, ref_price: i64, lot: i64) -> i64 {
    const NONE: i64 = BOUND + 1;
    if ref_price == 0 || lot == 0 {
        return NONE;
    }
    let twice = u128::from(notional_min.unsigned_abs()).wrapping_mul(u128::from(2 * NOTIONAL_DIVISOR));
    let (floor, rest) = divide(twice, ref_price.unsigned_abs());
    let by_notional = floor.saturating_add(u64::from(rest != 0));
    let least = by_notional.max(quantity_min.unsigned_abs()).max(1);
    let step = lot.unsigned_abs();
    let Some(rest) = least.checked_rem(step) else {
        return NONE;
    };
    let smallest = if rest == 0 {
        least
    } else {
        least.saturating_add(step.wrapping_sub(rest))
    };
    i64::try_from(smallest).map_or(NONE, |quantity| quantity.min(NONE))
}

/// Clause E5: a leg's quantity: its ratio of what remains in whole lots, never leaving an unclosable rest. A zero lot
/// rounds nothing.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_leg_quantity(remaining: i64, ratio_ppm: i64, lot: i64, minimum: i64) -> i64 {
    let share = word(divide_by::<RATIO_SCALE>(product(remaining, ratio_ppm)).0);
    let mut quantity = share.wrapping_sub(share.checked_rem(lot).unwrap_or(0));
    if quantity < minimum {
        quantity = minimum;
    }
    if quantity > remaining || remaining.wrapping_sub(quantity) < minimum {
        quantity = remaining;
    }
    quantity
}

/// Clause O3: the average price lies within a quarter and four times the reference (catches unit errors).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_price_plausible(quote: i64, quantity: i64, ref_price: i64) -> bool {
    let at_reference = i128::from(quantity).wrapping_mul(i128::from(ref_price));
    let paid = i128::from(quote).wrapping_mul(i128::from(NOTIONAL_DIVISOR));
    at_reference <= paid.wrapping_mul(4) && paid <= at_reference.wrapping_mul(4)
}

/// Clause G9: aggregate notional at most capital times the largest leverage.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_within_leverage(exposure: i64, capital: i64, leverage_max_ppm: i64) -> bool {
    i128::from(exposure).wrapping_mul(i128::from(RATIO_SCALE))
        <= i128::from(capital).wrapping_mul(i128::from(leverage_max_ppm))
}

/// Clause N5: every fill's notional is a whole number of money units, and the largest order's fits the bound.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn dita_fits_scales(lot: i64, tick: i64, quantity_max: i64, price_max: i64) -> bool {
    divide_by_notional(product(lot, tick)).1 && word(divide_by_notional(product(quantity_max, price_max)).0) <= BOUND
}

#[cfg(test)]
mod tests {
    use super::{
        BEYOND, dita_cost_share, dita_fits_scales, dita_is_multiple, dita_leg_quantity, dita_minimum_quantity,
        dita_notional, dita_predicted_fee, dita_price_plausible, dita_within_leverage, divide_by, divide_by_notional,
        half_even_by,
    };
    use crate::vocabulary::{BOUND, NOTIONAL_DIVISOR};

    /// The rounding as the specification words it, on numbers small enough for plain operators.
    fn half_even(numerator: u128, denominator: u128) -> u128 {
        let (quotient, twice) = (numerator / denominator, 2 * (numerator % denominator));
        quotient + u128::from(twice > denominator || (twice == denominator && quotient % 2 == 1))
    }

    /// Ties go to the even neighbour, everything else to the nearest.
    #[test]
    fn shares_round_half_to_even() {
        for cost in 0..40 {
            for whole in 1..13 {
                for part in 0..=whole {
                    let share = dita_cost_share(cost, whole, part);
                    let numerator = u128::try_from(cost * part).expect("small");
                    let wanted = half_even(numerator, u128::try_from(whole).expect("small"));
                    assert_eq!(u128::try_from(share), Ok(wanted), "{cost} * {part} / {whole}");
                }
            }
        }
    }

    /// The limbs of a wide numerator give what the machine's own 128-bit division gives.
    #[test]
    fn wide_division_by_a_constant_is_division() {
        let mut numerator: u128 = 1;
        for shift in 0..100_u32 {
            numerator = numerator.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(shift) >> (shift % 64);
            let quotient = u64::try_from(numerator / 1_000_000_000).unwrap_or(u64::MAX);
            let remainder = u64::try_from(numerator % 1_000_000_000).expect("below the divisor");
            assert_eq!(divide_by::<1_000_000_000>(numerator), (quotient, remainder));
            let divisor = u128::from(NOTIONAL_DIVISOR);
            let quotient = u64::try_from(numerator / divisor).unwrap_or(u64::MAX);
            assert_eq!(divide_by_notional(numerator), (quotient, numerator % divisor == 0));
        }
    }

    /// Rounding by a constant is the rounding of the specification: below, at and above ties, after even and odd
    /// quotients, where the numerator just fits a machine word, and where it does not.
    #[test]
    fn rounding_by_a_constant_is_rounding() {
        fn agrees<const DIVISOR: u64>(numerator: u128) {
            let wanted = super::half_even(super::divide_wide_by::<DIVISOR>(numerator), DIVISOR);
            assert_eq!(half_even_by::<DIVISOR>(numerator), wanted, "{numerator} / {DIVISOR}");
            if wanted < BEYOND {
                let plain = half_even(numerator, u128::from(DIVISOR));
                assert_eq!(u128::try_from(wanted), Ok(plain), "{numerator} / {DIVISOR}");
            }
        }
        for shift in 0..90_u32 {
            for multiple in (1_u128 << shift).saturating_sub(2)..(1 << shift) + 2 {
                for rest in [0, 1, 499_999, 500_000, 500_001, 499_999_999, 500_000_000, 500_000_001] {
                    agrees::<1_000_000>(multiple * 1_000_000 + rest);
                    agrees::<1_000_000_000>(multiple * 1_000_000_000 + rest);
                }
            }
        }
        for numerator in (1 << 64) - 2_000..(1 << 64) + 2_000 {
            agrees::<1_000_000>(numerator);
            agrees::<1_000_000_000>(numerator);
        }
    }

    /// At the ends of their ranges the functions give known values.
    #[test]
    fn ends_of_the_ranges() {
        assert_eq!(dita_notional(100_000_000, 600_000_000_000_000), 6_000_000_000_000);
        assert_eq!(dita_notional(BOUND, BOUND), BEYOND);
        assert_eq!(dita_cost_share(BOUND, BOUND, BOUND - 1), BOUND - 1);
        assert_eq!(dita_cost_share(7, 0, 3), 0);
        assert_eq!(dita_cost_share(7, 3, 3), 7);
        assert_eq!(dita_predicted_fee(BOUND, 400_000_000), 461_168_601_842_738_790);
        assert_eq!(dita_minimum_quantity(0, 0, 1, 7), 7);
        assert_eq!(dita_minimum_quantity(0, BOUND, 1, 1), BOUND + 1);
        assert_eq!(dita_minimum_quantity(1, 1, 0, 1), BOUND + 1);
        assert_eq!(dita_minimum_quantity(1, 1, 1, 0), BOUND + 1);
        assert_eq!(dita_leg_quantity(10, 500_000, 1, 3), 5);
        assert_eq!(dita_leg_quantity(10, 500_000, 1, 6), 10);
        assert!(dita_is_multiple(12, 4) && !dita_is_multiple(13, 4) && !dita_is_multiple(0, 0));
        assert!(dita_price_plausible(4, 1, 10_000_000_000));
        assert!(!dita_price_plausible(5, 1, 10_000_000_000));
        assert!(dita_within_leverage(5, 5, 1_000_000) && !dita_within_leverage(1, -6 * BOUND, 1));
        assert!(dita_fits_scales(100, 100_000_000, BOUND, 10_000_000_000));
        assert!(!dita_fits_scales(100, 100_000_001, 1, 1));
    }

    /// The smallest integer and zero divisors have an answer everywhere.
    #[test]
    fn total_on_the_smallest_integer() {
        for value in [i64::MIN, -1, 0, 1, i64::MAX] {
            for other in [i64::MIN, -1, 0, 1, i64::MAX] {
                dita_notional(value, other);
                dita_predicted_fee(value, other);
                dita_is_multiple(value, other);
                for third in [i64::MIN, -1, 0, 1, i64::MAX] {
                    dita_cost_share(value, other, third);
                    dita_price_plausible(value, other, third);
                    dita_within_leverage(value, other, third);
                    for fourth in [i64::MIN, -1, 0, 1, i64::MAX] {
                        dita_minimum_quantity(value, other, third, fourth);
                        dita_leg_quantity(value, other, third, fourth);
                        dita_fits_scales(value, other, third, fourth);
                    }
                }
            }
        }
    }
}
