//! Guards for JSON from outside, and small pieces of JSON of our own.

use memchr::memchr2_iter;
use serde_json::Value;

/// Whether `text` opens more than `limit` arrays and objects inside each other. One pass over the
/// bytes, before any parser sees them: a parser's recursion is not the guard.
///
/// ```
/// use hearth_core::json::is_too_deep;
///
/// assert!(!is_too_deep(br#"{"a": "[[[["}"#, 1));
/// assert!(is_too_deep(b"[[1]]", 1));
/// ```
pub fn is_too_deep(text: &[u8], limit: usize) -> bool {
    // What opens no more than that cannot nest deeper; nearly every message ends here.
    if memchr2_iter(b'[', b'{', text).take(limit + 1).count() <= limit {
        return false;
    }
    let mut depth = 0usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => {
                            bytes.next();
                        }
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    false
}

/// A number that is written without a fraction where it has none: 100 and not 100.0.
pub fn number(value: f64) -> Value {
    // Beyond 2^53 a float counts in steps of more than one; nobody writes those out.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    Value::from(value)
}

/// Appends `text` as a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    // Without an early end: texts are short, and so the processor looks at many bytes at once.
    let is_odd = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    let has_odd = text.bytes().fold(false, |odd, byte| odd | is_odd(byte));
    if !has_odd {
        out.reserve(text.len() + 2);
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
