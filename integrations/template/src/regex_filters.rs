//! Regular expressions, in time that is linear in the text.
//!
//! Look-around and back-references are not known here; an expression with them is refused.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use lru::LruCache;
use minijinja::{Environment, Error, Value};
use regex::{Regex, RegexBuilder};

use crate::arguments::{bind, filter, or, test};
use crate::budget::{self, allocate_items, size};
use crate::error::{Exception, limit, raise};
use crate::text::{TextWriter, to_text};

/// Compiled size of an expression in bytes, and how long a text it may be run over: the time of
/// a run is bounded by their product.
const SIZES: [(usize, usize); 3] = [
    (16 << 10, 256 << 10),
    (64 << 10, 64 << 10),
    (256 << 10, 16 << 10),
];
/// Deepest nesting of an expression.
const NESTING_MAX: u32 = 50;
/// Longest expression in bytes.
const PATTERN_MAX: usize = 10_000;
/// How many compiled expressions a worker keeps.
const KEPT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// A compiled expression, and how long a text it may be run over.
#[derive(Clone)]
struct Expression {
    regex: Regex,
    text_max: usize,
}

thread_local! {
    static COMPILED: RefCell<LruCache<(String, bool), Expression>> = RefCell::new(LruCache::new(KEPT));
}

fn compile(pattern: String, ignore_case: bool) -> Result<Expression, Error> {
    let key = (pattern, ignore_case);
    if let Some(found) = COMPILED.with_borrow_mut(|kept| kept.get(&key).cloned()) {
        return Ok(found);
    }
    if key.0.len() > PATTERN_MAX {
        return Err(invalid("it is too long"));
    }
    // Compiling is far dearer than anything else that one call does.
    budget::allocate(100_000)?;
    let mut problem = None;
    for (compiled_max, text_max) in SIZES {
        let built = RegexBuilder::new(&key.0)
            .case_insensitive(ignore_case)
            .size_limit(compiled_max)
            .dfa_size_limit(256 << 10)
            .nest_limit(NESTING_MAX)
            .build();
        match built {
            Ok(regex) => {
                let expression = Expression { regex, text_max };
                COMPILED.with_borrow_mut(|kept| kept.put(key, expression.clone()));
                return Ok(expression);
            }
            Err(error @ regex::Error::CompiledTooBig(_)) => problem = Some(error),
            Err(error) => {
                problem = Some(error);
                break;
            }
        }
    }
    let text = problem.map_or_else(String::new, |problem| problem.to_string());
    Err(invalid(text.lines().last().unwrap_or_default()))
}

fn invalid(why: &str) -> Error {
    raise(
        Exception::ValueError,
        format!("invalid regular expression: {why}"),
    )
}

/// The text and the compiled expression of a call; `anchored` to the start of the text.
fn prepare(
    value: Option<Value>,
    find: &Option<Value>,
    ignore_case: &Option<Value>,
    anchored: bool,
) -> Result<(String, Regex), Error> {
    let text = to_text(&value.unwrap_or_default())?;
    let pattern = to_text(&or(find, ""))?;
    let pattern = if anchored {
        format!("^(?:{pattern})")
    } else {
        pattern
    };
    let expression = compile(pattern, or(ignore_case, false).is_true())?;
    if text.len() > expression.text_max {
        return Err(limit(
            "Template matched a text that is too long for the regular expression",
        ));
    }
    budget::work(text.len() as u64)?;
    Ok((text, expression.regex))
}

fn matches(name: &str, anchored: bool, args: &[Value]) -> Result<Value, Error> {
    let [value, find, ignore_case] = bind(name, ["value", "find", "ignorecase"], 1, args)?;
    let (text, regex) = prepare(value, &find, &ignore_case, anchored)?;
    Ok(regex.is_match(&text).into())
}

