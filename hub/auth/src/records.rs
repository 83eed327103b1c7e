//! Users, passwords and tokens as they stand in the store.

use hearth_core::store::{Batch, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::address::AddressBlock;
use crate::bans::Ban;
use crate::digest::SecretDigest;
use crate::jwt::TokenKey;
use crate::password::HashedPassword;
use crate::token::TokenRecord;
use crate::user::User;

const USERS: &str = "auth_user";
/// Apart from the users, so that nothing that reads users comes near them. By user id.
const PASSWORDS: &str = "auth_password";
const TOKENS: &str = "auth_token";
const BANS: &str = "auth_ban";

/// A token record with its secrets. No `Debug`, on purpose.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    #[serde(flatten)]
    pub(crate) record: TokenRecord,
    pub(crate) signing_key: TokenKey,
    /// Of the opaque refresh value, where the record has one.
    pub(crate) refresh_digest: Option<SecretDigest>,
}

/// All that is stored, read in one go.
pub(crate) struct Snapshot {
    pub(crate) users: Vec<(User, Option<HashedPassword>)>,
    pub(crate) tokens: Vec<StoredToken>,
    pub(crate) bans: Vec<Ban>,
}

impl Snapshot {
    /// Blocks.
    pub(crate) fn read(store: &Store) -> Result<Self, StoreError> {
        let mut passwords: std::collections::HashMap<String, HashedPassword> = store
            .collection(PASSWORDS)
            .load_all()?
            .into_iter()
            .collect();
        let users = store.collection::<User>(USERS).load_all()?;
        let tokens = store.collection::<StoredToken>(TOKENS).load_all()?;
        let bans = store.collection::<Ban>(BANS).load_all()?;
        Ok(Self {
            users: users
                .into_iter()
                .map(|(id, user)| (user, passwords.remove(&id)))
                .collect(),
            tokens: tokens.into_iter().map(|(_, token)| token).collect(),
            bans: bans.into_iter().map(|(_, ban)| ban).collect(),
        })
    }
}

pub(crate) fn put_user(batch: &mut Batch, user: &User) -> Result<(), StoreError> {
    batch.put(USERS, &user.id.to_string(), user)
}

pub(crate) fn put_password(
    batch: &mut Batch,
    user: &User,
    password: &HashedPassword,
) -> Result<(), StoreError> {
    batch.put(PASSWORDS, &user.id.to_string(), password)
}

pub(crate) fn delete_password(batch: &mut Batch, user: &User) {
    batch.delete(PASSWORDS, &user.id.to_string());
}

pub(crate) fn delete_user(batch: &mut Batch, user: &User) {
    batch.delete(USERS, &user.id.to_string());
    delete_password(batch, user);
}

pub(crate) fn put_token(batch: &mut Batch, token: &StoredToken) -> Result<(), StoreError> {
    batch.put(TOKENS, &token.record.id.to_string(), token)
}

pub(crate) fn put_ban(batch: &mut Batch, ban: &Ban) -> Result<(), StoreError> {
    batch.put(BANS, &ban.address.to_string(), ban)
}

pub(crate) fn delete_ban(batch: &mut Batch, block: AddressBlock) {
    batch.delete(BANS, &block.to_string());
}

pub(crate) fn delete_token(batch: &mut Batch, record: &TokenRecord) {
    batch.delete(TOKENS, &record.id.to_string());
}
