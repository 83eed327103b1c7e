//! Filters and functions over lists and numbers that the engine lacks, or does without bounds.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, Value};

use crate::arguments::{bind, filter, global, or, split};
use crate::budget::{self, allocate_items, size};
use crate::error::{Exception, raise, type_error};
use crate::numbers::{Number, calculate, int, to_float};
use crate::text::type_name;

/// Python's sandbox allows a range this long.
const RANGE_MAX: i128 = 100_000;

/// `batch(n, fill)`: rows of `n`.
fn batch(args: &[Value]) -> Result<Value, Error> {
    let [items, width, fill] = bind("batch", ["value", "linecount", "fill_with"], 2, args)?;
    let items = budget::items(&items.unwrap_or_default())?;
    let width = size(&width.unwrap_or_default(), "linecount")?;
    let fill = fill.filter(|fill| !fill.is_none());
    let mut rows: Vec<Vec<Value>> = Vec::new();
    // A width that is not positive gives one row for each item after an empty one, as in Jinja.
    let width = usize::try_from(width).unwrap_or(0);
    for item in items {
        match rows.last_mut() {
            Some(row) if row.len() != width || row.is_empty() => row.push(item),
            _ => rows.push(vec![item]),
        }
    }
    if let (Some(fill), Some(row)) = (fill, rows.last_mut())
        && row.len() < width
    {
        allocate_items(width)?;
        row.resize(width, fill);
    }
    allocate_items(rows.len())?;
    Ok(rows.into_iter().map(Value::from).collect())
}

/// `slice(n, fill)`: `n` columns.
fn columns(args: &[Value]) -> Result<Value, Error> {
    let [items, count, fill] = bind("slice", ["value", "slices", "fill_with"], 2, args)?;
    let items = budget::items(&items.unwrap_or_default())?;
    let count = size(&count.unwrap_or_default(), "slices")?;
    if count == 0 {
        return Err(raise(
            Exception::ZeroDivisionError,
            "integer division or modulo by zero",
        ));
    }
    let count = usize::try_from(count).unwrap_or(0);
    allocate_items(count.saturating_mul(3))?;
    let fill = fill.filter(|fill| !fill.is_none());
    let (each, longer) = match count {
        0 => (0, 0),
        count => (items.len() / count, items.len() % count),
    };
    let mut rest = items.as_slice();
    let mut columns = Vec::with_capacity(count);
    for index in 0..count {
        let (column, after) = rest.split_at(each + usize::from(index < longer));
        rest = after;
        let mut column = column.to_vec();
        if let Some(fill) = &fill
            && longer > 0
            && index >= longer
        {
            column.push(fill.clone());
        }
        columns.push(Value::from(column));
    }
    Ok(Value::from(columns))
}

/// `sum(attribute, start)`; floats with compensation, as Python 3.12 sums them.
fn sum(args: &[Value]) -> Result<Value, Error> {
    let [items, attribute, start] = bind("sum", ["iterable", "attribute", "start"], 1, args)?;
    let items = budget::items(&items.unwrap_or_default())?;
    let attribute = attribute.filter(|attribute| !attribute.is_none());
    let mut total = or(&start, 0);
    let mut floats: Option<(f64, f64)> = None;
    for item in items {
        let item = match &attribute {
            Some(name) => item.get_item(name)?,
            None => item,
        };
        match (&mut floats, Number::of(&total), Number::of(&item)) {
            (Some((sum, lost)), _, Some(number)) => add_exactly(sum, lost, number.float()),
            (None, Some(before), Some(Number::Float(number))) => {
                let (mut sum, mut lost) = (before.float(), 0.0);
                add_exactly(&mut sum, &mut lost, number);
                floats = Some((sum, lost));
            }
            _ => total = calculate("+", &total, &item)?,
        }
    }
    Ok(match floats {
        Some((sum, lost)) if lost.is_finite() => Value::from(sum + lost),
        Some((sum, _)) => Value::from(sum),
        None => total,
    })
}

/// Neumaier's summation.
fn add_exactly(sum: &mut f64, lost: &mut f64, number: f64) {
    let next = *sum + number;
    *lost += if sum.abs() >= number.abs() {
        (*sum - next) + number
    } else {
        (number - next) + *sum
    };
    *sum = next;
}

/// `range(stop)`, `range(start, stop, step)`
fn range(args: &[Value]) -> Result<Value, Error> {
    let (bounds, _) = split(args)?;
    let whole = |value: &Value| match Number::of(value) {
        Some(Number::Int(whole)) => Ok(whole),
        _ => Err(type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            type_name(value)
        ))),
    };
    let (start, stop, step) = match bounds {
        [stop] => (0, whole(stop)?, 1),
        [start, stop] => (whole(start)?, whole(stop)?, 1),
        [start, stop, step] => (whole(start)?, whole(stop)?, whole(step)?),
        _ => {
            return Err(type_error(format!(
                "range expected at least 1 argument, got {}",
                bounds.len()
            )));
        }
    };
    if step == 0 {
        return Err(raise(
            Exception::ValueError,
            "range() arg 3 must not be zero",
        ));
    }
    let distance = if step > 0 {
        stop.saturating_sub(start)
    } else {
        start.saturating_sub(stop)
    };
    let size = step.unsigned_abs();
    let count = if distance <= 0 {
        0
    } else {
        (distance.unsigned_abs() - 1) / size + 1
    };
    if count > RANGE_MAX.unsigned_abs() {
        return Err(raise(
            Exception::OverflowError,
            format!(
                "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({RANGE_MAX})."
            ),
        ));
    }
    let count = usize::try_from(count).unwrap_or(0);
    allocate_items(count)?;
    let numbers = std::iter::successors(Some(start), |number| number.checked_add(step));
    Ok(numbers.take(count).map(int).collect())
}

