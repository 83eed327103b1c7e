//! `'{:>8.2f}'.format(value)`: Python's format strings.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use crate::arguments::split;
use crate::error::{Exception, raise, type_error};
use crate::lookup::unsafe_attribute;
use crate::numbers::Number;
use crate::percent::{Layout, number};
use crate::text::{TextWriter, float_text, to_repr, to_text, type_name};
use crate::time::DateTime;

/// `template.format(*args, **named)`
pub(crate) fn format(template: &str, args: &[Value]) -> Result<Value, Error> {
    let (positional, named) = split(args)?;
    let mut automatic = 0;
    let mut out = TextWriter::default();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        out.push(&rest[..start])?;
        let brace = &rest[start..=start];
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push(brace)?;
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(value_error("Single '}' encountered in format string"));
        }
        let end = rest
            .find('}')
            .ok_or_else(|| value_error("expected '}' before end of string"))?;
        let field = &rest[..end];
        rest = &rest[end + 1..];
        if field.contains('{') {
            return Err(value_error("nested fields are not supported"));
        }
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
        let value = find(name, positional, &named, &mut automatic)?;
        out.push(&match conversion {
            "" => spec_format(&value, spec)?,
            "r" | "a" => spec_format(&Value::from(to_repr(&value)?), spec)?,
            _ => spec_format(&Value::from(to_text(&value)?), spec)?,
        })?;
    }
    out.push(rest)?;
    Ok(Value::from(out.finish()?))
}

fn value_error(message: impl Into<String>) -> Error {
    raise(Exception::ValueError, message)
}

/// The value that a field names: `0`, `name`, `0.attribute`, `name[key]`, or the next one.
fn find(
    name: &str,
    positional: &[Value],
    named: &[(String, Value)],
    automatic: &mut usize,
) -> Result<Value, Error> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(end);
    let index = if first.is_empty() {
        *automatic += 1;
        Some(*automatic - 1)
    } else {
        first.parse::<usize>().ok()
    };
    let found = match index {
        Some(index) => positional.get(index),
        None => named
            .iter()
            .find(|(given, _)| given == first)
            .map(|(_, value)| value),
    };
    let mut value = found.cloned().ok_or_else(|| {
        value_error(format!(
            "Replacement index {first} out of range for positional args tuple"
        ))
    })?;
    while !path.is_empty() {
        let next = if let Some(after) = path.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (attribute, rest) = after.split_at(end);
            if attribute.starts_with('_') {
                return Err(unsafe_attribute(&value, attribute));
            }
            path = rest;
            value.get_attr(attribute)?
        } else {
            let end = path
                .find(']')
                .ok_or_else(|| value_error("expected '}' before end of string"))?;
            let key = &path[1..end];
            path = &path[end + 1..];
            match key.parse::<usize>() {
                Ok(index) => value.get_item_by_index(index)?,
                Err(_) => value.get_item(&Value::from(key))?,
            }
        };
        if next.is_undefined() {
            return Err(value_error(format!("no field {name}")));
        }
        value = next;
    }
    Ok(value)
}

