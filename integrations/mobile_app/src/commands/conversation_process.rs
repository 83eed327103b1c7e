use hearth_core::command::{Access, Caller, CommandError, ErrorCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{Text, given, object};

/// Says something to the home.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConversationProcess<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow, default, deserialize_with = "given")]
    language: Option<Text<'a>>,
    #[serde(borrow, default, deserialize_with = "given")]
    conversation_id: Option<Text<'a>>,
}

impl<'a> Command<'a> for ConversationProcess<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        object(data)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let hub = phone.hub.clone();
        let caller = Caller::new(phone.context(), Access::AnyUser);
        let language = match &self.language {
            Some(language) => language.0.clone().into_owned(),
            None => hub.home.current().language.clone(),
        };
        let conversation_id = self.conversation_id.map(|id| id.0.into_owned());
        let mut data = Map::new();
        data.insert("text".to_owned(), self.text.0.into());
        data.insert("language".to_owned(), language.as_str().into());
        if let Some(id) = &conversation_id {
            data.insert("conversation_id".to_owned(), id.as_str().into());
        }
        Done::Later(Box::pin(async move {
            let said = hub
                .commands
                .call("conversation/process", data, caller)
                .await;
            let body = said.unwrap_or_else(|error| {
                tracing::debug!(%error, "nobody understood a phone");
                let id = conversation_id.unwrap_or_else(|| hub.env.ulid().to_string());
                failure(&error, &language, &id)
            });
            Answer::sealed(200, body.to_string())
        }))
    }
}

/// The shape of a response, telling that there is none.
fn failure(error: &CommandError, language: &str, conversation_id: &str) -> Value {
    let speech = if error.code == ErrorCode::UNKNOWN_COMMAND {
        "Nobody here can answer yet"
    } else {
        error.message.as_str()
    };
    json!({
        "response": {
            "speech": {"plain": {"speech": speech, "extra_data": null}},
            "card": {},
            "language": language,
            "response_type": "error",
            "data": {"code": "failed_to_handle"},
        },
        "conversation_id": conversation_id,
        "continue_conversation": false,
    })
}
