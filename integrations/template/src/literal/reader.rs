//! Reads a text as `ast.literal_eval` reads it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::{DEPTH_MAX, Literal, number, string};

/// The literal that the whole text is; `None` where it is none.
pub(super) fn read(text: &str) -> Option<Literal> {
    let mut reader = Reader {
        rest: text.trim_start_matches([' ', '\t']),
        depth: 0,
    };
    reader.skip_space();
    let first = reader.value()?;
    reader.skip_space();
    let whole = if reader.rest.starts_with(',') {
        // `1, 2` without parentheses is a tuple.
        let mut items = vec![first];
        while reader.take(',') {
            if reader.at_end() {
                break;
            }
            items.push(reader.value()?);
            reader.skip_space();
        }
        Literal::Tuple(items)
    } else {
        first
    };
    reader.at_end().then_some(whole)
}

struct Reader<'a> {
    rest: &'a str,
    /// How many brackets are open; line ends are space within them only.
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Literal> {
        self.skip_space();
        match self.rest.bytes().next()? {
            b'[' => {
                self.within(|reader| reader.sequence(']').map(|(items, _)| Literal::List(items)))
            }
            b'(' => self.within(Self::parenthesised),
            b'{' => self.within(Self::braced),
            b'+' | b'-' => self.signed(),
            b'0'..=b'9' => self.number(),
            b'.' if self.take_word("...") => Some(Literal::Unspeakable),
            b'.' => self.number(),
            b'\'' | b'"' => self.strings(),
            _ => self.word(),
        }
    }

    fn within(&mut self, read: impl FnOnce(&mut Self) -> Option<Literal>) -> Option<Literal> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        self.rest = &self.rest[1..];
        let literal = read(self)?;
        self.depth -= 1;
        Some(literal)
    }

    /// Items up to `end`, and whether a comma was among them.
    fn sequence(&mut self, end: char) -> Option<(Vec<Literal>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.skip_space();
            if self.take(end) {
                return Some((items, comma));
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            self.skip_space();
            if self.take(',') {
                comma = true;
            } else {
                self.skip_space();
                return self.take(end).then_some((items, comma));
            }
        }
    }

    fn parenthesised(&mut self) -> Option<Literal> {
        let (mut items, comma) = self.sequence(')')?;
        match items.pop() {
            Some(only) if items.is_empty() && !comma => Some(only),
            Some(last) => {
                items.push(last);
                Some(Literal::Tuple(items))
            }
            None => Some(Literal::Tuple(items)),
        }
    }

    fn braced(&mut self) -> Option<Literal> {
        self.skip_space();
        if self.take('}') {
            return Some(Literal::Dict(Vec::new()));
        }
        let first = self.value()?;
        self.skip_space();
        if !self.take(':') {
            return self.set_after(first);
        }
        let mut pairs: Vec<(Literal, Literal)> = Vec::new();
        let mut places = HashMap::new();
        let mut key = first;
        loop {
            if !key.is_hashable() {
                return None;
            }
            let value = self.value()?;
            // A repeated key keeps its first place and takes the last value.
            match places.entry(key.identity()) {
                Entry::Occupied(place) => {
                    let place: usize = *place.get();
                    pairs[place].1 = value;
                }
                Entry::Vacant(place) => {
                    place.insert(pairs.len());
                    pairs.push((key, value));
                }
            }
            self.skip_space();
            let more = self.take(',');
            self.skip_space();
            if self.take('}') {
                return Some(Literal::Dict(pairs));
            }
            if !more {
                return None;
            }
            key = self.value()?;
            self.skip_space();
            if !self.take(':') {
                return None;
            }
        }
    }

    fn set_after(&mut self, first: Literal) -> Option<Literal> {
        let mut items = vec![first];
        self.skip_space();
        if self.take(',') {
            items.extend(self.sequence('}')?.0);
        } else if !self.take('}') {
            return None;
        }
        if !items.iter().all(Literal::is_hashable) {
            return None;
        }
        let mut seen = HashSet::new();
        items.retain(|item| seen.insert(item.identity()));
        Some(Literal::Set(items))
    }

    /// A sign before a number, nothing else.
    fn signed(&mut self) -> Option<Literal> {
        let negative = self.rest.starts_with('-');
        self.rest = &self.rest[1..];
        self.skip_space();
        if !self
            .rest
            .starts_with(|c: char| c.is_ascii_digit() || c == '.')
        {
            return None;
        }
        let (number, rest) = number::read(self.rest, negative)?;
        self.rest = rest;
        Some(number)
    }

    fn number(&mut self) -> Option<Literal> {
        let (number, rest) = number::read(self.rest, false)?;
        self.rest = rest;
        Some(number)
    }

    /// One or more quoted texts side by side, all of texts or all of bytes.
    fn strings(&mut self) -> Option<Literal> {
        let mut whole: Option<string::Quoted> = None;
        loop {
            let Some((next, rest)) = string::read(self.rest) else {
                // What looked like a prefix was none, or the text is malformed.
                return match whole {
                    Some(whole) if !string::begins(self.rest) => Some(whole.literal()),
                    _ => None,
                };
            };
            self.rest = rest;
            whole = Some(match whole {
                None => next,
                Some(before) => before.join(next)?,
            });
            self.skip_space();
        }
    }

    fn word(&mut self) -> Option<Literal> {
        if string::begins(self.rest) {
            return self.strings();
        }
        for (word, literal) in [
            ("True", Literal::Bool(true)),
            ("False", Literal::Bool(false)),
            ("None", Literal::None),
        ] {
            if self.take_word(word) {
                return Some(literal);
            }
        }
        if !self.take_word("set") {
            return None;
        }
        self.skip_space();
        let empty = self.take('(') && {
            self.depth += 1;
            self.skip_space();
            self.depth -= 1;
            self.take(')')
        };
        empty.then(|| Literal::Set(Vec::new()))
    }

    fn take_word(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Skips space, comments, and within brackets line ends.
    fn skip_space(&mut self) {
        let space: &[char] = match self.depth {
            0 => &[' ', '\t', '\x0c'],
            _ => &[' ', '\t', '\x0c', '\n', '\r'],
        };
        loop {
            self.rest = self.rest.trim_start_matches(space);
            if let Some(rest) = self.rest.strip_prefix("\\\n") {
                self.rest = rest;
            } else if self.rest.starts_with('#') {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
                if self.depth == 0 {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// Whether nothing but space and line ends follows.
    fn at_end(&mut self) -> bool {
        self.depth = 1;
        self.skip_space();
        self.depth = 0;
        self.rest.is_empty()
    }
}
