//! How numbers with a fraction print in states and messages: as clients have always seen them.

/// The shortest text that reads back as this number, with a point always: `20.0`, `1e+16`.
///
/// ```
/// use hearth_core::float;
///
/// assert_eq!(float::shortest(20.0), "20.0");
/// assert_eq!(float::shortest(0.1 + 0.2), "0.30000000000000004");
/// ```
pub fn shortest(number: f64) -> String {
    layout(&format!("{number:e}"), 16)
}

/// The number with at most 15 significant digits, as states show it (spec state-machine §1).
///
/// ```
/// use hearth_core::float;
///
/// assert_eq!(float::state_text(0.1 + 0.2), "0.3");
/// ```
pub fn state_text(number: f64) -> String {
    layout(&format!("{number:.14e}"), 14)
}

/// Lays digits and exponent out with a point where that is short, and with an exponent where the
/// point would stand left of the third zero or right of digit `widest`.
fn layout(scientific: &str, widest: i32) -> String {
    let (sign, scientific) = match scientific.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", scientific),
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        kept => kept,
    };
    let point = exponent + 1;
    if point <= -4 || point > widest {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        let exponent = exponent.abs();
        return format!("{sign}{first}{dot}{rest}e{exponent_sign}{exponent:02}");
    }
    let Ok(whole) = usize::try_from(point) else {
        let zeros = "0".repeat(point.unsigned_abs() as usize);
        return format!("{sign}0.{zeros}{digits}");
    };
    match whole {
        0 => format!("{sign}0.{digits}"),
        whole if whole >= digits.len() => {
            let zeros = "0".repeat(whole - digits.len());
            format!("{sign}{digits}{zeros}.0")
        }
        whole => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_clients_expect_them() {
        for (number, short, state) in [
            (0.0, "0.0", "0.0"),
            (-12.25, "-12.25", "-12.25"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "1e-05"),
            (1e16, "1e+16", "1e+16"),
            (1.0 / 3.0, "0.3333333333333333", "0.333333333333333"),
        ] {
            assert_eq!(shortest(number), short);
            assert_eq!(state_text(number), state);
        }
    }

    proptest! {
        #[test]
        fn the_shortest_text_reads_back_the_same(number in proptest::num::f64::NORMAL) {
            prop_assert_eq!(shortest(number).parse::<f64>(), Ok(number));
        }
    }
}