/// `min`, `max`: of a list or of the arguments.
fn extreme(name: &'static str, args: &[Value]) -> Result<Value, Error> {
    let items = numbers_of(name, args)?;
    let mut best: Option<(f64, &Value)> = None;
    for item in &items {
        let number = match Number::of(item) {
            Some(number) => number.float(),
            // Texts and the rest go to the engine's order below.
            None => return extreme_of_any(name, &items),
        };
        let better = best.is_none_or(|(best, _)| {
            if name == "min" {
                number < best
            } else {
                number > best
            }
        });
        if better {
            best = Some((number, item));
        }
    }
    best.map(|(_, item)| item.clone()).ok_or_else(|| {
        raise(
            Exception::ValueError,
            format!("{name}() iterable argument is empty"),
        )
    })
}

fn extreme_of_any(name: &str, items: &[Value]) -> Result<Value, Error> {
    let found = if name == "min" {
        items.iter().min()
    } else {
        items.iter().max()
    };
    Ok(found.cloned().unwrap_or_default())
}

fn numbers_of(name: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
    let (positional, _) = split(args)?;
    match positional {
        [] => Err(type_error(format!(
            "{name} expected at least 1 argument, got 0"
        ))),
        [list] => budget::items(list),
        several => Ok(several.to_vec()),
    }
}

/// `average`, `median`
fn middle(name: &'static str, args: &[Value]) -> Result<Value, Error> {
    let (_, named) = split(args)?;
    let default = named
        .into_iter()
        .find(|(name, _)| name == "default")
        .map(|(_, value)| value);
    let items = numbers_of(name, args)?;
    let numbers: Option<Vec<f64>> = items.iter().map(to_float).collect();
    let Some(mut numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
        let shown = args.first().cloned().unwrap_or_default();
        return default.ok_or_else(|| crate::numbers::no_default(name, &shown));
    };
    let count = numbers.len();
    if name == "average" {
        return Ok(Value::from(numbers.iter().sum::<f64>() / count as f64));
    }
    numbers.sort_by(f64::total_cmp);
    Ok(Value::from(if count % 2 == 1 {
        numbers[count / 2]
    } else {
        (numbers[count / 2 - 1] + numbers[count / 2]) / 2.0
    }))
}

/// `dict(pairs, **named)`
fn dict(args: &[Value]) -> Result<Value, Error> {
    let (positional, named) = split(args)?;
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    match positional {
        [] => {}
        [map] if map.kind() == ValueKind::Map => {
            pairs.extend(
                map.as_object()
                    .and_then(|object| object.try_iter_pairs())
                    .into_iter()
                    .flatten(),
            );
        }
        [list] => {
            for pair in budget::items(list)? {
                let mut pair = budget::items(&pair)?.into_iter();
                match (pair.next(), pair.next(), pair.next()) {
                    (Some(key), Some(value), None) => pairs.push((key, value)),
                    _ => {
                        return Err(raise(
                            Exception::ValueError,
                            "dictionary update sequence element has the wrong length; 2 is required",
                        ));
                    }
                }
            }
        }
        several => {
            return Err(type_error(format!(
                "dict expected at most 1 argument, got {}",
                several.len()
            )));
        }
    }
    pairs.extend(
        named
            .into_iter()
            .map(|(name, value)| (Value::from(name), value)),
    );
    allocate_items(pairs.len().saturating_mul(2))?;
    Ok(Value::from_pairs(pairs))
}

fn zip(args: &[Value]) -> Result<Value, Error> {
    let (positional, _) = split(args)?;
    let lists: Vec<Vec<Value>> = positional
        .iter()
        .map(budget::items)
        .collect::<Result<_, _>>()?;
    let count = lists.iter().map(Vec::len).min().unwrap_or(0);
    allocate_items(count.saturating_mul(lists.len() + 1))?;
    let rows = (0..count).map(|index| {
        let row: Vec<Value> = lists.iter().map(|list| list[index].clone()).collect();
        Value::from(Tuple::from(row))
    });
    Ok(rows.collect())
}

/// Registers the functions and filters.
pub(crate) fn install(env: &mut Environment<'static>) {
    filter(env, "batch", batch);
    filter(env, "slice", columns);
    filter(env, "sum", sum);
    filter(env, "list", |args| {
        let [items] = bind("list", ["value"], 1, args)?;
        budget::items(&items.unwrap_or_default()).map(Value::from)
    });
    global(env, "range", range);
    global(env, "dict", dict);
    global(env, "zip", zip);
    filter(env, "zip", zip);
    for name in ["min", "max"] {
        global(env, name, move |args| extreme(name, args));
    }
    for name in ["average", "median"] {
        global(env, name, move |args| middle(name, args));
        filter(env, name, move |args| middle(name, args));
    }
    let contains = |args: &[Value]| {
        let [container, item] = bind("contains", ["seq", "value"], 2, args)?;
        crate::operators::contains(&container.unwrap_or_default(), &item.unwrap_or_default())
            .map(Value::from)
    };
    filter(env, "contains", contains);
    crate::arguments::test(env, "contains", contains);
    remove_extras(env);
}

/// The engine brings filters of its own that Jinja has not; they go, so that a template that
/// uses them fails here as it does elsewhere.
fn remove_extras(env: &mut Environment<'static>) {
    for name in ["chain", "lines", "split", "bool"] {
        env.remove_filter(name);
    }
    env.remove_global("debug");
}
