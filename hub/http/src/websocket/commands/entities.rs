//! Entities: their states, and then only what changes (spec websocket-api §3).

use std::rc::Rc;

use futures_util::FutureExt;
use hearth_core::command::CommandError;

use super::{Act, Command, Done, Then};
use crate::websocket::entity_filter::EntityFilter;
use crate::websocket::entity_stream::{EntityStream, Reader};
use crate::websocket::fields::Fields;
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// Hears of entities.
pub(super) struct Subscribe {
    filter: Option<EntityFilter>,
}

impl Command for Subscribe {
    const TYPE: &'static str = "subscribe_entities";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let filter = EntityFilter::take(&mut fields)?;
        fields.finish()?;
        Ok(Self { filter })
    }

    fn act(self, id: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let limit = session.door.websocket().subscriptions;
        session.subscriptions.check_room(limit)?;
        let reader = Reader {
            user: session.user.clone(),
            filter: self.filter.map(Rc::new),
        };
        let (sockets, socket) = (Rc::clone(&session.sockets), Rc::clone(&session.socket));
        let subscribed = async move {
            let (stream, beginning) = EntityStream::new(sockets, socket, id, reader).await;
            Ok(Done {
                answer: Answer::Nothing,
                then: Then::Begin(stream, beginning),
            })
        };
        Ok(Act::First(subscribed.boxed_local()))
    }
}
