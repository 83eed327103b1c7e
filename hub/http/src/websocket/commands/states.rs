//! States and the hub's configuration, whole.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use hearth_auth::Authenticated;
use hearth_core::command::CommandError;
use hearth_core::state::{State, StateMachine};
use tokio::time::Instant;

use super::{Act, Command, Done, Then};
use crate::config_view::config_view;
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// More states than this are written on a thread for such work: the worker has other sockets.
const WRITTEN_AT_ONCE: usize = 1000;
/// About how long a state is as JSON, in bytes.
const STATE_JSON: usize = 512;
/// How long an answer is kept that nobody asks for.
const KEPT: Duration = Duration::from_secs(5);

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
        if !user.may_read_all() {
            let written = async move { Ok(done(written(machine, user).await?)) };
            return Ok(Act::First(written.boxed_local()));
        }
        let version = machine.version();
        if let Some(known) = session.sockets.written_states.of(version) {
            return Ok(Act::Done(Answer::Shared(known)));
        }
        let sockets = Rc::clone(&session.sockets);
        let written = async move {
            let states = written(machine, user).await?;
            sockets.written_states.keep(version, states.clone());
            Ok(done(states))
        };
        Ok(Act::First(written.boxed_local()))
    }
}

fn done(states: Bytes) -> Done {
    Done {
        answer: Answer::Shared(states),
        then: Then::Nothing,
    }
}

async fn written(machine: Arc<StateMachine>, user: Authenticated) -> Result<Bytes, CommandError> {
    if machine.len() <= WRITTEN_AT_ONCE {
        return Ok(write_states(&machine.all(), &user).into());
    }
    let written = actix_web::web::block(move || write_states(&machine.all(), &user));
    let states = written.await.map_err(|_| CommandError::unknown())?;
    Ok(states.into())
}

fn write_states(states: &[Arc<State>], user: &Authenticated) -> String {
    let mut out = String::with_capacity(states.len() * STATE_JSON);
    let reads_all = user.may_read_all();
    let readable = states
        .iter()
        .filter(|state| reads_all || user.may_read(&state.entity_id));
    out.push('[');
    for (index, state) in readable.enumerate() {
        if index > 0 {
            out.push(',');
        }
        state.write_json(&mut out);
    }
    out.push(']');
    out
}

/// What every reader of all states is answered with, for as long as no state is written.
#[derive(Default)]
pub(in crate::websocket) struct WrittenStates(RefCell<Option<Kept>>);

struct Kept {
    version: u64,
    json: Bytes,
    used: Instant,
}

impl WrittenStates {
    fn of(&self, version: u64) -> Option<Bytes> {
        let mut kept = self.0.borrow_mut();
        let kept = kept.as_mut().filter(|kept| kept.version == version)?;
        kept.used = Instant::now();
        Some(kept.json.clone())
    }

    fn keep(&self, version: u64, json: Bytes) {
        *self.0.borrow_mut() = Some(Kept {
            version,
            json,
            used: Instant::now(),
        });
    }

    /// Gives up what nobody has asked for in a while.
    pub(in crate::websocket) fn forget_unused(&self, now: Instant) {
        let mut kept = self.0.borrow_mut();
        if kept.as_ref().is_some_and(|kept| now - kept.used > KEPT) {
            *kept = None;
        }
    }
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
