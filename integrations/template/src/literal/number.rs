//! Python's number literals.

use super::{Literal, Whole};

/// Reads a number without sign, and what follows it.
pub(super) fn read(text: &str, negative: bool) -> Option<(Literal, &str)> {
    let bytes = text.as_bytes();
    if let [b'0', base @ (b'x' | b'X' | b'o' | b'O' | b'b' | b'B'), ..] = bytes {
        let radix = match base.to_ascii_lowercase() {
            b'x' => 16,
            b'o' => 8,
            _ => 2,
        };
        let end = 2 + digits(&bytes[2..], radix, true)?;
        let rest = &text[end..];
        let plain = text[2..end].replace('_', "");
        let value = u128::from_str_radix(&plain, radix).ok();
        return ends(rest).then(|| (whole(value, negative), rest));
    }
    let whole_end = digits(bytes, 10, false)?;
    let mut end = whole_end;
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        is_float = true;
        end += 1;
        end += digits(&bytes[end..], 10, false)?;
        if end == 1 {
            return None;
        }
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(bytes.get(end + 1 + sign..)?, 10, false)?;
        if exponent == 0 || end == 0 {
            return None;
        }
        is_float = true;
        end += 1 + sign + exponent;
    }
    let plain = text[..end].replace('_', "");
    if matches!(bytes.get(end), Some(b'j' | b'J')) {
        let rest = &text[end + 1..];
        return ends(rest).then_some((Literal::Unspeakable, rest));
    }
    let rest = &text[end..];
    if !ends(rest) {
        return None;
    }
    if is_float {
        let value: f64 = plain.parse().ok()?;
        return Some((Literal::Float(if negative { -value } else { value }), rest));
    }
    // `007` is no literal; any number of zeros is.
    if plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|digit| digit != b'0') {
        return None;
    }
    Some((whole(plain.parse().ok(), negative), rest))
}

fn whole(value: Option<u128>, negative: bool) -> Literal {
    let fitting = value.and_then(|value| {
        if negative {
            let value = i128::try_from(value).ok()?;
            i64::try_from(-value).ok().map(Whole::Signed)
        } else {
            match i64::try_from(value) {
                Ok(value) => Some(Whole::Signed(value)),
                Err(_) => u64::try_from(value).ok().map(Whole::Unsigned),
            }
        }
    });
    Literal::Int(fitting)
}

/// How many bytes the digits take, single underscores between them included. `prefixed`: an
/// underscore may come first, and there must be a digit.
fn digits(bytes: &[u8], radix: u32, prefixed: bool) -> Option<usize> {
    let mut end = 0;
    let mut after_digit = prefixed;
    for &byte in bytes {
        if byte == b'_' && after_digit {
            after_digit = false;
        } else if char::from(byte).is_digit(radix) {
            after_digit = true;
        } else if byte == b'_' {
            return None;
        } else {
            break;
        }
        end += 1;
    }
    let dangling = end > 0 && bytes[end - 1] == b'_';
    let missing = prefixed && end == 0;
    (!dangling && !missing).then_some(end)
}

/// A number is over where no letter, digit or second dot touches it.
fn ends(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
}
