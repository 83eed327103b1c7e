//! Conversions with defaults, and tests of what a value is.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value};

use crate::arguments::{bind, filter, global, or, test};
use crate::budget::size;
use crate::error::{Exception, raise, type_error};
use crate::numbers::{
    Number, calculate, int, modulo, no_default, round_by, to_bool, to_float, to_int, too_large,
};
use crate::text::{to_text, type_name};

fn float(args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("float", ["value", "default"], 1, args)?;
    let value = value.unwrap_or_default();
    match to_float(&value) {
        Some(number) => Ok(number.into()),
        None => default.ok_or_else(|| no_default("float", &value)),
    }
}

fn integer(args: &[Value]) -> Result<Value, Error> {
    let [value, default, base] = bind("int", ["value", "default", "base"], 1, args)?;
    let value = value.unwrap_or_default();
    let base = size(&or(&base, 10), "base")?;
    match u32::try_from(base)
        .ok()
        .and_then(|base| to_int(&value, base))
    {
        Some(whole) => Ok(int(whole)),
        None => default.ok_or_else(|| no_default("int", &value)),
    }
}

fn boolean(args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("bool", ["value", "default"], 1, args)?;
    let value = value.unwrap_or_default();
    match to_bool(&value) {
        Some(answer) => Ok(answer.into()),
        None => default.ok_or_else(|| no_default("bool", &value)),
    }
}

fn round(args: &[Value]) -> Result<Value, Error> {
    let names = ["value", "precision", "method", "default"];
    let [value, precision, method, default] = bind("round", names, 1, args)?;
    let value = value.unwrap_or_default();
    let precision = size(&or(&precision, 0), "precision")?;
    let method = to_text(&or(&method, "common"))?;
    let rounded = match to_float(&value) {
        Some(number) => round_by(number, precision, &method)?,
        None => None,
    };
    match rounded {
        Some(rounded) => Ok(rounded),
        None => default.ok_or_else(|| no_default("round", &value)),
    }
}

/// `iif(value, if_true=True, if_false=False, if_none=unset)`
fn iif(args: &[Value]) -> Result<Value, Error> {
    let names = ["value", "if_true", "if_false", "if_none"];
    let [value, if_true, if_false, if_none] = bind("iif", names, 1, args)?;
    let value = value.unwrap_or_default();
    if value.is_none()
        && let Some(if_none) = if_none
    {
        return Ok(if_none);
    }
    Ok(if value.is_true() {
        or(&if_true, true)
    } else {
        or(&if_false, false)
    })
}

fn is_number(args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("is_number", ["value"], 1, args)?;
    let number = to_float(&value.unwrap_or_default());
    Ok(number.is_some_and(f64::is_finite).into())
}

/// A number after the value is done something to it: `add(5)`, `multiply(2, default)`.
fn arithmetic(name: &'static str, sign: &'static str, args: &[Value]) -> Result<Value, Error> {
    let [value, amount, default] = bind(name, ["value", "amount", "default"], 2, args)?;
    let (value, amount) = (value.unwrap_or_default(), amount.unwrap_or_default());
    match to_float(&value) {
        Some(number) => calculate(sign, &number.into(), &amount),
        None => default.ok_or_else(|| no_default(name, &value)),
    }
}

/// Functions of one number; outside their domain is bad input.
fn mathematics(env: &mut Environment<'static>) {
    type Function = fn(f64) -> f64;
    let functions: [(&'static str, Function); 7] = [
        ("sqrt", f64::sqrt),
        ("sin", f64::sin),
        ("cos", f64::cos),
        ("tan", f64::tan),
        ("asin", f64::asin),
        ("acos", f64::acos),
        ("atan", f64::atan),
    ];
    for (name, function) in functions {
        let call = move |args: &[Value]| {
            let [value, default] = bind(name, ["value", "default"], 1, args)?;
            let value = value.unwrap_or_default();
            let result = to_float(&value).map(function);
            match result.filter(|result| !result.is_nan()) {
                Some(result) => Ok(Value::from(result)),
                None => default.ok_or_else(|| no_default(name, &value)),
            }
        };
        global(env, name, call);
        filter(env, name, call);
    }
    env.add_global("pi", std::f64::consts::PI);
    env.add_global("e", std::f64::consts::E);
    env.add_global("tau", std::f64::consts::TAU);
}

/// Registers the conversions.
pub(crate) fn install(env: &mut Environment<'static>) {
    for (name, function) in [
        ("float", float as crate::arguments::Native),
        ("int", integer),
        ("bool", boolean),
        ("iif", iif),
        ("is_number", is_number),
    ] {
        global(env, name, function);
        filter(env, name, function);
    }
    test(env, "is_number", is_number);
    filter(env, "round", round);
    filter(env, "add", |args| arithmetic("add", "+", args));
    filter(env, "multiply", |args| arithmetic("multiply", "*", args));
    filter(env, "is_defined", |args| {
        let [value] = bind("is_defined", ["value"], 1, args)?;
        let value = value.unwrap_or_default();
        if value.is_undefined() {
            return Err(raise(Exception::UndefinedError, "value is undefined"));
        }
        Ok(value)
    });
    let class = |args: &[Value]| {
        let [value] = bind("typeof", ["value"], 1, args)?;
        Ok(Value::from(type_name(&value.unwrap_or_default())))
    };
    global(env, "typeof", class);
    filter(env, "typeof", class);
    filter(env, "abs", |args| {
        let [value] = bind("abs", ["x"], 1, args)?;
        match Number::of(&value.unwrap_or_default()) {
            Some(Number::Int(whole)) => whole.checked_abs().map(int).ok_or_else(too_large),
            Some(Number::Float(number)) => Ok(number.abs().into()),
            None => Err(type_error("bad operand type for abs()")),
        }
    });
    env.add_test("divisibleby", |value: Value, by: Value| {
        let rest = Number::of(&modulo(&value, &by)?);
        Ok::<_, Error>(rest.is_some_and(|rest| rest.float() == 0.0))
    });
    mathematics(env);
    kinds(env);
}

/// Tests of what a value is, with Python's classes.
fn kinds(env: &mut Environment<'static>) {
    type Is = fn(&Value) -> bool;
    let tests: [(&'static str, Is); 8] = [
        ("list", |value| type_name(value) == "list"),
        ("tuple", Value::is_tuple),
        ("datetime", |value| type_name(value) == "datetime.datetime"),
        ("string_like", |value| {
            matches!(value.kind(), ValueKind::String | ValueKind::Bytes)
        }),
        ("number", |value| Number::of(value).is_some()),
        ("sequence", |value| {
            matches!(
                value.kind(),
                ValueKind::Seq | ValueKind::Iterable | ValueKind::String | ValueKind::Map
            )
        }),
        ("iterable", |value| {
            value.is_undefined() || value.as_str().is_some() || {
                value
                    .as_object()
                    .is_some_and(|_| value.kind() != ValueKind::Plain)
            }
        }),
        ("callable", |value| {
            matches!(type_name(value), "function" | "Macro" | "AllStates")
        }),
    ];
    for (name, is) in tests {
        env.add_test(name, move |value: Value| is(&value));
    }
}
