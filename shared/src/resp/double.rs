//! The text of a floating-point number: the shortest that reads back the same, laid out as redis-server 7.2 does.
//!
//! (redis-server 7.0 prints 17 digits: `3.1400000000000001` where this prints `3.14`.)

use std::fmt::Write as _;

/// The text of `number`: `3.14`, `1e+21`, `inf`, `-inf`, `nan`.
pub fn text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number == number.trunc() && number.abs() < 1e15 {
        // Also keeps the sign of -0.
        return if number == 0.0 && number.is_sign_negative() {
            "-0".to_owned()
        } else {
            (number as i64).to_string()
        };
    }
    // Shortest digits and exponent, as `-d.ddde-7`.
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    // The number is its digits times ten to the power of `scale`.
    let scale = exponent - (digits - 1);
    let plain = if scale >= 0 { exponent.abs() < digits + 7 } else { scale > -7 || exponent.abs() < 4 };
    if plain {
        return format!("{number}");
    }
    let mut text = mantissa.to_owned();
    // Writing into a String does not fail.
    let _ = write!(text, "e{exponent:+}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_redis_prints_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (4.56, "4.56"),
            (0.1, "0.1"),
            (1e-5, "0.00001"),
            (1.5e-10, "1.5e-10"),
            (1e20, "1e+20"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (123456789.125, "123456789.125"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(number), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_number_reads_back_the_same(bits: u64) {
            let number = f64::from_bits(bits);
            let back: f64 = text(number).parse().unwrap();
            assert!(back.to_bits() == bits || (number.is_nan() && back.is_nan()));
        }
    }
}