/// `format(value, spec)`
fn spec_format(value: &Value, spec: &str) -> Result<String, Error> {
    if spec.is_empty() {
        return to_text(value);
    }
    if let Some(time) = value.downcast_object_ref::<DateTime>() {
        return time.strftime(spec);
    }
    let (layout, kind) = read_spec(spec)?;
    let unknown = |kind: char| {
        value_error(format!(
            "Unknown format code '{kind}' for object of type '{}'",
            type_name(value)
        ))
    };
    match (Number::of(value), kind) {
        (None, None | Some('s')) if value.as_str().is_some() => {
            layout.pad_text(value.as_str().unwrap_or_default(), '<')
        }
        (None, _) if value.as_str().is_none() => Err(type_error(format!(
            "unsupported format string passed to {}.__format__",
            type_name(value)
        ))),
        (None, kind) => Err(unknown(kind.unwrap_or('s'))),
        (Some(_), None) if value.kind() == ValueKind::Bool && layout.precision.is_none() => {
            layout.pad_text(&to_text(value)?, '>')
        }
        (Some(Number::Int(whole)), None | Some('d' | 'n')) => layout.integer(whole, 'd'),
        (Some(Number::Int(whole)), Some(kind @ ('x' | 'X' | 'o' | 'b'))) => {
            layout.integer(whole, kind)
        }
        (Some(Number::Int(whole)), Some('c')) => {
            let c = u32::try_from(whole).ok().and_then(char::from_u32);
            let c =
                c.ok_or_else(|| raise(Exception::OverflowError, "%c arg not in range(0x110000)"))?;
            layout.pad_text(&c.to_string(), '<')
        }
        (Some(Number::Float(number)), None) if layout.precision.is_none() => {
            let shortest = Layout {
                precision: None,
                ..layout.clone()
            };
            let text = float_text(number.abs());
            let sign = if number.is_sign_negative() && !number.is_nan() {
                "-"
            } else {
                match layout.sign {
                    Some('+') => "+",
                    Some(' ') => " ",
                    _ => "",
                }
            };
            shortest.pad_text(&format!("{sign}{text}"), '>')
        }
        (Some(number), None) => layout.float(number.float(), 'g'),
        (Some(number), Some(kind @ ('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%'))) => {
            layout.float(number.float(), kind)
        }
        (Some(_), Some(kind)) => Err(unknown(kind)),
    }
}

/// `[[fill]align][sign][#][0][width][grouping][.precision][type]`
fn read_spec(spec: &str) -> Result<(Layout, Option<char>), Error> {
    let mut layout = Layout::default();
    let mut rest = spec;
    let mut first = rest.chars();
    let is_align = |c: char| matches!(c, '<' | '>' | '^' | '=');
    match (first.next(), first.next()) {
        (Some(fill), Some(align)) if is_align(align) => {
            layout.fill = Some(fill);
            layout.align = Some(align);
            rest = &rest[fill.len_utf8() + 1..];
        }
        (Some(align), _) if is_align(align) => {
            layout.align = Some(align);
            rest = &rest[1..];
        }
        _ => {}
    }
    if let Some(sign @ ('+' | '-' | ' ')) = rest.chars().next() {
        layout.sign = Some(sign);
        rest = &rest[1..];
    }
    if let Some(after) = rest.strip_prefix('#') {
        layout.alternate = true;
        rest = after;
    }
    if rest.starts_with('0') {
        layout.zero = true;
    }
    layout.width = number(&mut rest)?.unwrap_or(0);
    if let Some(separator @ (',' | '_')) = rest.chars().next() {
        layout.grouping = Some(separator);
        rest = &rest[1..];
    }
    if let Some(mut after) = rest.strip_prefix('.') {
        layout.precision = Some(
            number(&mut after)?.ok_or_else(|| value_error("Format specifier missing precision"))?,
        );
        rest = after;
    }
    let mut kinds = rest.chars();
    match (kinds.next(), kinds.next()) {
        (kind, None) => Ok((layout, kind)),
        _ => Err(value_error(format!("Invalid format specifier '{spec}'"))),
    }
}

/// Jinja's `format` filter: `'%s' | format(value)`.
pub(crate) fn install(env: &mut Environment<'static>) {
    crate::arguments::filter(env, "format", |args| {
        let (positional, named) = split(args)?;
        let Some((template, values)) = positional.split_first() else {
            return Err(type_error(
                "format() missing 1 required positional argument: 'value'",
            ));
        };
        let template = to_text(template)?;
        if named.is_empty() {
            let values = minijinja::value::Tuple::from(values);
            return crate::percent::format(&template, &Value::from(values));
        }
        if !values.is_empty() {
            return Err(type_error(
                "can't handle positional and keyword arguments at the same time",
            ));
        }
        let named = Value::from_pairs(named);
        crate::percent::format(&template, &named)
    });
}
