//! Commands about the connection itself.

use hearth_core::command::CommandError;

use super::{Act, Command};
use crate::websocket::fields::{Fields, wrong_kind};
use crate::websocket::reply::Answer;
use crate::websocket::signed_in::SignedIn;

/// Asks whether anybody is there.
pub(super) struct Ping;

impl Command for Ping {
    const TYPE: &'static str = "ping";

    fn parse(fields: Fields) -> Result<Self, CommandError> {
        fields.finish().map(|()| Self)
    }

    fn act(self, _: u64, _: &mut SignedIn) -> Result<Act, CommandError> {
        Ok(Act::Done(Answer::Pong))
    }
}

/// Says what the client understands beyond the basics (spec websocket-api §2).
pub(super) struct SupportedFeatures {
    coalesces_messages: bool,
}

impl Command for SupportedFeatures {
    const TYPE: &'static str = "supported_features";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let features = fields.object("features")?;
        if let Some((_, level)) = features
            .iter()
            .find(|(_, level)| !level.is_i64() && !level.is_u64())
        {
            return Err(wrong_kind("int", "features", level));
        }
        fields.finish()?;
        let level = features.get("coalesce_messages");
        Ok(Self {
            coalesces_messages: level.is_some_and(|level| level.as_i64() != Some(0)),
        })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        session.socket.outbox.coalesce(self.coalesces_messages);
        Ok(Act::Done(Answer::Nothing))
    }
}

/// Ends a subscription of any kind.
pub(super) struct Unsubscribe {
    subscription: i64,
}

impl Command for Unsubscribe {
    const TYPE: &'static str = "unsubscribe_events";

    fn parse(mut fields: Fields) -> Result<Self, CommandError> {
        let subscription = fields.integer("subscription")?;
        fields.finish()?;
        Ok(Self { subscription })
    }

    fn act(self, _: u64, session: &mut SignedIn) -> Result<Act, CommandError> {
        let id = u64::try_from(self.subscription);
        if id.is_ok_and(|id| session.subscriptions.end(id)) {
            return Ok(Act::Done(Answer::Nothing));
        }
        Err(CommandError::not_found("Subscription not found."))
    }
}
