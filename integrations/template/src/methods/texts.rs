//! Methods of `str`.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value};

use crate::arguments::bind;
use crate::budget::{self, allocate_items, allocate_text, size};
use crate::error::{Exception, raise, type_error};
use crate::text::type_name;
use crate::texts::{self, join, replace};

/// `None`: no such method.
pub(super) fn call(text: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    // What any method reads of its receiver; most write as much.
    allocate_text(text.len())?;
    let plain = |result: String| {
        let [] = bind(method, [], 0, args)?;
        Ok(Some(Value::from(result)))
    };
    let all = |test: fn(char) -> bool| {
        let [] = bind(method, [], 0, args)?;
        Ok(Some(Value::from(
            !text.is_empty() && text.chars().all(test),
        )))
    };
    match method {
        "lower" | "casefold" => plain(text.to_lowercase()),
        "upper" => plain(text.to_uppercase()),
        "capitalize" => plain(texts::capitalize(text)),
        "title" => plain(texts::title(text)),
        "swapcase" => plain(
            text.chars()
                .flat_map(|c| -> Vec<char> {
                    if c.is_uppercase() {
                        c.to_lowercase().collect()
                    } else {
                        c.to_uppercase().collect()
                    }
                })
                .collect(),
        ),
        "strip" | "lstrip" | "rstrip" => strip(text, method, args).map(Some),
        "split" | "rsplit" => split(text, method, args).map(Some),
        "splitlines" => {
            let [] = bind(method, [], 0, args)?;
            pieces(text.lines()).map(Some)
        }
        "partition" | "rpartition" => partition(text, method, args).map(Some),
        "startswith" | "endswith" => affix(text, method, args).map(Some),
        "removeprefix" | "removesuffix" => {
            let [affix] = bind(method, ["affix"], 1, args)?;
            let affix = required_text(affix)?;
            let cut = match method {
                "removeprefix" => text.strip_prefix(affix.as_ref()),
                _ => text.strip_suffix(affix.as_ref()),
            };
            Ok(Some(Value::from(cut.unwrap_or(text))))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, method, args).map(Some),
        "replace" => {
            let [old, new, count] = bind(method, ["old", "new", "count"], 2, args)?;
            let count = count.map_or(Ok(-1), |count| size(&count, "count"))?;
            replace(text, &required_text(old)?, &required_text(new)?, count)
                .map(|text| Some(Value::from(text)))
        }
        "join" => {
            let [items] = bind(method, ["iterable"], 1, args)?;
            let items = budget::items(&items.unwrap_or_default())?;
            for (index, item) in items.iter().enumerate() {
                if item.as_str().is_none() {
                    return Err(type_error(format!(
                        "sequence item {index}: expected str instance, {} found",
                        type_name(item)
                    )));
                }
            }
            join(&items, text).map(|text| Some(Value::from(text)))
        }
        "format" => crate::str_format::format(text, args).map(Some),
        "center" | "ljust" | "rjust" | "zfill" => pad(text, method, args).map(Some),
        "isdigit" | "isdecimal" => all(|c| c.is_ascii_digit()),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "islower" | "isupper" => {
            let [] = bind(method, [], 0, args)?;
            let lower = text.chars().any(char::is_lowercase);
            let upper = text.chars().any(char::is_uppercase);
            Ok(Some(Value::from(match method {
                "islower" => lower && !upper,
                _ => upper && !lower,
            })))
        }
        _ => Ok(None),
    }
}

fn required_text(value: Option<Value>) -> Result<std::sync::Arc<str>, Error> {
    let value = value.unwrap_or_default();
    match value.to_str() {
        Some(text) if value.kind() == ValueKind::String => Ok(text),
        _ => Err(type_error(format!(
            "must be str, not {}",
            type_name(&value)
        ))),
    }
}

fn pieces<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Value, Error> {
    let parts: Vec<Value> = parts.take(budget::ITEMS_MAX + 1).map(Value::from).collect();
    allocate_items(parts.len())?;
    Ok(Value::from(parts))
}

/// `strip`, `lstrip` and `rstrip`.
pub(crate) fn strip(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [given] = bind(method, ["chars"], 0, args)?;
    let given = match given.filter(|given| !given.is_none()) {
        Some(given) => Some(required_text(Some(given))?),
        None => None,
    };
    budget::work(
        (text.len() as u64).saturating_mul(given.as_ref().map_or(1, |g| g.len() as u64 / 8 + 1)),
    )?;
    let off = |c: char| {
        given
            .as_ref()
            .map_or(c.is_whitespace(), |given| given.contains(c))
    };
    Ok(Value::from(match method {
        "lstrip" => text.trim_start_matches(off),
        "rstrip" => text.trim_end_matches(off),
        _ => text.trim_matches(off),
    }))
}

