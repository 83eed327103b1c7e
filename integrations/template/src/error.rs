//! What goes wrong in a template, in Python's words.
//!
//! Clients show `<ExceptionName>: <message>`, so every failure carries the name that the
//! protocol's other implementations give it. A limit of the hub itself has no prefix.

use std::fmt;

use minijinja::{Error, ErrorKind};

/// Why a template gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template did something that Python refuses.
    #[error("{0}: {1}")]
    Raised(Exception, String),
    /// The template met a limit of the hub.
    #[error("{0}")]
    Limit(String),
    /// Too many renders are waiting; try again.
    #[error("Too many templates are waiting to be rendered")]
    Busy,
    /// The renderer stopped while it worked on this template.
    #[error("The template renderer failed")]
    Failed,
}

/// The Python exception that a failure stands for; its `Display` is the exception's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of the exception")]
pub enum Exception {
    OverflowError,
    RecursionError,
    RuntimeError,
    SecurityError,
    TemplateAssertionError,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    TypeError,
    UndefinedError,
    ValueError,
    ZeroDivisionError,
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An exception on its way through the engine.
pub(crate) fn raise(exception: Exception, message: impl Into<String>) -> Error {
    carry(TemplateError::Raised(exception, message.into()))
}

/// A limit of the hub on its way through the engine.
pub(crate) fn limit(message: impl Into<String>) -> Error {
    carry(TemplateError::Limit(message.into()))
}

/// `TypeError`, the most common one.
pub(crate) fn type_error(message: impl Into<String>) -> Error {
    raise(Exception::TypeError, message)
}

/// A call of a method that the receiver has not; the engine then looks for an item of that name.
pub(crate) fn unknown_method(message: String) -> Error {
    Error::from(ErrorKind::UnknownMethod)
        .with_source(TemplateError::Raised(Exception::UndefinedError, message))
}

/// What Python calls on when it has nested too deeply.
pub(crate) fn too_deep() -> Error {
    raise(
        Exception::RecursionError,
        "maximum recursion depth exceeded",
    )
}

fn carry(error: TemplateError) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(error)
}

/// The engine's error in Python's words.
pub(crate) fn in_python_words(error: &Error) -> TemplateError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(own) = inner.downcast_ref::<TemplateError>() {
            return own.clone();
        }
        cause = inner.source();
    }
    let detail = error.detail().unwrap_or_default();
    let first_word = detail.split(' ').next().unwrap_or_default();
    let (exception, message) = match error.kind() {
        ErrorKind::OutOfFuel => {
            return TemplateError::Limit(
                "Template exceeded its maximum number of steps".to_owned(),
            );
        }
        ErrorKind::InvalidOperation if detail == "recursion limit exceeded" => (
            Exception::RecursionError,
            "maximum recursion depth exceeded".to_owned(),
        ),
        ErrorKind::SyntaxError | ErrorKind::BadEscape => {
            (Exception::TemplateSyntaxError, detail.to_owned())
        }
        ErrorKind::TemplateNotFound => (
            Exception::TemplateNotFound,
            detail
                .split(['"', '\''])
                .nth(1)
                .unwrap_or(detail)
                .to_owned(),
        ),
        ErrorKind::UnknownFunction => (
            Exception::UndefinedError,
            format!("'{first_word}' is undefined"),
        ),
        ErrorKind::UnknownFilter => (
            Exception::TemplateAssertionError,
            format!(
                "No filter named '{}'.",
                detail.split(' ').nth(1).unwrap_or_default()
            ),
        ),
        ErrorKind::UnknownTest => (
            Exception::TemplateAssertionError,
            format!(
                "No test named '{}'.",
                detail.split(' ').nth(1).unwrap_or_default()
            ),
        ),
        ErrorKind::UndefinedError => (Exception::UndefinedError, detail.to_owned()),
        ErrorKind::CannotUnpack => (Exception::ValueError, detail.to_owned()),
        kind => (
            Exception::TypeError,
            if detail.is_empty() {
                kind.to_string()
            } else {
                detail.to_owned()
            },
        ),
    };
    TemplateError::Raised(exception, message)
}

/// What the parser says of `source`, in Jinja's words; the parser's own where those are not known.
pub(crate) fn syntax(error: Error, source: &str) -> Error {
    let message = match error.kind() {
        ErrorKind::SyntaxError => syntax_message(&error, source),
        ErrorKind::BadEscape => "bad escape in a string".to_owned(),
        _ => return error,
    };
    raise(Exception::TemplateSyntaxError, message)
}

fn syntax_message(error: &Error, source: &str) -> String {
    let detail = error.detail().unwrap_or_default();
    if let Some(tag) = detail.strip_prefix("unknown statement ") {
        return unknown_tag(tag);
    }
    let Some(rest) = detail.strip_prefix("unexpected ") else {
        return detail.to_owned();
    };
    // The parser points at the token that it did not expect. Jinja shows a name as it stands.
    let place = error.range().unwrap_or_default();
    let found = |kind: &str| match (kind, source.get(place.clone())) {
        ("identifier", Some(name)) => name.to_owned(),
        (kind, _) => describe(kind).unwrap_or(kind).to_owned(),
    };
    let Some((kind, expected)) = rest.split_once(", expected ") else {
        let before = source.get(..place.start).unwrap_or_default().trim_end();
        let found = found(rest);
        return if before.ends_with(['+', '-', '*', '/', '~', '<', '>', '(', '[', ':', ',', '|']) {
            format!("unexpected '{found}'")
        } else {
            format!("Expected an expression, got '{found}'")
        };
    };
    let expected = describe(expected).unwrap_or(expected);
    if kind == "end of input" {
        return format!("unexpected end of template, expected '{expected}'.");
    }
    format!("expected token '{expected}', got '{}'", found(kind))
}

/// Jinja's message for a tag that it does not know.
pub(crate) fn unknown_tag(tag: &str) -> String {
    format!("Encountered unknown tag '{tag}'.")
}

/// Jinja's name for a token that the parser names otherwise.
fn describe(token: &str) -> Option<&str> {
    Some(match token {
        "end of variable block" => "end of print statement",
        "start of variable block" => "begin of print statement",
        "end of block" => "end of statement block",
        "start of block" => "begin of statement block",
        "assignment operator" => "=",
        "identifier" => "name",
        "template-data" => "template data",
        "comma" => ",",
        "string" | "integer" | "float" | "name" | "in" => token,
        _ => token.strip_prefix('`')?.strip_suffix('`')?,
    })
}
