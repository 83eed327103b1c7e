//! The arguments of a call, bound to Python's parameter names.

use minijinja::value::{Kwargs, Rest, ValueOrKwargs};
use minijinja::{Environment, Error, Value};

use crate::error::type_error;

/// Binds positional and named arguments to `names`; the first `required` must be given.
pub(crate) fn bind<const N: usize>(
    function: &str,
    names: [&str; N],
    required: usize,
    args: &[Value],
) -> Result<[Option<Value>; N], Error> {
    let (positional, named) = split(args)?;
    if positional.len() > N {
        return Err(type_error(format!(
            "{function}() takes {N} positional arguments but {} were given",
            positional.len()
        )));
    }
    let mut bound = [const { None }; N];
    for (slot, value) in bound.iter_mut().zip(positional) {
        *slot = Some(value.clone());
    }
    for (name, value) in named {
        let Some(index) = names.iter().position(|known| *known == name) else {
            return Err(type_error(format!(
                "{function}() got an unexpected keyword argument '{name}'"
            )));
        };
        if bound[index].replace(value).is_some() {
            return Err(type_error(format!(
                "{function}() got multiple values for argument '{name}'"
            )));
        }
    }
    if let Some(missing) = bound[..required].iter().position(Option::is_none) {
        return Err(type_error(format!(
            "{function}() missing 1 required positional argument: '{}'",
            names[missing]
        )));
    }
    Ok(bound)
}

/// Positional arguments, and the named ones in their order.
pub(crate) type Split<'a> = (&'a [Value], Vec<(String, Value)>);

/// Tells the positional arguments from the named ones.
pub(crate) fn split(args: &[Value]) -> Result<Split<'_>, Error> {
    let Some((last, before)) = args.split_last().filter(|(last, _)| last.is_kwargs()) else {
        return Ok((args, Vec::new()));
    };
    let kwargs = Kwargs::try_from(last.clone())?;
    let named = kwargs
        .args()
        .map(|name| Ok((name.to_owned(), kwargs.peek::<Value>(name)?)))
        .collect::<Result<_, Error>>()?;
    Ok((before, named))
}

/// A function that takes its arguments as they come.
pub(crate) type Native = fn(&[Value]) -> Result<Value, Error>;

/// Registers `function` as a global.
pub(crate) fn global(
    env: &mut Environment<'static>,
    name: &'static str,
    function: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) {
    env.add_function(name, move |args: Rest<ValueOrKwargs>| {
        function(&args.into_values())
    });
}

/// Registers `function` as a filter.
pub(crate) fn filter(
    env: &mut Environment<'static>,
    name: &'static str,
    function: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) {
    env.add_filter(name, move |args: Rest<ValueOrKwargs>| {
        function(&args.into_values())
    });
}

/// Registers `function` as a test.
pub(crate) fn test(
    env: &mut Environment<'static>,
    name: &'static str,
    function: impl Fn(&[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) {
    env.add_test(name, move |args: Rest<ValueOrKwargs>| {
        function(&args.into_values()).map(|value| value.is_true())
    });
}

/// The argument, or what stands for one that is not given.
pub(crate) fn or(argument: &Option<Value>, otherwise: impl Into<Value>) -> Value {
    argument.clone().unwrap_or_else(|| otherwise.into())
}
