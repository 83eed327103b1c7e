//! Addresses that are shut out, and letting them in again.

use futures_util::FutureExt;
use hearth_auth::{AddressBlock, AuthError};
use hearth_core::command::{Access, CommandError};
use serde_json::json;

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// The bans that hold: `[{address, banned_at, expires_at, failures}]`, oldest first.
pub(super) struct List;

impl Command for List {
    const TYPE: &'static str = "auth/bans/list";
    const ACCESS: Access = Access::Admin;

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let bans = session.door.auth.bans();
        Ok(Act::Done(Answer::Value(json!(bans))))
    }
}

/// Lifts one.
pub(super) struct Remove(AddressBlock);

impl Command for Remove {
    const TYPE: &'static str = "auth/bans/remove";
    const ACCESS: Access = Access::Admin;

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let given = fields.text("address")?;
        fields.finish()?;
        let address = given
            .parse()
            .map_err(|error| wrong(&format!("{error}"), "['address']", &given.into()))?;
        Ok(Self(address))
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let auth = session.door.auth.clone();
        let lifted = async move {
            match auth.remove_ban(self.0).await {
                Ok(()) => Ok(Answer::Nothing),
                Err(AuthError::NotBanned) => {
                    Err(CommandError::not_found("The address is not banned."))
                }
                Err(error) => {
                    tracing::error!(%error, "a ban could not be lifted");
                    Err(CommandError::unknown())
                }
            }
        };
        Ok(Act::Beside(lifted.boxed_local()))
    }
}
