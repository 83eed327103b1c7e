//! Triggers that wait for a template to become true. Another integration renders it, again and
//! again, by the command that clients use too.

use actix::prelude::*;
use hearth_core::command::CommandError;
use hearth_core::prelude::{Caller, Map, Value, json};
use hearth_core::subscription::subscription;

use tokio::sync::oneshot;

use super::{Beginning, Engine, Key, Ready, Task};
use crate::trigger::{Kind, Trigger};

impl Engine {
    /// Has a template rendered by the integration that can, again and again; gives what says when
    /// it was for the first time, or why it cannot be.
    pub(super) fn watch_template(
        &mut self,
        key: Key,
        template: &str,
        variables: &Map<String, Value>,
        ctx: &mut Context<Self>,
    ) -> Option<Ready> {
        let (done, ready) = oneshot::channel();
        let (hub, me) = (self.hub.clone(), ctx.address());
        // Errors are told: a template that means nothing is refused.
        let data = json!({"template": template, "variables": variables, "report_errors": true});
        let watching = async move {
            let (subscriber, mut events) = subscription();
            let caller = Caller::inside(hearth_core::event::Context::new(&hub.env));
            let Value::Object(data) = data else { return };
            let commands = &hub.commands;
            let answer = commands.subscribe("render_template", data, caller, subscriber);
            let mut done = Some(done);
            if let Err(error) = answer.await {
                return tell(&mut done, Err(error));
            }
            while let Some(event) = events.next().await {
                let event: Value = serde_json::from_slice(&event).unwrap_or_default();
                if event["level"] == "WARNING" {
                    continue;
                }
                let error = event["error"].as_str().unwrap_or_default();
                if ["TemplateSyntaxError", "TemplateAssertionError"]
                    .iter()
                    .any(|name| error.starts_with(name))
                {
                    let message = format!(
                        "invalid template ({error}) for dictionary value @ data['value_template']"
                    );
                    return tell(&mut done, Err(CommandError::invalid(message)));
                }
                // What waits here is bounded by the subscription behind it.
                if me.send(Rendered { key, event }).await.is_err() {
                    return;
                }
                tell(&mut done, Ok(()));
            }
        };
        let attachment = self.attachments.get_mut(&key.attachment)?;
        attachment.tasks.push(Task::start(watching));
        Some(ready)
    }
}

/// Tells once how the beginning went.
fn tell(done: &mut Option<oneshot::Sender<Beginning>>, beginning: Beginning) {
    if let Some(done) = done.take() {
        // Whoever waited may be gone.
        let _ = done.send(beginning);
    }
}

/// The template of a trigger was rendered.
#[derive(Message)]
#[rtype(result = "()")]
struct Rendered {
    key: Key,
    event: Value,
}

impl Handler<Rendered> for Engine {
    type Result = ();

    fn handle(&mut self, Rendered { key, event }: Rendered, ctx: &mut Self::Context) {
        let trigger = self
            .attachments
            .get_mut(&key.attachment)
            .and_then(|attachment| attachment.triggers.get_mut(key.trigger));
        if let Some(Trigger {
            kind: Kind::Template(template),
            ..
        }) = trigger
        {
            let reaction = template.rendered(&event["result"]);
            self.react(key, None, reaction, None, ctx);
        }
    }
}
