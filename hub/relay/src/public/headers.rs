//! Header fields: what a request may carry, and what of it goes on to hubs (spec relay §5.2).

use std::net::IpAddr;

use actix_web::http::header::{CONNECTION, HeaderMap};
use hearth_core::json::write_text;
use hearth_core::settings::RelaySettings;

/// Fields that go on, in lower case, several of one name in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Those of one hop.
const HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Those that only a trusted proxy may set.
const FORWARDED: [&str; 4] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Whether a field is one of a single hop; the name is in lower case.
pub(crate) fn is_of_hop(name: &str) -> bool {
    HOP.contains(&name) || name.starts_with("proxy-")
}

/// Whether there are too many fields, or too much in them.
pub(crate) fn are_too_large(fields: &HeaderMap, settings: &RelaySettings) -> bool {
    // On the wire there are `: ` and the line's end, too.
    let size = |(name, value): (&actix_web::http::header::HeaderName, &[u8])| {
        name.as_str().len() + value.len() + 4
    };
    let (mut count, mut bytes) = (0, 0);
    for (name, value) in fields {
        let size = size((name, value.as_bytes()));
        if size > settings.header_field_limit {
            return true;
        }
        count += 1;
        bytes += size;
    }
    count > settings.header_fields || bytes > settings.header_limit
}

impl Fields {
    /// What goes on of a request's fields.
    pub fn of_request(fields: &HeaderMap, peer: IpAddr, is_trusted: bool) -> Self {
        let named: Vec<String> = fields
            .get_all(CONNECTION)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let goes_on = |name: &str| {
            !is_of_hop(name)
                && !name.starts_with("x-hearth-")
                && !named.iter().any(|of_hop| of_hop == name)
                && (is_trusted || !FORWARDED.contains(&name))
        };
        let mut kept: Vec<(String, String)> = fields
            .iter()
            .filter(|(name, _)| goes_on(name.as_str()))
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.as_str().to_owned(), value.trim().to_owned())
            })
            .collect();
        // The order among different names is lost on the way here: this one is at least the same
        // for all requests.
        kept.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut fields = Self(kept);
        fields.add_forwarder(peer);
        fields
    }

    /// Adds the peer to the chain of those that have passed the request on.
    fn add_forwarder(&mut self, peer: IpAddr) {
        let name = "x-forwarded-for";
        match self.0.iter_mut().rev().find(|(given, _)| given == name) {
            Some((_, chain)) => chain.push_str(&format!(", {peer}")),
            None => {
                let place = self.0.partition_point(|(given, _)| given.as_str() < name);
                self.0.insert(place, (name.to_owned(), peer.to_string()));
            }
        }
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(given, _)| given != name);
    }

    /// As pairs.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// As a JSON object; repeated fields are joined.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        for same in self.0.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((name, first)) = same.first() else {
                continue;
            };
            if out.len() > 1 {
                out.push(',');
            }
            write_text(name, &mut out);
            out.push(':');
            if same.len() == 1 {
                write_text(first, &mut out);
                continue;
            }
            let between = if name == "cookie" { "; " } else { ", " };
            let values: Vec<&str> = same.iter().map(|(_, value)| value.as_str()).collect();
            write_text(&values.join(between), &mut out);
        }
        out.push('}');
        out
    }

    /// As a JSON array of pairs.
    pub fn to_raw_json(&self) -> String {
        let mut out = String::from("[");
        for (name, value) in &self.0 {
            if out.len() > 1 {
                out.push(',');
            }
            out.push('[');
            write_text(name, &mut out);
            out.push(',');
            write_text(value, &mut out);
            out.push(']');
        }
        out.push(']');
        out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    fn passed(fields: &[(&str, &str)], is_trusted: bool) -> Fields {
        Fields::of_request(&map(fields), "9.9.9.9".parse().unwrap(), is_trusted)
    }

    #[test]
    fn fields_of_one_hop_and_those_of_ours_go_no_further() {
        let fields = passed(
            &[
                ("Host", "relay.example"),
                ("Connection", "close, X-Once"),
                ("X-Once", "1"),
                ("Keep-Alive", "1"),
                ("Proxy-Authorization", "1"),
                ("TE", "1"),
                ("Trailer", "1"),
                ("Transfer-Encoding", "chunked"),
                ("Upgrade", "1"),
                ("X-Hearth-Anything", "1"),
                ("Forwarded", "for=1.1.1.1"),
                ("X-Forwarded-For", "1.1.1.1"),
                ("X-Forwarded-Host", "h"),
                ("X-Forwarded-Proto", "https"),
                ("X-Device-Id", "  D1 "),
            ],
            false,
        );
        assert_eq!(
            fields.to_json(),
            r#"{"host":"relay.example","x-device-id":"D1","x-forwarded-for":"9.9.9.9"}"#
        );
    }

    #[test]
    fn a_trusted_proxy_keeps_its_word_and_is_added_to_it() {
        let fields = passed(
            &[
                ("X-Forwarded-For", "1.1.1.1"),
                ("X-Forwarded-Proto", "https"),
            ],
            true,
        );
        assert_eq!(
            fields.to_json(),
            r#"{"x-forwarded-for":"1.1.1.1, 9.9.9.9","x-forwarded-proto":"https"}"#
        );
    }

    #[test]
    fn repeated_fields_are_joined_and_kept_apart_in_the_raw_ones() {
        let fields = passed(
            &[("A", "1"), ("Cookie", "x=1"), ("A", "2"), ("Cookie", "y=2")],
            false,
        );
        assert_eq!(
            fields.to_json(),
            r#"{"a":"1, 2","cookie":"x=1; y=2","x-forwarded-for":"9.9.9.9"}"#
        );
        assert_eq!(
            fields.to_raw_json(),
            r#"[["a","1"],["a","2"],["cookie","x=1"],["cookie","y=2"],["x-forwarded-for","9.9.9.9"]]"#
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut fields = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xffa").unwrap();
        fields.insert("x".parse::<HeaderName>().unwrap(), value);
        let fields = Fields::of_request(&fields, "9.9.9.9".parse().unwrap(), false);
        assert_eq!(fields.get("x"), Some("\u{fffd}a"));
    }

    #[test]
    fn fields_have_three_limits() {
        let settings = RelaySettings {
            header_field_limit: 100,
            header_limit: 250,
            header_fields: 4,
            ..RelaySettings::default()
        };
        let long = "x".repeat(90);
        for (fields, expected) in [
            (vec![("a", "1"); 4], false),
            (vec![("a", "1"); 5], true),
            (vec![("a", &*long); 2], false),
            (vec![("a", &*long); 3], true),
            (vec![("abcdefg", &*long)], true),
        ] {
            assert_eq!(are_too_large(&map(&fields), &settings), expected);
        }
    }
}
