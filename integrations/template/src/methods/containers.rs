//! Methods of lists, tuples and dicts that change nothing.

use minijinja::value::Tuple;
use minijinja::{Error, Value};

use crate::arguments::{bind, or};
use crate::budget::{self, admit, allocate_items};
use crate::error::{Exception, raise};
use crate::operators::equal;
use crate::text::to_repr;

/// `None`: no such method.
pub(super) fn sequence(
    receiver: &Value,
    method: &str,
    args: &[Value],
) -> Result<Option<Value>, Error> {
    if crate::states::is_view(receiver) {
        return Ok(None);
    }
    Ok(Some(match method {
        "index" => {
            let [item] = bind(method, ["value"], 1, args)?;
            let item = item.unwrap_or_default();
            for (index, other) in budget::items(receiver)?.iter().enumerate() {
                if equal(other, &item)? {
                    return Ok(Some(Value::from(index)));
                }
            }
            let shown = to_repr(&item)?;
            return Err(raise(
                Exception::ValueError,
                format!("{shown} is not in list"),
            ));
        }
        "count" => {
            let [item] = bind(method, ["value"], 1, args)?;
            let item = item.unwrap_or_default();
            let mut count = 0;
            for other in budget::items(receiver)? {
                count += usize::from(equal(&other, &item)?);
            }
            Value::from(count)
        }
        "copy" if !receiver.is_tuple() => receiver.clone(),
        _ => return Ok(None),
    }))
}

/// `None`: no such method.
pub(super) fn dict(receiver: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    if budget::is_namespace(receiver) {
        return Ok(None);
    }
    Ok(Some(match method {
        "get" => {
            let [key, default] = bind(method, ["key", "default"], 1, args)?;
            let key = key.unwrap_or_default();
            admit(&key)?;
            let found = receiver
                .as_object()
                .and_then(|object| object.get_value(&key));
            found.unwrap_or_else(|| or(&default, ()))
        }
        "keys" => {
            let [] = bind(method, [], 0, args)?;
            Value::from(budget::items(receiver)?)
        }
        "values" | "items" => {
            let [] = bind(method, [], 0, args)?;
            let pairs = receiver
                .as_object()
                .and_then(|object| object.try_iter_pairs());
            let pairs: Vec<(Value, Value)> = pairs.into_iter().flatten().collect();
            allocate_items(pairs.len().saturating_mul(2))?;
            budget::work(pairs.len() as u64)?;
            if method == "values" {
                pairs.into_iter().map(|(_, value)| value).collect()
            } else {
                pairs
                    .into_iter()
                    .map(|(key, value)| Value::from(Tuple::from([key, value])))
                    .collect()
            }
        }
        "copy" => receiver.clone(),
        _ => return Ok(None),
    }))
}
