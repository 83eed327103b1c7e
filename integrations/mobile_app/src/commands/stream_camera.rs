use hearth_core::command::{Access, Caller};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Command;
use crate::answer::Answer;
use crate::phone::Phone;
use crate::registration::Done;
use crate::text::{Text, object};

/// The bit of `supported_features` of a camera that can stream.
const STREAM: u64 = 2;

/// Where the pictures of a camera are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamCamera<'a> {
    #[serde(borrow)]
    camera_entity_id: Text<'a>,
}

impl<'a> Command<'a> for StreamCamera<'a> {
    fn parse(data: &'a str) -> Option<Self> {
        object(data)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        let id = self.camera_entity_id.0.into_owned();
        let camera = phone.hub.states.get(&id);
        let camera = camera.filter(|camera| camera.entity_id.domain() == "camera");
        let features = camera
            .and_then(|camera| camera.attributes.get("supported_features"))
            .and_then(|features| features.as_u64());
        let Some(features) = features else {
            return Done::Now(Answer::sealed(400, "{\"success\":false}"));
        };
        let commands = phone.hub.commands.clone();
        let caller = Caller::new(phone.context(), Access::AnyUser);
        Done::Later(Box::pin(async move {
            let mut hls_path = Value::Null;
            if features & STREAM != 0 {
                let mut data = Map::new();
                data.insert("entity_id".to_owned(), id.as_str().into());
                match commands.call("camera/stream", data, caller).await {
                    Ok(mut stream) => hls_path = stream["url"].take(),
                    Err(error) => tracing::debug!(%error, "a camera's stream does not start"),
                }
            }
            let mjpeg_path = format!("/api/camera_proxy_stream/{id}");
            let body = json!({"mjpeg_path": mjpeg_path, "hls_path": hls_path});
            Answer::sealed(200, body.to_string())
        }))
    }
}
