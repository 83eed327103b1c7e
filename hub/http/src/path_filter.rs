//! Refuses URLs that only attackers send (spec rest-api §0), before anybody is authenticated.
//!
//! The rules are few and coarse; real safety lies in the endpoints. They keep scanners out of
//! logs and counts.

use percent_encoding::percent_decode_str;

/// How often a URL is decoded in search of what it hides. Nobody encodes more often in earnest.
const DECODINGS: usize = 8;

/// Whether a URL's path and query look like an attack, however often they are percent-encoded.
pub(crate) fn is_attack(path_and_query: &str) -> bool {
    // Nearly every URL, and each webhook's, is made of these alone.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    if path_and_query.bytes().all(plain) {
        return path_and_query.ends_with("proc/self/environ");
    }
    if is_suspicious(path_and_query) {
        return true;
    }
    let mut text = path_and_query.to_owned();
    for _ in 0..DECODINGS {
        if !text.contains('%') {
            return false;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        if is_suspicious(&decoded) {
            return true;
        }
        text = decoded;
    }
    // Still hiding something.
    true
}

fn is_suspicious(text: &str) -> bool {
    if text
        .bytes()
        .any(|byte| matches!(byte, b'\t' | b'\r' | b'\n'))
        || text.contains("../")
    {
        return true;
    }
    let text = text.to_ascii_lowercase();
    in_order(&text, &["<", "script", ">"])
        || in_order(&text, &["union", "select", "("])
        || in_order(&text, &["concat", "("])
        || in_order(&text, &["base64_encode", "(", ")"])
        || [
            "proc/self/environ",
            "globals=",
            "globals[",
            "_request=",
            "_request[",
        ]
        .iter()
        .any(|pattern| text.contains(pattern))
}

/// Whether `parts` occur in `text` one behind the other, with anything between them.
fn in_order(text: &str, parts: &[&str]) -> bool {
    let mut rest = Some(text);
    for part in parts {
        rest = rest
            .and_then(|text| text.split_once(part))
            .map(|(_, behind)| behind);
    }
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attacks_are_seen_through_any_encoding() {
        for attack in [
            "/api/../secrets.yaml",
            "/api/%2e%2e/secrets",
            "/api/%252e%252e%252fsecrets",
            "/?q=<script>alert(1)</script>",
            "/?q=%3CScRiPt%3E",
            "/api/states?x=1 union all select (1)",
            "/api/states?x=union%20select%20(1)",
            "/api/%0d%0aSet-Cookie:x",
            "/api/%09",
            "/proc/self/environ",
            "/?GLOBALS[x]=1",
            "/%25252525252525252525252525",
        ] {
            assert!(is_attack(attack), "{attack}");
        }
    }

    #[test]
    fn honest_urls_pass() {
        for honest in [
            "/",
            "/api/",
            "/api/webhook/0a1b2c",
            "/api/states/light.kitchen",
            "/api/history/period/2026-01-01T00:00:00+00:00?filter_entity_id=a.b,c.d&end_time=x",
            "/api/stream?restrict=a,b",
            "/api/webhook/my%20hook?x=1&x=2&y=",
            "/api/events/union_of_selects",
            "/api/webhook/100%",
        ] {
            assert!(!is_attack(honest), "{honest}");
        }
    }

    proptest! {
        #[test]
        fn no_url_is_too_odd_to_be_judged(url in "\\PC*") {
            is_attack(&url);
        }
    }
}
