//! Portals that verify an address before they use it (spec relay §5): the value that they sent is
//! sent back, and goes no further.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::content::Content;
use super::json::text;
use super::query;
use crate::objects::{Challenge, ChallengeReply, Place};

/// The longest value that is sent back, in bytes.
const VALUE_MAX: usize = 1024;

/// What is sent back to a challenge in the query; none where there is none.
pub(crate) fn in_query(challenge: &Challenge, raw: &str) -> Option<String> {
    if challenge.place != Place::Query {
        return None;
    }
    let find = |name: &str| {
        query::pairs(raw.as_bytes()).find_map(|(given, value)| (given == name).then_some(value))
    };
    answer(challenge, find)
}

/// The same in the body.
pub(crate) fn in_body(challenge: &Challenge, content: &Content) -> Option<String> {
    if challenge.place != Place::Body {
        return None;
    }
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(&content.json).ok()?;
    let find = |name: &str| {
        let value = members.get(name)?.get();
        match value.as_bytes().first()? {
            b'"' => serde_json::from_str(value).ok(),
            b'{' | b'[' | b'n' => None,
            _ => Some(value.to_owned()),
        }
    };
    answer(challenge, find)
}

fn answer(challenge: &Challenge, find: impl Fn(&str) -> Option<String>) -> Option<String> {
    if let Some(when) = &challenge.when
        && find(&when.name).as_deref() != Some(&when.value)
    {
        return None;
    }
    let value = find(&challenge.name).filter(|value| value.len() <= VALUE_MAX)?;
    Some(match challenge.reply {
        ChallengeReply::Text => value,
        ChallengeReply::Json => format!("{{{}:{}}}", text(&challenge.name), text(&value)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::When;

    fn challenge(place: Place, reply: ChallengeReply, when: Option<(&str, &str)>) -> Challenge {
        Challenge {
            place,
            name: "hub.challenge".to_owned(),
            reply,
            when: when.map(|(name, value)| When {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
        }
    }

    #[test]
    fn a_value_of_the_query_is_sent_back() {
        let plain = challenge(Place::Query, ChallengeReply::Text, None);
        let json = challenge(Place::Query, ChallengeReply::Json, None);
        let asked = challenge(
            Place::Query,
            ChallengeReply::Text,
            Some(("hub.mode", "subscribe")),
        );
        let long = format!("hub.challenge={}", "x".repeat(VALUE_MAX + 1));
        for (challenge, query, expected) in [
            (&plain, "hub.challenge=a%20b", Some("a b")),
            (&plain, "other=1", None),
            (&plain, &long, None),
            (
                &json,
                "hub.challenge=%22",
                Some(r#"{"hub.challenge":"\""}"#),
            ),
            (&asked, "hub.challenge=1", None),
            (&asked, "hub.challenge=1&hub.mode=subscribe", Some("1")),
            (&asked, "hub.challenge=1&hub.mode=other", None),
        ] {
            assert_eq!(in_query(challenge, query).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn a_value_of_the_body_is_sent_back() {
        let plain = challenge(Place::Body, ChallengeReply::Text, None);
        for (body, expected) in [
            (r#"{"hub.challenge":"a\nb"}"#, Some("a\nb")),
            (r#"{"hub.challenge":12}"#, Some("12")),
            (r#"{"hub.challenge":{}}"#, None),
            (r#"{"a":1}"#, None),
            ("[]", None),
        ] {
            let content = Content {
                kind: "json",
                json: body.to_owned(),
                error: None,
            };
            assert_eq!(in_body(&plain, &content).as_deref(), expected, "{body}");
            assert_eq!(in_query(&plain, "hub.challenge=1"), None);
        }
    }
}
