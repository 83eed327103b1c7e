//! Filters that make texts. Each knows how long its result will be before it makes it.

use minijinja::{Environment, Error, Value};

use crate::arguments::{bind, filter, or};
use crate::budget::{self, allocate_text, size};
use crate::error::{Exception, raise};
use crate::text::{TextWriter, to_repr, to_text};

/// `str.replace`; a negative count means all.
pub(crate) fn replace(text: &str, old: &str, new: &str, count: i64) -> Result<String, Error> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(old).count()
    };
    let times = found.min(most);
    let grown = new.len().saturating_sub(old.len()).saturating_mul(times);
    allocate_text(text.len().saturating_add(grown))?;
    Ok(text.replacen(old, new, times))
}

/// The items as texts with `separator` between them.
pub(crate) fn join(items: &[Value], separator: &str) -> Result<String, Error> {
    let mut out = TextWriter::default();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(separator)?;
        }
        crate::text::write_text(item, &mut out)?;
    }
    out.finish()
}

/// The first letter large, the others small.
pub(crate) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase(),
        None => String::new(),
    }
}

/// The first letter of each word large, the others small.
pub(crate) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        if in_word {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphabetic();
    }
    out
}

/// Jinja's `title` begins words after space and brackets only.
fn jinja_title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        if at_start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        at_start = c.is_whitespace() || matches!(c, '-' | '(' | '{' | '[' | '<');
    }
    out
}

fn join_filter(args: &[Value]) -> Result<Value, Error> {
    let [items, separator, attribute] = bind("join", ["value", "d", "attribute"], 1, args)?;
    let mut items = budget::items(&items.unwrap_or_default())?;
    if let Some(attribute) = attribute.filter(|attribute| !attribute.is_none()) {
        for item in &mut items {
            let mut value = item.clone();
            for part in to_text(&attribute)?.split('.') {
                budget::work(1)?;
                value = match part.parse::<usize>() {
                    Ok(index) => value.get_item_by_index(index)?,
                    Err(_) => value.get_attr(part)?,
                };
            }
            *item = value;
        }
    }
    join(&items, &to_text(&or(&separator, ""))?).map(Value::from)
}

fn replace_filter(args: &[Value]) -> Result<Value, Error> {
    let [text, old, new, count] = bind("replace", ["s", "old", "new", "count"], 3, args)?;
    let count = match count.filter(|count| !count.is_none()) {
        Some(count) => size(&count, "count")?,
        None => -1,
    };
    let text = to_text(&text.unwrap_or_default())?;
    let old = to_text(&old.unwrap_or_default())?;
    replace(&text, &old, &to_text(&new.unwrap_or_default())?, count).map(Value::from)
}

fn indent(args: &[Value]) -> Result<Value, Error> {
    let [text, width, first, blank] = bind("indent", ["s", "width", "first", "blank"], 1, args)?;
    let text = to_text(&text.unwrap_or_default())?;
    let width = or(&width, 4);
    let (unit, times) = match width.as_str() {
        Some(unit) => (unit.to_owned(), 1),
        None => (
            " ".to_owned(),
            usize::try_from(size(&width, "width")?.max(0)).unwrap_or(usize::MAX),
        ),
    };
    let (first, blank) = (or(&first, false).is_true(), or(&blank, false).is_true());
    let lines = text.split('\n').count();
    let widest = unit.len().saturating_mul(times).saturating_mul(lines);
    allocate_text(text.len().saturating_add(widest))?;
    let margin = unit.repeat(times);
    let mut out = String::with_capacity(text.len() + widest);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let wanted = if index == 0 {
            first
        } else {
            blank || !line.trim().is_empty()
        };
        if wanted {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn center(args: &[Value]) -> Result<Value, Error> {
    let [text, width] = bind("center", ["value", "width"], 1, args)?;
    let text = to_text(&text.unwrap_or_default())?;
    let width = size(&or(&width, 80), "width")?;
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let missing = usize::try_from(width.saturating_sub(length).max(0)).unwrap_or(usize::MAX);
    allocate_text(text.len().saturating_add(missing))?;
    let before = missing / 2 + (missing & usize::from(width & 1 == 1) & 1);
    Ok(Value::from(format!(
        "{}{text}{}",
        " ".repeat(before),
        " ".repeat(missing - before)
    )))
}

fn truncate(args: &[Value]) -> Result<Value, Error> {
    let names = ["s", "length", "killwords", "end", "leeway"];
    let [text, length, killwords, end, leeway] = bind("truncate", names, 1, args)?;
    let text = to_text(&text.unwrap_or_default())?;
    let end = to_text(&or(&end, "..."))?;
    let length = usize::try_from(size(&or(&length, 255), "length")?).unwrap_or(0);
    let leeway = match leeway.filter(|leeway| !leeway.is_none()) {
        Some(leeway) => usize::try_from(size(&leeway, "leeway")?).unwrap_or(0),
        None => 5,
    };
    let room = length.checked_sub(end.chars().count()).ok_or_else(|| {
        raise(
            Exception::TypeError,
            format!("expected length >= {}, got {length}", end.chars().count()),
        )
    })?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Value::from(text));
    }
    let cut: String = text.chars().take(room).collect();
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if !or(&killwords, false).is_true() => words,
        _ => &cut,
    };
    allocate_text(cut.len() + end.len())?;
    Ok(Value::from(format!("{cut}{end}")))
}

