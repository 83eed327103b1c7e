//! The WebSocket's own commands: one file a group, one table. Every other name is looked up among
//! the commands that integrations have registered with the hub.
//!
//! To add a command, write a struct with [`Command`] in the file of its group and list it in
//! [`TABLE`].

mod auth;
mod bans;
mod bus;
mod credentials;
mod entities;
mod events;
mod services;
mod session;
mod states;
mod users;
mod webhook;

use futures_util::future::LocalBoxFuture;
use hearth_core::command::{Access, CommandError};
use hearth_core::hub::Hub;

use super::entity_stream::{Beginning, EntityStream};
use super::fields::Fields;
use super::reply::Answer;
use super::signed_in::SignedIn;
use super::stream::Stream;
use super::subscriptions::Subscription;

pub(super) use states::WrittenStates;

/// A command: its parameters, and what it does.
pub(super) trait Command: Sized + 'static {
    /// Its name on the wire.
    const TYPE: &'static str;
    /// Who may give it.
    const ACCESS: Access = Access::AnyUser;

    /// Reads its parameters; refuses what it does not know.
    fn parse(fields: Fields) -> Result<Self, CommandError>;

    /// Does it, for the client of `session`, under this id.
    fn act(self, id: u64, session: &mut SignedIn) -> Result<Act, CommandError>;
}

/// How a command is carried out.
pub(super) enum Act {
    /// It is done.
    Done(Answer),
    /// Commands behind it on the same socket must find it done: they wait.
    First(LocalBoxFuture<'static, Result<Done, CommandError>>),
    /// It may take long: others go on beside it, and its answer may come after theirs.
    Beside(LocalBoxFuture<'static, Result<Answer, CommandError>>),
    /// The same, and events follow the answer.
    Stream(Stream),
}

/// What an [`Act::First`] leads to.
pub(super) struct Done {
    pub(super) answer: Answer,
    pub(super) then: Then,
}

/// What comes right behind the answer.
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// Events, under the command's id until the client ends it.
    Keep(Subscription),
    /// The same, of entities.
    Begin(EntityStream, Beginning),
}

/// A line of the table.
pub(super) struct Entry {
    name: &'static str,
    parse_and_act: fn(Fields, Access, u64, &mut SignedIn) -> Result<Act, CommandError>,
}

const fn entry<C: Command>() -> Entry {
    Entry {
        name: C::TYPE,
        parse_and_act: |fields, authority, id, session| {
            // The protocol checks parameters before rights.
            let command = C::parse(fields)?;
            if authority < C::ACCESS {
                return Err(CommandError::unauthorized());
            }
            command.act(id, session)
        },
    }
}

static TABLE: &[Entry] = &[
    entry::<session::Ping>(),
    entry::<session::SupportedFeatures>(),
    entry::<session::Unsubscribe>(),
    entry::<events::Subscribe>(),
    entry::<events::Fire>(),
    entry::<entities::Subscribe>(),
    entry::<states::GetStates>(),
    entry::<states::GetConfig>(),
    entry::<services::Call>(),
    entry::<services::GetServices>(),
    entry::<webhook::Handle>(),
    entry::<webhook::List>(),
    entry::<auth::CurrentUser>(),
    entry::<auth::LongLivedToken>(),
    entry::<auth::RefreshTokens>(),
    entry::<auth::DeleteRefreshToken>(),
    entry::<auth::DeleteAllRefreshTokens>(),
    entry::<auth::SetExpiry>(),
    entry::<auth::SignPath>(),
    entry::<bans::List>(),
    entry::<bans::Remove>(),
    entry::<users::List>(),
    entry::<users::Create>(),
    entry::<users::Update>(),
    entry::<users::Delete>(),
    entry::<credentials::Create>(),
    entry::<credentials::Delete>(),
    entry::<credentials::ChangeOwnPassword>(),
    entry::<credentials::ChangePassword>(),
    entry::<credentials::ChangeUserName>(),
];

/// A command that exists.
pub(super) enum Named<'a> {
    /// In the table.
    Own(&'static Entry),
    /// An integration's, by its name.
    Bus(&'a str),
}

/// Who answers commands of this name.
pub(super) fn find<'a>(name: &'a str, hub: &Hub) -> Option<Named<'a>> {
    if let Some(own) = TABLE.iter().find(|entry| entry.name == name) {
        return Some(Named::Own(own));
    }
    // What no client may ever call is not even there for one.
    let route = hub.commands.find(name)?;
    (route.access <= Access::Admin).then_some(Named::Bus(name))
}

impl Named<'_> {
    /// Begins the command with these parameters, for a client that has `authority`.
    pub(super) fn begin(
        self,
        fields: Fields,
        authority: Access,
        id: u64,
        session: &mut SignedIn,
    ) -> Result<Act, CommandError> {
        match self {
            Self::Own(entry) => (entry.parse_and_act)(fields, authority, id, session),
            Self::Bus(name) => bus::call(name, fields, id, session),
        }
    }
}
