//! The grammar of key paths (spec relay §4.1). It reads from left to right and never recurses.

use std::fmt;

use unicode_id_start::{is_id_continue_unicode, is_id_start_unicode};

use crate::{KeyPath, Root};

/// The longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 512;
/// The most accesses of a path.
pub const ACCESSES_MAX: usize = 32;

/// The largest index that JavaScript tells apart from its neighbours.
const INDEX_MAX: u64 = 9_007_199_254_740_991;

/// Why a text is no key path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}: {expected}")]
pub struct KeyPathError {
    /// Of which kind.
    pub kind: Kind,
    /// Where, in bytes from the start.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// The kinds of errors, as the API names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not of the grammar.
    Syntax,
    /// Well-formed, but it begins with another name.
    BadRoot,
    /// More than [`PATH_BYTES_MAX`] bytes.
    TooLong,
    /// More than [`ACCESSES_MAX`] accesses.
    TooDeep,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "syntax",
            Self::BadRoot => "bad_root",
            Self::TooLong => "too_long",
            Self::TooDeep => "too_deep",
        })
    }
}

pub(crate) fn parse(text: &str) -> Result<KeyPath, KeyPathError> {
    if text.len() > PATH_BYTES_MAX {
        return Err(KeyPathError {
            kind: Kind::TooLong,
            offset: PATH_BYTES_MAX,
            expected: "expected at most 512 bytes",
        });
    }
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    let root_at = reader.at;
    let root = reader.name()?;
    let mut names = Vec::new();
    let mut too_deep_at = None;
    loop {
        reader.skip_space();
        if names.len() == ACCESSES_MAX && too_deep_at.is_none() {
            too_deep_at = Some(reader.at);
        }
        match reader.next() {
            None => break,
            Some('.') => {
                reader.skip_space();
                names.push(reader.name()?);
            }
            Some('[') => {
                reader.skip_space();
                names.push(reader.key()?);
                reader.skip_space();
                reader.expect(']', "expected ]")?;
            }
            Some(other) => {
                reader.at -= other.len_utf8();
                return Err(reader.syntax("expected . or [ or the end"));
            }
        }
    }
    let root = match &*root {
        "body" => Root::Body,
        "headers" => Root::Headers,
        "query" => Root::Query,
        _ => {
            return Err(KeyPathError {
                kind: Kind::BadRoot,
                offset: root_at,
                expected: "expected body, headers or query",
            });
        }
    };
    if let Some(offset) = too_deep_at.filter(|_| names.len() > ACCESSES_MAX) {
        return Err(KeyPathError {
            kind: Kind::TooDeep,
            offset,
            expected: "expected at most 32 accesses",
        });
    }
    Ok(KeyPath { root, names })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn syntax(&self, expected: &'static str) -> KeyPathError {
        KeyPathError {
            kind: Kind::Syntax,
            offset: self.at,
            expected,
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes `wanted` if it is next.
    fn take(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.at += wanted.len_utf8();
        }
        is_next
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), KeyPathError> {
        if self.take(wanted) {
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.next();
        }
    }

    /// `Name`: an identifier, where reserved words are as good as others.
    fn name(&mut self) -> Result<Box<str>, KeyPathError> {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            let began = self.at;
            let (part, is_escaped) = if next == '\\' {
                self.next();
                self.expect('u', "expected \\u")?;
                (self.unicode_escape()?, true)
            } else {
                self.next();
                (u32::from(next), false)
            };
            let part = char::from_u32(part).filter(|part| {
                if name.is_empty() {
                    starts_name(*part)
                } else {
                    continues_name(*part)
                }
            });
            match part {
                Some(part) => name.push(part),
                None => {
                    self.at = began;
                    if is_escaped {
                        return Err(self.syntax("expected an escape of a letter or digit"));
                    }
                    break;
                }
            }
        }
        if name.is_empty() {
            return Err(self.syntax("expected a name"));
        }
        Ok(name.into())
    }

    /// What stands between brackets.
    fn key(&mut self) -> Result<Box<str>, KeyPathError> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => {
                self.next();
                self.string(quote)
            }
            Some('0'..='9') => self.index(),
            _ => Err(self.syntax("expected a quoted name or an index")),
        }
    }

    fn index(&mut self) -> Result<Box<str>, KeyPathError> {
        let rest = &self.text[self.at..];
        let digits = rest
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = &rest[..digits];
        let is_canonical = digits == "0" || !digits.starts_with('0');
        let fits = digits.parse().is_ok_and(|index: u64| index <= INDEX_MAX);
        if !is_canonical || !fits {
            return Err(self.syntax("expected an index without leading zeros below 2^53"));
        }
        self.at += digits.len();
        Ok(digits.into())
    }

    /// The rest of a string that began with `quote`.
    fn string(&mut self, quote: char) -> Result<Box<str>, KeyPathError> {
        let mut text = String::new();
        // The first half of a surrogate pair, and where it stands.
        let mut high: Option<(u32, usize)> = None;
        loop {
            let began = self.at;
            let unit = match self.next() {
                Some(next) if next == quote => {
                    return match high {
                        None => Ok(text.into()),
                        Some((_, at)) => Err(self.lone_surrogate(at)),
                    };
                }
                None | Some('\r' | '\n') => {
                    self.at = began;
                    return Err(self.syntax("expected the closing quote"));
                }
                Some('\\') => match self.escape()? {
                    Some(unit) => unit,
                    None => continue,
                },
                Some(next) => u32::from(next),
            };
            match (high.take(), unit) {
                (Some((high, _)), 0xDC00..=0xDFFF) => {
                    let joined = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                    text.extend(char::from_u32(joined));
                }
                (Some((_, at)), _) => return Err(self.lone_surrogate(at)),
                (None, 0xD800..=0xDBFF) => high = Some((unit, began)),
                (None, _) => match char::from_u32(unit) {
                    Some(unit) => text.push(unit),
                    None => return Err(self.lone_surrogate(began)),
                },
            }
        }
    }

    fn lone_surrogate(&mut self, at: usize) -> KeyPathError {
        self.at = at;
        self.syntax("expected a whole surrogate pair")
    }

    /// What a backslash within a string stands for; none for the end of a line.
    fn escape(&mut self) -> Result<Option<u32>, KeyPathError> {
        let escaped = match self.peek() {
            None => return Err(self.syntax("expected the closing quote")),
            Some('1'..='9') => return Err(self.syntax("expected an escape that is no number")),
            Some(next) => next,
        };
        self.next();
        Ok(Some(match escaped {
            'b' => 0x08,
            'f' => 0x0C,
            'n' => 0x0A,
            'r' => 0x0D,
            't' => 0x09,
            'v' => 0x0B,
            '0' if self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                return Err(self.syntax("expected no digit after \\0"));
            }
            '0' => 0,
            'x' => self.hex(2)?,
            'u' => self.unicode_escape()?,
            '\r' => {
                self.take('\n');
                return Ok(None);
            }
            '\n' | '\u{2028}' | '\u{2029}' => return Ok(None),
            other => u32::from(other),
        }))
    }

    /// What follows `\u`: four hex digits, or any number of them in braces.
    fn unicode_escape(&mut self) -> Result<u32, KeyPathError> {
        if !self.take('{') {
            return self.hex(4);
        }
        let began = self.at;
        let mut value = 0u32;
        loop {
            match self.peek().and_then(|next| next.to_digit(16)) {
                Some(digit) => value = (value << 4 | digit).min(0x0011_0000),
                None if self.at > began => break,
                None => return Err(self.syntax("expected hex digits")),
            }
            self.next();
        }
        if value > 0x0010_FFFF {
            self.at = began;
            return Err(self.syntax("expected at most 10FFFF"));
        }
        self.expect('}', "expected }")?;
        Ok(value)
    }

    fn hex(&mut self, digits: usize) -> Result<u32, KeyPathError> {
        let mut value = 0;
        for _ in 0..digits {
            match self.peek().and_then(|next| next.to_digit(16)) {
                Some(digit) => value = value << 4 | digit,
                None => return Err(self.syntax("expected a hex digit")),
            }
            self.next();
        }
        Ok(value)
    }
}

