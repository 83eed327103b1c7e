//! What can go wrong, for the caller to map at its door.

use hearth_core::store::StoreError;

/// The bearer token opens nothing. Deliberately says no more: a caller who tries tokens must not
/// learn whether one was forged, expired or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct Refused;

/// A change to users or tokens was not made.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No user has this id.
    #[error("there is no such user")]
    UnknownUser,
    /// No token record has this id, or it has expired.
    #[error("there is no such token")]
    UnknownToken,
    /// Another user signs in under this name.
    #[error("the user name is already taken")]
    UserNameTaken,
    /// The user has another long-lived token of this name.
    #[error("the user already has a long-lived token named `{0}`")]
    ClientNameTaken(String),
    /// A text is empty, too long, or holds control characters.
    #[error("`{field}` must have 1 to {longest} characters and no control characters")]
    InvalidText {
        /// Which value.
        field: &'static str,
        /// How many characters it may have.
        longest: usize,
    },
    /// The user has no user name to sign in with, so a password would be of no use.
    #[error("the user has no user name")]
    NoUserName,
    /// A password is empty or longer than 1024 bytes.
    #[error("a password must have 1 to 1024 bytes")]
    InvalidPassword,
    /// A long-lived token was asked for zero days.
    #[error("a long-lived token must last at least one day")]
    InvalidLifespan,
    /// The kind of token does not go with the kind of user: system users have system tokens,
    /// people the others; a normal token needs a client id.
    #[error("a token of this type cannot be made for this user")]
    WrongTokenType,
    /// The user holds as many tokens as [`AuthSettings`](crate::AuthSettings) allows.
    #[error("the user has {0} tokens, which is the limit; revoke some first")]
    TooManyTokens(usize),
    /// The hub has an owner already, and the first visit is over.
    #[error("User step already done")]
    OwnerExists,
    /// The hub would be left without an active owner.
    #[error("the last active owner cannot be deactivated or deleted")]
    LastOwner,
    /// System users are made and removed by the hub itself.
    #[error("a system user cannot be changed")]
    SystemUser,
    /// A provisioned token is too short, too long, or not printable ASCII.
    #[error("a provisioned token must have 16 to 1024 printable ASCII characters and no spaces")]
    InvalidProvisionedToken,
    /// Two provisioned users were given the same token.
    #[error("the token provisioned for `{0}` is given to another user as well")]
    ProvisionedTokenTaken(String),
    /// The address is not banned.
    #[error("the address is not banned")]
    NotBanned,
    /// Not the path of a request to this hub.
    #[error("a path to sign begins with one slash")]
    InvalidPath,
    /// The user may not sign in now.
    #[error("User is not active")]
    Inactive,
    /// Reading or committing failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing a password failed, or the hub is stopping.
    #[error("the change was interrupted")]
    Interrupted,
}
