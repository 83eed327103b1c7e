//! Who may come in, and what they may do: users, passwords, tokens, permissions.
//!
//! The crate keeps every user and every token record in memory and in the
//! [store](hearth_core::store), and answers one question on the hot path: *whose bearer token is
//! this?* It must never know a transport: no HTTP, no WebSocket, no JSON of a protocol. The doors
//! ask it, and map [`Refused`] and [`AuthError`] to their own words. It never hands out a stored
//! secret: what it keeps of one is a hash, or a key that only the signing of tokens reads.
//!
//! Start reading at [`Auth`], then [`Authenticated`]; how a token is checked stands in
//! `tables.rs`. The facts of the protocol (token forms, lifetimes, groups) are those of the spec,
//! auth §4 and §5.
//!
//! # Guide
//!
//! ```
//! use hearth_auth::{Auth, AuthSettings, LONG_LIVED_DAYS, NewUser};
//! use hearth_core::env::Env;
//! use hearth_core::store::{Location, Store, StoreSettings};
//!
//! # actix_rt::System::new().block_on(async {
//! let store = Store::open(&Location::Memory, StoreSettings::default()).unwrap();
//! let auth = Auth::load(store, Env::system(), AuthSettings::default()).unwrap();
//!
//! // The first person owns the hub.
//! let paul = auth
//!     .create_user(NewUser::person("Paul").with_password("paul", "correct horse"))
//!     .await
//!     .unwrap();
//! assert!(paul.is_owner);
//! assert!(auth.verify_password(" PAUL ", "correct horse").await.is_ok());
//!
//! // A door asks whose token it was given.
//! let token = auth
//!     .create_long_lived_token(paul.id, "My script", LONG_LIVED_DAYS)
//!     .await
//!     .unwrap();
//! let caller = auth.authenticate(token.secret()).unwrap();
//! assert_eq!(caller.user.name, "Paul");
//! assert!(caller.is_admin() && caller.may_control("light.kitchen"));
//!
//! // A door that keeps a connection open says how to close it.
//! let (closed, was_closed) = std::sync::mpsc::channel();
//! let _open = auth.open_session(&caller, move || closed.send(()).unwrap()).unwrap();
//!
//! // Once the token is revoked, it opens nothing and its connections are closed.
//! auth.revoke_token(caller.token_id).await.unwrap();
//! assert!(auth.authenticate(token.secret()).is_err());
//! assert!(was_closed.try_recv().is_ok());
//! # });
//! ```
//!
//! # What holds
//!
//! - A change is committed to the store before the call returns, and is carried out whole even
//!   when the caller goes away halfway.
//! - A token is refused with one and the same [`Refused`], whatever was wrong with it.
//! - Who fails too often waits, and is then shut out by address; see `attempts.rs` and `bans.rs`.
//! - Passwords are hashed on blocking threads, a bounded number at a time.
//! - `Debug` of anything here shows no secret.

mod accounts;
mod address;
mod attempts;
mod auth;
mod authorization_code;
mod bans;
mod client_id;
mod digest;
mod error;
mod failure_log;
mod jwt;
mod login_flow;
mod onboarding;
mod password;
mod permission;
mod provision;
mod records;
mod sessions;
mod settings;
mod signed_path;
mod tables;
mod token;
mod tokens;
mod user;
mod verified;

pub use accounts::PasswordRefused;
pub use address::{AddressBlock, NotAnAddress, is_local};
pub use attempts::AttemptSettings;
pub use auth::{Auth, Authenticated};
pub use authorization_code::AuthorizationCode;
pub use bans::{Alarm, Attempt, Ban, BanSettings};
pub use client_id::{ClientId, InvalidClientId, Redirect, RedirectUri};
pub use error::{AuthError, Refused};
pub use login_flow::{LoginDone, LoginRefused, SignInBlocked};
pub use onboarding::{OnboardingCode, OnboardingStep};
pub use permission::{Access, EntityFacts, Policy};
pub use provision::{ProvisionedToken, ProvisionedUser};
pub use sessions::SessionGuard;
pub use settings::AuthSettings;
pub use signed_path::{CONTENT_USER, SIGNATURE, signature};
pub use token::{
    ACCESS_TOKEN_SECONDS, AccessToken, LONG_LIVED_DAYS, NewToken, REFRESH_TOKEN_DAYS, RefreshToken,
    TokenId, TokenRecord, TokenType,
};
pub use user::{GroupId, NewUser, User, UserUpdate};
