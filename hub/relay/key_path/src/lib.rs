//! Key paths: which value of a webhook says for whose hub it is.
//!
//! A manufacturer's webhook has a path such as `body.device.id`. The relay [parses](KeyPath::parse)
//! it once, [resolves](KeyPath::resolve) it in every request to at most one [`Key`], and hands the
//! request to the hubs that registered that key. The path is written as JavaScript would access a
//! member, and nothing of it is ever executed: only members that the sender's own JSON has are
//! found.
//!
//! This crate is pure: text in, keys out. It must never know a connection, a store or a hub. Start
//! reading at [`KeyPath`]; the grammar is in `parser.rs`, the walk through a request in
//! `resolve.rs`, and what a hub registers in `keys.rs` (spec relay §3 and §4).
//!
//! ```
//! use hearth_key_path::{HeaderCase, Key, KeyPath, Request, registered_keys};
//!
//! let path = KeyPath::parse("body.devices[0]['serial']").unwrap();
//! let request = Request {
//!     body: r#"{"devices": [{"serial": 9007199254740993}]}"#,
//!     headers: "{}",
//!     query: "{}",
//! };
//! let key = path.resolve(&request, HeaderCase::Any).unwrap();
//! assert_eq!(registered_keys(r#"{"$keys": [7, 9007199254740993]}"#).unwrap()[1], key);
//!
//! let error = KeyPath::parse("body.a.(b)").unwrap_err();
//! assert_eq!(error.to_string(), "syntax at byte 7: expected a name");
//! ```

mod key;
mod keys;
mod parser;
mod resolve;

pub use key::Key;
pub use keys::{BadData, KEY_BYTES_MAX, KEYS_MAX, registered_keys};
pub use parser::{ACCESSES_MAX, KeyPathError, Kind, PATH_BYTES_MAX};
pub use resolve::{HeaderCase, Request};

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The parsed body.
    Body,
    /// The header fields, by name.
    Headers,
    /// The query's parameters, by name.
    Query,
}

/// A path that was parsed. Two paths are equal when they lead to the same place, however they are
/// written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath {
    root: Root,
    /// One name an access; `[0]` and `['0']` are the same one.
    names: Vec<Box<str>>,
}

impl KeyPath {
    /// Reads a path.
    ///
    /// # Errors
    /// Says at which byte what was expected.
    pub fn parse(text: &str) -> Result<Self, KeyPathError> {
        parser::parse(text)
    }

    /// Where it begins.
    pub fn root(&self) -> Root {
        self.root
    }

    /// Whether a request could ever hold `key` at this path: header and query values are texts.
    pub fn can_match(&self, key: &Key) -> bool {
        self.root == Root::Body || matches!(key, Key::Text(_))
    }
}