fn split(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [separator, most] = bind(method, ["sep", "maxsplit"], 0, args)?;
    let most = most.map_or(Ok(-1), |most| size(&most, "maxsplit"))?;
    let most = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    let Some(separator) = separator.filter(|separator| !separator.is_none()) else {
        return pieces(split_space(text, most, method == "rsplit").into_iter());
    };
    let separator = required_text(Some(separator))?;
    if separator.is_empty() {
        return Err(raise(Exception::ValueError, "empty separator"));
    }
    if method == "split" {
        return pieces(text.splitn(most, separator.as_ref()));
    }
    let mut parts: Vec<&str> = text.rsplitn(most, separator.as_ref()).collect();
    parts.reverse();
    pieces(parts.into_iter())
}

/// Splits at runs of white space into at most `most` parts.
fn split_space(text: &str, most: usize, from_end: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let at = if from_end {
            rest.rfind(char::is_whitespace)
        } else {
            rest.find(char::is_whitespace)
        };
        match at {
            Some(at) if parts.len() + 1 < most => {
                let (before, after) = rest.split_at(at);
                let (part, next) = if from_end {
                    (after.trim_start(), before.trim_end())
                } else {
                    (before, after.trim_start())
                };
                parts.push(part);
                rest = next;
            }
            _ => {
                parts.push(rest);
                break;
            }
        }
    }
    if from_end {
        parts.reverse();
    }
    parts
}

fn partition(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [separator] = bind(method, ["sep"], 1, args)?;
    let separator = required_text(separator)?;
    if separator.is_empty() {
        return Err(raise(Exception::ValueError, "empty separator"));
    }
    let cut = match method {
        "partition" => text.split_once(separator.as_ref()),
        _ => text.rsplit_once(separator.as_ref()),
    };
    let parts = match cut {
        Some((before, after)) => [before, &separator, after],
        None if method == "partition" => [text, "", ""],
        None => ["", "", text],
    };
    Ok(Value::from(Tuple::from(parts.map(Value::from))))
}

fn affix(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [affix, start, end] = bind(method, ["affix", "start", "end"], 1, args)?;
    let within = span(text, start, end)?;
    let affix = affix.unwrap_or_default();
    let affixes = if affix.is_tuple() {
        budget::items(&affix)?
    } else {
        vec![affix]
    };
    for affix in affixes {
        let affix = required_text(Some(affix))?;
        let fits = match method {
            "startswith" => within.starts_with(affix.as_ref()),
            _ => within.ends_with(affix.as_ref()),
        };
        if fits {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

/// The part of `text` between two character positions.
fn span(text: &str, start: Option<Value>, end: Option<Value>) -> Result<&str, Error> {
    if start.is_none() && end.is_none() {
        return Ok(text);
    }
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let place = |bound: Option<Value>, otherwise: i64| -> Result<usize, Error> {
        let index = match bound.filter(|bound| !bound.is_none()) {
            Some(bound) => size(&bound, "index")?,
            None => otherwise,
        };
        let index = if index < 0 { index + length } else { index };
        Ok(usize::try_from(index.clamp(0, length)).unwrap_or(0))
    };
    let (start, end) = (place(start, 0)?, place(end, length)?);
    let byte = |index: usize| {
        text.char_indices()
            .nth(index)
            .map_or(text.len(), |(at, _)| at)
    };
    Ok(text.get(byte(start)..byte(end)).unwrap_or(""))
}

fn search(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [part, start, end] = bind(method, ["sub", "start", "end"], 1, args)?;
    let part = required_text(part)?;
    let offset = match &start {
        Some(start) => usize::try_from(size(start, "index")?.max(0)).unwrap_or(0),
        None => 0,
    };
    let within = span(text, start, end)?;
    if method == "count" {
        return Ok(Value::from(within.matches(part.as_ref()).count()));
    }
    let found = match method {
        "rfind" | "rindex" => within.rfind(part.as_ref()),
        _ => within.find(part.as_ref()),
    };
    match found {
        Some(at) => Ok(Value::from(within[..at].chars().count() + offset)),
        None if method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(raise(Exception::ValueError, "substring not found")),
    }
}

fn pad(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    let [width, fill] = bind(method, ["width", "fillchar"], 1, args)?;
    let width = size(&width.unwrap_or_default(), "width")?;
    let fill = match fill {
        Some(fill) => required_text(Some(fill))?,
        None if method == "zfill" => "0".into(),
        None => " ".into(),
    };
    if fill.chars().count() != 1 {
        return Err(type_error(
            "The fill character must be exactly one character long",
        ));
    }
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let missing = usize::try_from(width.saturating_sub(length).max(0)).unwrap_or(usize::MAX);
    allocate_text(
        text.len()
            .saturating_add(missing.saturating_mul(fill.len())),
    )?;
    Ok(Value::from(match method {
        "ljust" => format!("{text}{}", fill.repeat(missing)),
        "rjust" => format!("{}{text}", fill.repeat(missing)),
        "zfill" => match text.strip_prefix(['+', '-']) {
            Some(digits) => format!("{}{}{digits}", &text[..1], fill.repeat(missing)),
            None => format!("{}{text}", fill.repeat(missing)),
        },
        _ => {
            // Python puts the odd character before the text when the width is odd.
            let before = missing / 2 + (missing & usize::try_from(width & 1).unwrap_or(0) & 1);
            format!(
                "{}{text}{}",
                fill.repeat(before),
                fill.repeat(missing - before)
            )
        }
    }))
}
