//! The value that a request is routed by (spec relay §4.4).

use std::fmt::Write;

/// A value that hubs register and requests carry. Equal keys match, as JavaScript's `===` has it,
/// except that integers beyond 2^53 are told apart: two device ids must not reach one home because
/// a double cannot hold them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// `true` or `false`.
    Bool(bool),
    /// An integer within 64 bits, signed or not.
    Integer(i128),
    /// Any other number: the bits of the double.
    Double(u64),
    /// A text.
    Text(Box<str>),
}

impl Key {
    /// The key of a JSON number; none for a number beyond 64 bits that no double holds exactly,
    /// which matches nothing.
    pub(crate) fn of_number(text: &str) -> Option<Self> {
        let decimal = Decimal::read(text)?;
        if let Some(integer) = decimal.integer_digits() {
            let limit = if decimal.is_negative {
                u128::from(i64::MAX.unsigned_abs()) + 1
            } else {
                u128::from(u64::MAX)
            };
            let value: Option<u128> = integer.parse().ok().filter(|value| *value <= limit);
            if let Some(value) = value {
                let value = i128::try_from(value).ok()?;
                return Some(Self::Integer(if decimal.is_negative {
                    -value
                } else {
                    value
                }));
            }
            let double: f64 = text.parse().ok()?;
            let mut exact = String::new();
            write!(exact, "{:.0}", double.abs()).ok()?;
            return (double.is_finite() && exact == integer)
                .then_some(Self::Double(double.to_bits()));
        }
        let double: f64 = text
            .parse()
            .ok()
            .filter(|double: &f64| double.is_finite())?;
        // As few digits as there are, a fraction may round to a whole number: it is that number.
        if double.fract() == 0.0 {
            const EXACT: f64 = 9_007_199_254_740_992.0;
            return (double.abs() < EXACT).then_some(Self::Integer(double as i128));
        }
        Some(Self::Double(double.to_bits()))
    }
}

/// A JSON number, taken apart.
struct Decimal<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

/// No double has more digits before its point.
const DIGITS_MAX: usize = 400;

impl<'a> Decimal<'a> {
    /// None where the exponent is beyond anything.
    fn read(text: &'a str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.trim_start_matches('+')),
            None => (text, "0"),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        Some(Self {
            is_negative,
            whole,
            fraction: fraction.trim_end_matches('0'),
            exponent: exponent.parse().ok()?,
        })
    }

    /// Its digits without leading zeros, where it is an integer of a reasonable size.
    fn integer_digits(&self) -> Option<String> {
        let digits: String = [self.whole, self.fraction].concat();
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Some("0".to_owned());
        }
        let shift = self.exponent - i64::try_from(self.fraction.len()).ok()?;
        if shift >= 0 {
            let zeros = usize::try_from(shift)
                .ok()
                .filter(|zeros| *zeros < DIGITS_MAX)?;
            return Some(digits.to_owned() + &"0".repeat(zeros));
        }
        let cut = usize::try_from(-shift).ok()?;
        let kept = digits.len().checked_sub(cut)?;
        let (kept, dropped) = digits.split_at(kept);
        (!kept.is_empty() && dropped.bytes().all(|digit| digit == b'0')).then(|| kept.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Option<Key> {
        Key::of_number(text)
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        for (same, value) in [
            (
                &["1", "1.0", "1e0", "10e-1", "0.1E+1", "100e-2"] as &[&str],
                1,
            ),
            (&["0", "-0", "0.0", "0e999", "-0.0e5"], 0),
            (&["-12", "-1.2e1", "-120e-1"], -12),
            (
                &["9007199254740993", "9007199254740993.0"],
                9_007_199_254_740_993,
            ),
            (&["18446744073709551615"], i128::from(u64::MAX)),
            (&["-9223372036854775808"], i128::from(i64::MIN)),
            (&["1.00000000000000000001"], 1),
        ] {
            for text in same {
                assert_eq!(key(text), Some(Key::Integer(value)), "{text}");
            }
        }
        assert_eq!(key("0.5"), key("5e-1"));
        assert_ne!(key("9007199254740993"), key("9007199254740992"));
    }

    #[test]
    fn a_number_beyond_64_bits_matches_only_where_a_double_holds_it() {
        assert_eq!(key("1e20"), key("100000000000000000000"));
        assert!(key("1e20").is_some());
        assert_eq!(key("18446744073709551616"), key("1.8446744073709551616e19"));
        assert!(key("18446744073709551616").is_some());
        for lost in [
            "18446744073709551617",
            "100000000000000000001",
            "1e23",
            "1e400",
            "-1e999999999999999999999",
            "9007199254740993.5",
        ] {
            assert_eq!(key(lost), None, "{lost}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_of_64_bits_is_itself(value in any::<i64>()) {
            prop_assert_eq!(key(&value.to_string()), Some(Key::Integer(value.into())));
        }

        #[test]
        fn every_double_is_the_same_in_each_of_its_texts(value in -1e15f64..1e15) {
            let plain = key(&format!("{value}"));
            prop_assert!(plain.is_some());
            prop_assert_eq!(plain, key(&format!("{value:e}")));
        }

        #[test]
        fn no_number_makes_it_panic(text in r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,20})?") {
            let _ = key(&text);
        }
    }
}
