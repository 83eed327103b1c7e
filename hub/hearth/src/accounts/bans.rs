//! `auth/ban/…`: addresses that are shut out after too many failed sign-ins.

use hearth_auth::{AddressBlock, Auth, AuthError, NotAnAddress};
use hearth_core::command::CommandError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{failed, parse};

/// `{}` → an array of bans.
pub(crate) const LIST: &str = "auth/ban/list";
/// `{address}` → null.
pub(crate) const REMOVE: &str = "auth/ban/remove";

/// The bans that hold.
pub(super) fn list(auth: &Auth) -> Value {
    let bans = auth.bans().into_iter().map(|ban| {
        json!({
            "address": ban.address,
            "banned_at": ban.banned_at,
            "expires_at": ban.expires_at,
            "failures": ban.failures,
        })
    });
    bans.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    address: String,
}

/// Lifts a ban.
pub(super) async fn remove(data: Value, auth: &Auth) -> Result<Value, CommandError> {
    let wanted: Remove = parse(data)?;
    let address: AddressBlock = wanted
        .address
        .parse()
        .map_err(|error: NotAnAddress| CommandError::invalid(error.to_string()))?;
    auth.remove_ban(address)
        .await
        .map_err(|error| match error {
            AuthError::NotBanned => CommandError::not_found(format!(
                "{address} is not banned; `hearth ban list` shows who is"
            )),
            other => failed(other),
        })?;
    Ok(Value::Null)
}
