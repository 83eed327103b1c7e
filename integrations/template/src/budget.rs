//! What one render may use: time, allocated bytes, and the size of one value.
//!
//! The engine's fuel counts its own steps but does not see what native code does in one of
//! them, so every native function of this crate asks here before it allocates or walks. The
//! budget is a thread-local because values are read where the engine hands no state in; a
//! render never leaves the thread that it began on.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::error::{Exception, limit, raise, too_deep, type_error};

/// Longest text of one value in bytes.
pub(crate) const TEXT_MAX: usize = 4 << 20;
/// Most items of one list or dict.
pub(crate) const ITEMS_MAX: usize = 200_000;
/// How deep values may be nested in each other.
pub(crate) const DEPTH_MAX: usize = 100;
/// Most bytes that the values made during one render may take, freed ones included.
const BYTES_MAX: usize = 128 << 20;
/// Most units of work inside native code during one render.
const WORK_MAX: u64 = 200_000_000;
/// How large a value may be with everything in it written out; see [`weigh`].
const WEIGHT_MAX: u64 = 400_000;
/// How much work passes between two looks at the clock.
const WORK_PER_LOOK: u64 = 20_000;

struct Budget {
    deadline: Cell<Instant>,
    allowed: Cell<Duration>,
    bytes: Cell<usize>,
    work: Cell<u64>,
    since_look: Cell<u64>,
    source: RefCell<Arc<str>>,
}

thread_local! {
    static BUDGET: Budget = Budget {
        deadline: Cell::new(Instant::now()),
        allowed: Cell::new(Duration::ZERO),
        bytes: Cell::new(0),
        work: Cell::new(0),
        since_look: Cell::new(0),
        source: RefCell::new(Arc::from("")),
    };
}

/// Starts a fresh budget for the render of `source` on this thread.
pub(crate) fn begin(source: Arc<str>, allowed: Duration) {
    BUDGET.with(|budget| {
        budget.deadline.set(Instant::now() + allowed);
        budget.allowed.set(allowed);
        budget.bytes.set(BYTES_MAX);
        budget.work.set(WORK_MAX);
        budget.since_look.set(0);
        budget.source.replace(source);
    });
}

/// The text of the template that is being rendered.
pub(crate) fn source() -> Arc<str> {
    BUDGET.with(|budget| Arc::clone(&budget.source.borrow()))
}

/// Counts `bytes` that are about to be allocated.
pub(crate) fn allocate(bytes: usize) -> Result<(), Error> {
    BUDGET.with(|budget| match budget.bytes.get().checked_sub(bytes) {
        Some(left) => {
            budget.bytes.set(left);
            spend(budget, 1 + bytes as u64 / 256)
        }
        None => Err(limit(format!(
            "Template exceeded its memory budget of {BYTES_MAX} bytes"
        ))),
    })
}

/// Counts `units` of work; one is about what a comparison of two small values takes.
pub(crate) fn work(units: u64) -> Result<(), Error> {
    BUDGET.with(|budget| spend(budget, units))
}

fn spend(budget: &Budget, units: u64) -> Result<(), Error> {
    let Some(left) = budget.work.get().checked_sub(units) else {
        return Err(limit("Template exceeded its maximum amount of work"));
    };
    budget.work.set(left);
    let since = budget.since_look.get() + units;
    if since < WORK_PER_LOOK {
        budget.since_look.set(since);
        return Ok(());
    }
    budget.since_look.set(0);
    if Instant::now() < budget.deadline.get() {
        return Ok(());
    }
    Err(limit(format!(
        "Exceeded maximum execution time of {}s",
        budget.allowed.get().as_secs_f64()
    )))
}

/// Refuses a text of more than [`TEXT_MAX`] bytes and counts its allocation.
pub(crate) fn allocate_text(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_MAX {
        return Err(limit(format!(
            "Template made a text of more than {TEXT_MAX} bytes"
        )));
    }
    allocate(bytes)
}

/// Refuses a list of more than [`ITEMS_MAX`] items and counts its allocation.
pub(crate) fn allocate_items(items: usize) -> Result<(), Error> {
    if items > ITEMS_MAX {
        return Err(limit(format!(
            "Template made a list of more than {ITEMS_MAX} items"
        )));
    }
    allocate(items * std::mem::size_of::<Value>())
}

