//! States and the hub's configuration, whole.

use std::sync::Arc;

use futures_util::FutureExt;
use hearth_auth::Authenticated;
use hearth_core::command::CommandError;
use hearth_core::state::State;

use super::{Act, Command, Done};
use crate::config_view::config_view;
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// More states than this are written on a thread for such work: the worker has other sockets.
const WRITTEN_AT_ONCE: usize = 1000;
/// About how long a state is as JSON, in bytes.
const STATE_JSON: usize = 512;

/// Every state that the user may read.
pub(super) struct GetStates;

impl Command for GetStates {
    const TYPE: &'static str = "get_states";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let machine = Arc::clone(&session.door.hub.states);
        let user = session.user.clone();
        if machine.len() <= WRITTEN_AT_ONCE {
            let states = machine.all();
            let write = move |out: &mut String| write_states(&states, &user, out);
            return Ok(Act::Done(Answer::Written(Box::new(write))));
        }
        let written = async move {
            let written = actix_web::web::block(move || {
                let states = machine.all();
                let mut out = String::with_capacity(states.len() * STATE_JSON);
                write_states(&states, &user, &mut out);
                out
            });
            let states = written.await.map_err(|_| CommandError::unknown())?;
            Ok(Done {
                answer: Answer::Written(Box::new(move |out| out.push_str(&states))),
                subscription: None,
            })
        };
        Ok(Act::First(written.boxed_local()))
    }
}

fn write_states(states: &[Arc<State>], user: &Authenticated, out: &mut String) {
    let reads_all = user.may_read_all();
    let readable = states
        .iter()
        .filter(|state| reads_all || user.may_read(&state.entity_id));
    out.push('[');
    for (index, state) in readable.enumerate() {
        if index > 0 {
            out.push(',');
        }
        state.write_json(out);
    }
    out.push(']');
}

/// What REST `/api/config` tells.
pub(super) struct GetConfig;

impl Command for GetConfig {
    const TYPE: &'static str = "get_config";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        Ok(Act::Done(Answer::Value(config_view(&session.door.hub))))
    }
}
