//! Token records, and the secrets that are handed out for them (spec auth §4).

use std::fmt;
use std::net::IpAddr;

use hearth_core::ids::UserId;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use hearth_core::ids::TokenId;

/// How long an access token of a normal or system record lasts, in seconds.
pub const ACCESS_TOKEN_SECONDS: u64 = 30 * 60;
/// How long a normal record lasts after it was made or used, in days.
pub const REFRESH_TOKEN_DAYS: u32 = 90;
/// How long a long-lived token lasts where nobody says otherwise, in days.
pub const LONG_LIVED_DAYS: u32 = 3650;
/// How far a client's and the hub's clocks may be apart, in seconds.
pub(crate) const LEEWAY_SECONDS: i64 = 10;
/// Longest bearer token looked at, in bytes. Ours have about 200.
pub(crate) const LONGEST_BEARER: usize = 1024;
/// How long an opaque refresh value is, in hex characters.
const REFRESH_VALUE: usize = 128;

/// Whether a text has the form of a [`RefreshToken`].
pub(crate) fn is_refresh_value(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == REFRESH_VALUE && text.bytes().all(is_hex)
}

/// What a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// A signed-in client, which refreshes its access token; ends after 90 days without use.
    Normal,
    /// A token that a person made for a program; ends with its only access token.
    LongLivedAccessToken,
    /// Of a system user; does not end.
    System,
}

impl TokenType {
    /// The type as the protocols have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::LongLivedAccessToken => "long_lived_access_token",
            Self::System => "system",
        }
    }
}

/// A token record, without its secrets: what a list of tokens shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    /// 32 hex characters; the issuer in its access tokens.
    pub id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub token_type: TokenType,
    /// The URL of the client that it was given to; normal tokens have one.
    pub client_id: Option<String>,
    /// The name that a person gave it; long-lived tokens have one, unique for the user.
    pub client_name: Option<String>,
    /// An icon for lists, such as `mdi:home`.
    pub client_icon: Option<String>,
    /// The kind of credentials that it was made with, such as `homeassistant`.
    pub auth_provider_type: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When an access token was last issued from it.
    pub last_used_at: Option<Timestamp>,
    /// To which address.
    pub last_used_ip: Option<IpAddr>,
    /// When the record ends; normal tokens only, moved on at each use.
    pub expire_at: Option<Timestamp>,
    /// How long its access tokens last, in seconds.
    pub access_token_seconds: u64,
}

impl TokenRecord {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expire_at.is_some_and(|end| end <= now)
    }
}

/// A record to be made with [`Auth::create_refresh_token`](crate::Auth::create_refresh_token).
#[derive(Debug, Clone)]
pub struct NewToken {
    pub(crate) token_type: TokenType,
    pub(crate) client_id: Option<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) client_icon: Option<String>,
    pub(crate) auth_provider_type: Option<String>,
    pub(crate) access_token_seconds: u64,
}

impl NewToken {
    /// For a client that signed in. `client_id` is its URL, already checked by the door.
    pub fn normal(client_id: impl Into<String>) -> Self {
        Self {
            token_type: TokenType::Normal,
            client_id: Some(client_id.into()),
            client_name: None,
            client_icon: None,
            auth_provider_type: None,
            access_token_seconds: ACCESS_TOKEN_SECONDS,
        }
    }

    /// For a program, under a name.
    pub(crate) fn long_lived(client_name: &str, seconds: u64) -> Self {
        Self {
            token_type: TokenType::LongLivedAccessToken,
            client_id: None,
            client_name: Some(client_name.to_owned()),
            client_icon: None,
            auth_provider_type: None,
            access_token_seconds: seconds,
        }
    }

    /// For a system user.
    pub fn system() -> Self {
        Self {
            token_type: TokenType::System,
            client_id: None,
            client_name: None,
            client_icon: None,
            auth_provider_type: None,
            access_token_seconds: ACCESS_TOKEN_SECONDS,
        }
    }

    /// With an icon for lists.
    #[must_use]
    pub fn with_icon(mut self, icon: impl Into<String>) -> Self {
        self.client_icon = Some(icon.into());
        self
    }

    /// Made with these credentials, such as `homeassistant`.
    #[must_use]
    pub fn made_with(mut self, auth_provider_type: impl Into<String>) -> Self {
        self.auth_provider_type = Some(auth_provider_type.into());
        self
    }
}

/// A secret that is handed out once and not kept.
macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` shows nothing of it.
        #[derive(Clone)]
        pub struct $name(String);

        impl $name {
            pub(crate) fn new(secret: String) -> Self {
                Self(secret)
            }

            /// The text to hand to its owner. Never log it.
            pub fn secret(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret_text! {
    /// A signed access token: what a client sends as its bearer token.
    AccessToken
}

secret_text! {
    /// The opaque value of a normal record, 128 hex characters: what a client refreshes with.
    RefreshToken
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn types_are_stored_under_the_names_of_the_protocol() {
        for kind in [
            TokenType::Normal,
            TokenType::LongLivedAccessToken,
            TokenType::System,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn secrets_show_nothing_in_debug_output() {
        assert_eq!(
            format!("{:?}", AccessToken::new("abc".into())),
            "AccessToken(…)"
        );
        assert_eq!(
            format!("{:?}", RefreshToken::new("abc".into())),
            "RefreshToken(…)"
        );
    }
}