/// Lets a value into native code: not too large, not too deep, and its size is paid for.
///
/// What the engine's own filters do is linear in what they are given, so a bound on what goes
/// in bounds what they do.
pub(crate) fn admit(value: &Value) -> Result<(), Error> {
    if value.as_object().is_none() {
        return work(1 + value.as_str().map_or(0, |text| text.len() as u64 / 256));
    }
    let weight = weigh(value)?;
    allocate(
        usize::try_from(weight)
            .unwrap_or(usize::MAX)
            .saturating_mul(24),
    )
}

/// The size of a value with everything in it written out: an item counts one, a text one more
/// for each 32 bytes. Shared parts count each time that they appear, as printing and comparing
/// would visit them.
pub(crate) fn weigh(value: &Value) -> Result<u64, Error> {
    let mut weight = 0;
    add_weight(value, 0, &mut weight)?;
    work(weight)?;
    Ok(weight)
}

fn add_weight(value: &Value, depth: usize, weight: &mut u64) -> Result<(), Error> {
    *weight += 1 + value.as_str().map_or(0, |text| text.len() as u64 / 32);
    if *weight > WEIGHT_MAX {
        return Err(limit("Template made a value that is too large"));
    }
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    if crate::states::is_view(value) {
        // A view of the state machine is read lazily; what is taken from it is weighed then.
        return Ok(());
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            for item in object.try_iter().into_iter().flatten() {
                add_weight(&item, depth + 1, weight)?;
            }
        }
        ValueKind::Map => {
            for (key, item) in object.try_iter_pairs().into_iter().flatten() {
                add_weight(&key, depth + 1, weight)?;
                add_weight(&item, depth + 1, weight)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Lets a value into a namespace. A namespace in it is refused: the two could hold each other
/// for ever, and memory that is held in a circle is never freed.
pub(crate) fn admit_to_namespace(value: &Value) -> Result<(), Error> {
    admit(value)?;
    if holds_namespace(value) {
        return Err(type_error("a namespace cannot hold a namespace"));
    }
    Ok(())
}

/// Called on admitted values only, so depth and size are bounded.
fn holds_namespace(value: &Value) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    if is_namespace(value) {
        return true;
    }
    if crate::states::is_view(value) {
        return false;
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => object
            .try_iter()
            .into_iter()
            .flatten()
            .any(|item| holds_namespace(&item)),
        ValueKind::Map => object
            .try_iter_pairs()
            .into_iter()
            .flatten()
            .any(|(_, item)| holds_namespace(&item)),
        _ => false,
    }
}

/// Whether the value is what `namespace()` gives.
pub(crate) fn is_namespace(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

/// The items of a value, each counted; a text gives its characters, a dict its keys.
pub(crate) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(text) = value.as_str() {
        allocate_items(text.chars().count())?;
        return Ok(text.chars().map(|c| Value::from(c.to_string())).collect());
    }
    if value.is_undefined() {
        return Ok(Vec::new());
    }
    let iterator = value.as_object().and_then(|object| object.try_iter());
    let Some(iterator) = iterator else {
        return Err(type_error(format!(
            "'{}' object is not iterable",
            crate::text::type_name(value)
        )));
    };
    let mut items = Vec::new();
    for item in iterator {
        if items.len() >= ITEMS_MAX {
            allocate_items(items.len() + 1)?;
        }
        work(1)?;
        items.push(item);
    }
    allocate_items(items.len())?;
    Ok(items)
}

/// A count or width given by a template, refused where no text or list could be that long.
pub(crate) fn size(value: &Value, what: &str) -> Result<i64, Error> {
    if let Ok(number) = i64::try_from(value.clone())
        && (value.is_integer() || value.kind() == ValueKind::Bool)
    {
        return Ok(number);
    }
    if value.is_integer() {
        return Err(raise(
            Exception::OverflowError,
            format!("{what} is too large"),
        ));
    }
    Err(type_error(format!(
        "'{}' object cannot be interpreted as an integer",
        crate::text::type_name(value)
    )))
}