fn urlencode(args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("urlencode", ["value"], 1, args)?;
    let value = value.unwrap_or_default();
    let pairs = value
        .as_object()
        .filter(|_| value.kind() == minijinja::value::ValueKind::Map)
        .and_then(|object| object.try_iter_pairs());
    let mut out = TextWriter::default();
    match pairs {
        None => percent_encode(&to_text(&value)?, false, &mut out)?,
        Some(pairs) => {
            for (index, (key, value)) in pairs.enumerate() {
                if index > 0 {
                    out.push("&")?;
                }
                percent_encode(&to_text(&key)?, true, &mut out)?;
                out.push("=")?;
                percent_encode(&to_text(&value)?, true, &mut out)?;
            }
        }
    }
    out.finish().map(Value::from)
}

fn percent_encode(text: &str, query: bool, out: &mut TextWriter) -> Result<(), Error> {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte).encode_utf8(&mut [0; 4]))?;
            }
            b'/' if !query => out.push("/")?,
            b' ' if query => out.push("+")?,
            _ => out.push(&format!("%{byte:02X}"))?,
        }
    }
    Ok(())
}

/// The text with what HTML reads as its own written out.
pub(crate) fn escape_html(text: &str) -> Result<String, Error> {
    let mut out = TextWriter::default();
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escape = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&#34;",
            '\'' => "&#39;",
            _ => continue,
        };
        out.push(&text[plain..at])?;
        out.push(escape)?;
        plain = at + 1;
    }
    out.push(&text[plain..])?;
    out.finish()
}

fn escape(args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("escape", ["s"], 1, args)?;
    let value = value.unwrap_or_default();
    if value.is_safe() {
        return Ok(value);
    }
    escape_html(&to_text(&value)?).map(Value::from_safe_string)
}

fn trim(args: &[Value]) -> Result<Value, Error> {
    let [value, characters] = bind("trim", ["value", "chars"], 1, args)?;
    let text = to_text(&value.unwrap_or_default())?;
    let characters: Vec<Value> = characters.into_iter().collect();
    crate::methods::strip(&text, "strip", &characters)
}

/// Registers the text filters.
pub(crate) fn install(env: &mut Environment<'static>) {
    filter(env, "join", join_filter);
    filter(env, "replace", replace_filter);
    filter(env, "indent", indent);
    filter(env, "center", center);
    filter(env, "truncate", truncate);
    filter(env, "urlencode", urlencode);
    filter(env, "escape", escape);
    filter(env, "e", escape);
    filter(env, "trim", trim);
    type Make = fn(&str) -> Value;
    let simple: [(&'static str, Make); 5] = [
        ("lower", |text| Value::from(text.to_lowercase())),
        ("upper", |text| Value::from(text.to_uppercase())),
        ("capitalize", |text| Value::from(capitalize(text))),
        ("title", |text| Value::from(jinja_title(text))),
        ("wordcount", |text| {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            Value::from(words.filter(|word| !word.is_empty()).count())
        }),
    ];
    for (name, make) in simple {
        filter(env, name, move |args| {
            let [value] = bind(name, ["s"], 1, args)?;
            Ok(make(&to_text(&value.unwrap_or_default())?))
        });
    }
    filter(env, "string", |args| {
        let [value] = bind("string", ["value"], 1, args)?;
        to_text(&value.unwrap_or_default()).map(Value::from)
    });
    filter(env, "pprint", |args| {
        let [value] = bind("pprint", ["value"], 1, args)?;
        to_repr(&value.unwrap_or_default()).map(Value::from)
    });
    filter(env, "slugify", slugify);
    crate::arguments::global(env, "slugify", slugify);
}

fn slugify(args: &[Value]) -> Result<Value, Error> {
    let [value, separator] = bind("slugify", ["value", "separator"], 1, args)?;
    let slug = hearth_core::slug::slugify(&to_text(&value.unwrap_or_default())?);
    let separator = to_text(&or(&separator, "_"))?;
    replace(&slug, "_", &separator, -1).map(Value::from)
}
