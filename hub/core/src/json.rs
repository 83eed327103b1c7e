//! Guards for JSON from outside.

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
