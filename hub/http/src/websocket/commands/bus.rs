//! Commands of integrations, by their own name: the message without `id` and `type` is the data.

use futures_util::FutureExt;
use hearth_core::command::{Answered, CommandError};
use hearth_core::subscription::subscription;

use super::Act;
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;
use crate::websocket::stream::Stream;
use crate::websocket::subscriptions::{Listed, Subscription};

/// Calls it. Whether the user may is checked by what the command declares.
pub(super) fn call(
    name: &str,
    fields: Fields,
    id: u64,
    session: &SignedIn,
) -> Result<Act, CommandError> {
    let hub = session.door.hub.clone();
    let route = hub.commands.find(name);
    let caller = session.caller();
    let name = name.to_owned();
    if !route.is_some_and(|route| route.is_subscription) {
        let call = async move {
            let data = fields.into_map();
            let answer = hub.commands.call_written(&name, data, caller).await;
            answer.map(|answered| match answered {
                Answered::Value(value) => Answer::Value(value),
                Answered::Written(json) => {
                    Answer::Written(Box::new(move |out| out.push_str(&json)))
                }
            })
        };
        return Ok(Act::Beside(call.boxed_local()));
    }
    session
        .subscriptions
        .check_room(session.door.websocket().subscriptions)?;
    let (subscriber, events) = subscription();
    let answer = async move {
        let data = fields.into_map();
        let answer = hub.commands.subscribe(&name, data, caller, subscriber);
        answer.await.map(Answer::Value)
    };
    let listed = Listed::new(id, &session.subscriptions);
    let (stream, end) = Stream::new(listed, events, answer.boxed_local());
    // From here on the client may end it, also before it is answered.
    session.subscriptions.insert(id, Subscription::Stream(end));
    Ok(Act::Stream(stream))
}