fn replace(args: &[Value]) -> Result<Value, Error> {
    let names = ["value", "find", "replace", "ignorecase"];
    let [value, find, new, ignore_case] = bind("regex_replace", names, 1, args)?;
    let (text, regex) = prepare(value, &find, &ignore_case, false)?;
    let new = to_text(&or(&new, ""))?;
    let mut out = TextWriter::default();
    let mut end = 0;
    for found in regex.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        budget::work(1 + ((text.len() - end) + new.len()) as u64 / 16)?;
        out.push(&text[end..whole.start()])?;
        expand(&new, &found, &mut out)?;
        end = whole.end();
    }
    out.push(&text[end..])?;
    out.finish().map(Value::from)
}

/// Python's replacement text: `\1`, `\g<1>`, `\g<name>`, `\n`, `\\`.
fn expand(new: &str, found: &regex::Captures<'_>, out: &mut TextWriter) -> Result<(), Error> {
    let no_group = || raise(Exception::ValueError, "invalid group reference");
    let mut rest = new;
    while let Some(at) = rest.find('\\') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("g<") {
            let end = after.find('>').ok_or_else(no_group)?;
            let name = &after[..end];
            rest = &after[end + 1..];
            let group = match name.parse::<usize>() {
                Ok(index) if index < found.len() => found.get(index),
                Ok(_) => return Err(no_group()),
                Err(_) => found.name(name),
            };
            out.push(group.map_or("", |group| group.as_str()))?;
            continue;
        }
        let Some(next) = rest.chars().next() else {
            return Err(raise(Exception::ValueError, "bad escape (end of pattern)"));
        };
        if next.is_ascii_digit() {
            let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
            let index: usize = rest[..digits].parse().map_err(|_| no_group())?;
            if index >= found.len() {
                return Err(no_group());
            }
            out.push(found.get(index).map_or("", |group| group.as_str()))?;
            rest = &rest[digits..];
            continue;
        }
        match next {
            'n' => out.push("\n")?,
            't' => out.push("\t")?,
            'r' => out.push("\r")?,
            other => out.push(other.encode_utf8(&mut [0; 4]))?,
        }
        rest = &rest[next.len_utf8()..];
    }
    out.push(rest)
}

fn find_all(
    value: Option<Value>,
    find: &Option<Value>,
    ignore_case: &Option<Value>,
) -> Result<Vec<Value>, Error> {
    let (text, regex) = prepare(value, find, ignore_case, false)?;
    let mut found = Vec::new();
    for captures in regex.captures_iter(&text) {
        let read = captures.get(0).map_or(0, |whole| whole.end());
        budget::work(1 + (text.len() - read) as u64 / 16)?;
        let group =
            |index: usize| Value::from(captures.get(index).map_or("", |group| group.as_str()));
        found.push(match captures.len() {
            1 => group(0),
            2 => group(1),
            count => {
                let groups: Vec<Value> = (1..count).map(group).collect();
                Value::from(minijinja::value::Tuple::from(groups))
            }
        });
        if found.len() % 1024 == 0 {
            allocate_items(found.len())?;
        }
    }
    allocate_items(found.len())?;
    Ok(found)
}

/// Registers the filters and tests.
pub(crate) fn install(env: &mut Environment<'static>) {
    filter(env, "regex_match", |args| {
        matches("regex_match", true, args)
    });
    filter(env, "regex_search", |args| {
        matches("regex_search", false, args)
    });
    test(env, "match", |args| matches("match", true, args));
    test(env, "search", |args| matches("search", false, args));
    filter(env, "regex_replace", replace);
    filter(env, "regex_findall", |args| {
        let names = ["value", "find", "ignorecase"];
        let [value, find, ignore_case] = bind("regex_findall", names, 1, args)?;
        find_all(value, &find, &ignore_case).map(Value::from)
    });
    filter(env, "regex_findall_index", |args| {
        let names = ["value", "find", "index", "ignorecase"];
        let [value, find, index, ignore_case] = bind("regex_findall_index", names, 1, args)?;
        let found = find_all(value, &find, &ignore_case)?;
        let index = size(&or(&index, 0), "index")?;
        let length = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let place = if index < 0 {
            index.saturating_add(length)
        } else {
            index
        };
        usize::try_from(place)
            .ok()
            .and_then(|place| found.get(place).cloned())
            .ok_or_else(|| raise(Exception::ValueError, "list index out of range"))
    });
}
