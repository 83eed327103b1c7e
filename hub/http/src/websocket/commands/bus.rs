//! Commands of integrations, by their own name: the message without `id` and `type` is the data.

use futures_util::FutureExt;

use super::Act;
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// Calls it. Whether the user may is checked by what the command declares.
pub(super) fn call(name: &str, fields: Fields, session: &SignedIn) -> Act {
    let hub = session.door.hub.clone();
    let caller = session.caller();
    let name = name.to_owned();
    let call = async move {
        let answer = hub.commands.call(&name, fields.into_map(), caller).await;
        answer.map(Answer::Value)
    };
    Act::Beside(call.boxed_local())
}
