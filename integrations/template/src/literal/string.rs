//! Python's quoted texts and bytes.

use super::Literal;

/// One quoted literal, or several that stand side by side.
pub(super) enum Quoted {
    Text(String),
    Bytes,
}

impl Quoted {
    pub(super) fn literal(self) -> Literal {
        match self {
            Self::Text(text) => Literal::Text(text),
            Self::Bytes => Literal::Unspeakable,
        }
    }

    pub(super) fn join(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Text(mut text), Self::Text(next)) => {
                text.push_str(&next);
                Some(Self::Text(text))
            }
            (Self::Bytes, Self::Bytes) => Some(Self::Bytes),
            _ => None,
        }
    }
}

/// Whether `text` begins with a quote, a prefix of quotes included.
pub(super) fn begins(text: &str) -> bool {
    prefix(text).is_some()
}

/// Raw, bytes, and where the quotes begin.
fn prefix(text: &str) -> Option<(bool, bool, usize)> {
    let end = text.find(['\'', '"']).filter(|&end| end <= 2)?;
    let (mut raw, mut bytes, mut unicode) = (0, 0, 0);
    for letter in text[..end].bytes() {
        match letter.to_ascii_lowercase() {
            b'r' => raw += 1,
            b'b' => bytes += 1,
            b'u' => unicode += 1,
            _ => return None,
        }
    }
    let sound = raw <= 1 && bytes <= 1 && unicode <= 1 && !(unicode == 1 && end > 1);
    sound.then_some((raw == 1, bytes == 1, end))
}

/// Reads one quoted literal, and what follows it.
pub(super) fn read(text: &str) -> Option<(Quoted, &str)> {
    let (raw, bytes, start) = prefix(text)?;
    let body = &text[start..];
    let quote = body.chars().next()?;
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (mark, long) = match body.starts_with(&triple) {
        true => (triple.as_str(), true),
        false => (&triple[..1], false),
    };
    let mut rest = &body[mark.len()..];
    let mut out = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(mark) {
            let quoted = if bytes {
                Quoted::Bytes
            } else {
                Quoted::Text(out)
            };
            return Some((quoted, after));
        }
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '\r' if !long => return None,
            '\\' if raw => {
                let next = rest.chars().next()?;
                rest = &rest[next.len_utf8()..];
                out.extend([c, next]);
            }
            '\\' => rest = escape(rest, bytes, &mut out)?,
            c if bytes && !c.is_ascii() => return None,
            c => out.push(c),
        }
    }
}

/// Reads what follows a backslash.
fn escape<'a>(text: &'a str, bytes: bool, out: &mut String) -> Option<&'a str> {
    let c = text.chars().next()?;
    let rest = &text[c.len_utf8()..];
    let simple = match c {
        '\n' => return Some(rest),
        '\\' | '\'' | '"' => c,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '0'..='7' => return octal(text, out),
        'x' => return hex(rest, 2, out),
        'u' if !bytes => return hex(rest, 4, out),
        'U' if !bytes => return hex(rest, 8, out),
        // Named characters are not read: the text stays text.
        'N' if !bytes => return None,
        other => {
            out.push('\\');
            other
        }
    };
    out.push(simple);
    Some(rest)
}

fn octal<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let end = text
        .bytes()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    out.push(char::from_u32(u32::from_str_radix(&text[..end], 8).ok()?)?);
    Some(&text[end..])
}

/// A lone surrogate is no character of ours: the text stays text.
fn hex<'a>(text: &'a str, length: usize, out: &mut String) -> Option<&'a str> {
    let digits = text.get(..length)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
    Some(&text[length..])
}
