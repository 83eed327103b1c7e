//! Secrets: never shown, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;

/// A token, or a webhook's secret.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself. Only the relay may see it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether both are the same; it takes as long whatever they differ in.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