fn starts_name(part: char) -> bool {
    matches!(part, '$' | '_') || is_id_start_unicode(part) || part.is_ascii_alphabetic()
}

fn continues_name(part: char) -> bool {
    matches!(part, '$' | '_' | '\u{200C}' | '\u{200D}')
        || part.is_ascii_alphanumeric()
        || is_id_continue_unicode(part)
}

/// White space and ends of lines, as JavaScript has them.
fn is_space(part: char) -> bool {
    matches!(
        part,
        '\t' | '\u{0B}'
            | '\u{0C}'
            | ' '
            | '\u{A0}'
            | '\u{FEFF}'
            | '\n'
            | '\r'
            | '\u{2028}'
            | '\u{2029}'
    ) || matches!(
        part,
        '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        let path = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        path.names.iter().map(|name| name.to_string()).collect()
    }

    fn error(text: &str) -> (Kind, usize) {
        let error = parse(text).expect_err(text);
        (error.kind, error.offset)
    }

    #[test]
    fn members_are_reached_by_dots_and_brackets() {
        for (text, expected) in [
            ("body", &[] as &[&str]),
            ("\u{FEFF} query \u{3000}", &[]),
            ("body.a.b", &["a", "b"]),
            (" body . a\n[ 'b' ] ", &["a", "b"]),
            ("headers['X-Device-Id']", &["X-Device-Id"]),
            (r#"body["a"][0][12]"#, &["a", "0", "12"]),
            ("body['00']", &["00"]),
            ("body.class.null.$_", &["class", "null", "$_"]),
            ("b\\u006fdy.\\u{61}b", &["ab"]),
            ("body.größe.名前", &["größe", "名前"]),
            (r"body['\b\f\n\r\t\v\0']", &["\u{8}\u{c}\n\r\t\u{b}\0"]),
            (r"body['\x41\u0042\u{43}\'\q\\']", &["ABC'q\\"]),
            (r"body['\uD83D\uDE00']", &["😀"]),
            ("body['a\\\r\nb\\\u{2028}c\u{2029}']", &["abc\u{2029}"]),
            ("body[9007199254740991]", &["9007199254740991"]),
        ] {
            assert_eq!(names(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_more_than_a_path_is_refused_where_it_begins() {
        for (text, offset) in [
            ("", 0),
            ("  ", 2),
            ("body.", 5),
            ("body..a", 5),
            ("body?.a", 4),
            ("body.a()", 6),
            ("body.a+b", 6),
            ("(body)", 0),
            ("body/**/.a", 4),
            ("body[`a`]", 5),
            ("body[a]", 5),
            ("body[-1]", 5),
            ("body[01]", 5),
            ("body[0x1]", 6),
            ("body[1.5]", 6),
            ("body[1e3]", 6),
            ("body[1n]", 6),
            ("body[1_0]", 6),
            ("body[9007199254740992]", 5),
            ("body[true]", 5),
            ("body[]", 5),
            ("body['a'", 8),
            ("body['a", 7),
            ("body['a\n']", 7),
            ("body;", 4),
            ("body.1a", 5),
            (r"body['\1']", 7),
            (r"body['\01']", 8),
            (r"body['\xg0']", 8),
            (r"body['\u{110000}']", 9),
            (r"body['\u{}']", 9),
            (r"body['\uD83D']", 6),
            (r"body['\uDE00']", 6),
            (r"body['\uD83Dx']", 6),
            (r"body.\u0031a", 5),
            (r"body.a\u002d", 6),
            (r"body.\x41", 6),
        ] {
            assert_eq!(error(text), (Kind::Syntax, offset), "{text:?}");
        }
    }

    #[test]
    fn roots_and_sizes_have_errors_of_their_own() {
        assert_eq!(error(" Body.a"), (Kind::BadRoot, 1));
        assert_eq!(error("cookies"), (Kind::BadRoot, 0));
        assert_eq!(error("cookies."), (Kind::Syntax, 8));
        let deep = format!("body{}", ".a".repeat(ACCESSES_MAX));
        assert_eq!(names(&deep).len(), ACCESSES_MAX);
        assert_eq!(error(&format!("{deep}.a")), (Kind::TooDeep, deep.len()));
        let long = format!("body.{}", "a".repeat(PATH_BYTES_MAX - 5));
        assert_eq!(names(&long).len(), 1);
        assert_eq!(error(&format!("{long}a")), (Kind::TooLong, PATH_BYTES_MAX));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_errors_point_into_the_text(
            text in r#"(body|query|headers|x)?([.\[\]'"\\u{}0-9a-fA-F \n😀]|\\u|\['|'\]){0,80}"#,
        ) {
            if let Err(error) = parse(&text) {
                prop_assert!(text.is_char_boundary(error.offset));
            }
        }

        #[test]
        fn any_name_can_be_written_as_a_string(name in "\\PC{0,40}") {
            let quoted = serde_json::to_string(&name).unwrap();
            let path = parse(&format!("body[{quoted}]")).unwrap();
            prop_assert_eq!(&*path.names[0], name.as_str());
        }
    }
}
