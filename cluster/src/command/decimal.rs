//! Sums of decimals as they are written, for HINCRBYFLOAT and INCRBYFLOAT.
//!
//! Redis adds long doubles and prints 17 decimals; how exact those are depends on its platform (64 bits of mantissa on x86, 113
//! on ARM). Here the sum is exact before it is rounded to 17 decimals: `5000` and `0.3` make `5000.3` everywhere.

use std::cmp::Ordering;

/// Decimals that a sum keeps.
const DECIMALS: usize = 17;

/// The sum of two decimals in plain notation, without trailing zeros; `None` if one is no finite number, or the sum is beyond a
/// double.
pub fn sum(a: &[u8], b: &[u8]) -> Option<String> {
    let (mut a, mut b) = (Decimal::parse(a)?, Decimal::parse(b)?);
    let scale = a.scale.max(b.scale);
    a.rescale(scale);
    b.rescale(scale);
    let text = a.plus(&b).text();
    text.parse::<f64>().is_ok_and(f64::is_finite).then_some(text)
}

/// `digits` (lowest first) times ten to the power of `-scale`.
#[derive(Debug, Clone)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    scale: usize,
}

impl Decimal {
    fn parse(text: &[u8]) -> Option<Decimal> {
        let text = std::str::from_utf8(text).ok()?;
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        if value == 0.0 {
            return Some(Decimal { negative: false, digits: vec![], scale: 0 });
        }
        // From here on the exponent is that of a double: a few hundred digits either way.
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let mantissa = mantissa.trim_start_matches(['+', '-']);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> =
            whole.bytes().chain(fraction.bytes()).rev().map(|digit| digit - b'0').collect();
        let scale = i64::try_from(fraction.len()).ok()? - exponent;
        if scale < 0 {
            let zeros = usize::try_from(-scale).ok()?;
            digits.splice(0..0, std::iter::repeat_n(0, zeros));
        }
        Some(Decimal { negative: value < 0.0, digits, scale: usize::try_from(scale).unwrap_or(0) })
    }

    /// Appends zeros behind the point.
    fn rescale(&mut self, scale: usize) {
        let zeros = scale.saturating_sub(self.scale);
        self.digits.splice(0..0, std::iter::repeat_n(0, zeros));
        self.scale += zeros;
    }

    /// The sum of two decimals of the same scale.
    fn plus(&self, other: &Decimal) -> Decimal {
        if self.negative == other.negative {
            let digits = add(&self.digits, &other.digits);
            return Decimal { negative: self.negative, digits, scale: self.scale };
        }
        let (large, small) = match compare(&self.digits, &other.digits) {
            Ordering::Less => (other, self),
            _ => (self, other),
        };
        let digits = subtract(&large.digits, &small.digits);
        Decimal { negative: large.negative, digits, scale: self.scale }
    }

    fn text(mut self) -> String {
        if self.scale > DECIMALS {
            let cut = self.scale - DECIMALS;
            let up = self.digits.get(cut - 1).is_some_and(|digit| *digit >= 5);
            self.digits.drain(..cut.min(self.digits.len()));
            self.scale = DECIMALS;
            if up {
                self.digits = add(&self.digits, &[1]);
            }
        }
        let digit = |at: usize| char::from(b'0' + self.digits.get(at).copied().unwrap_or(0));
        let whole: String = (self.scale..self.digits.len().max(self.scale + 1)).rev().map(digit).collect();
        let fraction: String = (0..self.scale).rev().map(digit).collect();
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let whole = if whole.is_empty() { "0" } else { whole };
        let sign = if self.negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    for at in 0..a.len().max(b.len()) {
        let digit = a.get(at).unwrap_or(&0) + b.get(at).unwrap_or(&0) + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    sum
}

/// `a` minus `b`, which is not larger.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let minus = |(at, digit): (usize, &u8)| {
        let less = b.get(at).unwrap_or(&0) + borrow;
        borrow = u8::from(*digit < less);
        digit + 10 * borrow - less
    };
    a.iter().enumerate().map(minus).collect()
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let digit = |digits: &[u8], at: usize| digits.get(at).copied().unwrap_or(0);
    let places = (0..a.len().max(b.len())).rev();
    places.map(|at| digit(a, at).cmp(&digit(b, at))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_exact() {
        for (a, b, expected) in [
            ("0.1", "0.2", Some("0.3")),
            ("5000", "0.3", Some("5000.3")),
            ("10.50", "0.1", Some("10.6")),
            ("5.0e3", "2.0e2", Some("5200")),
            ("1", "-1", Some("0")),
            ("0.5", "-1", Some("-0.5")),
            ("-1", "0.5", Some("-0.5")),
            ("1e-20", "0", Some("0")),
            ("-1e-20", "0", Some("0")),
            ("5e-18", "0", Some("0.00000000000000001")),
            ("0.99999999999999999", "0.00000000000000001", Some("1")),
            ("1e30", "0", Some("1000000000000000000000000000000")),
            ("1e-999999", "3", Some("3")),
            (".5", "5.", Some("5.5")),
            ("1.7e308", "1.7e308", None),
            ("inf", "1", None),
            ("nan", "1", None),
            ("abc", "1", None),
            ("", "1", None),
        ] {
            assert_eq!(sum(a.as_bytes(), b.as_bytes()).as_deref(), expected, "{a} + {b}");
        }
    }

    proptest! {
        #[test]
        fn sums_are_near_those_of_doubles(a in -1e12f64..1e12, b in -1e12f64..1e12) {
            let found: f64 = sum(a.to_string().as_bytes(), b.to_string().as_bytes()).unwrap().parse().unwrap();
            prop_assert!((found - (a + b)).abs() <= 1e-3, "{}", found);
        }

        #[test]
        fn integers_are_added_as_integers(a: i32, b: i32) {
            let expected = (i64::from(a) + i64::from(b)).to_string();
            prop_assert_eq!(sum(a.to_string().as_bytes(), b.to_string().as_bytes()), Some(expected));
        }

        #[test]
        fn no_text_makes_it_panic(a in "[-+.eE0-9]{0,12}", b in "[-+.eE0-9]{0,12}") {
            sum(a.as_bytes(), b.as_bytes());
        }
    }
}
