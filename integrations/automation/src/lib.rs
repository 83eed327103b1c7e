//! Triggers and conditions: what may set something in motion, and whether it may; and the form of
//! actions, which nothing runs yet (spec state-machine §7, websocket-api §3 and §5).
//!
//! This crate knows states, events, the clock and webhooks by the hub's own parts, and templates
//! by the bus command `render_template`. It must never know a transport, and no other integration.
//!
//! Start reading at [`SUBSCRIBE`]; then `engine`, the actor that hears everything for all who
//! wait, and `trigger`, where each platform has its file; `condition` and `action` stand beside it.

mod action;
mod checks;
mod condition;
mod engine;
mod render;
mod trigger;
mod truth;

use actix::Addr;
use futures_util::future::LocalBoxFuture;
use hearth_core::prelude::*;

use engine::Engine;

/// The command that waits for triggers: `{trigger: one or a list, variables?}`, for
/// administrators. Events: `{variables: {trigger: {…}}, context}`. A trigger that means nothing is
/// refused with `invalid_format`, which names the key.
pub const SUBSCRIBE: &str = "subscribe_trigger";

/// The command that checks a condition: `{condition, variables?}`, for administrators; answers
/// `{result}`.
pub const TEST_CONDITION: &str = "test_condition";

/// The command that says whether an automation's parts mean something, for any user: any of
/// `{triggers, conditions, actions}`; answers `{valid, error}` for each that is given.
pub const VALIDATE: &str = "validate_config";

/// Makes the integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("automation", "Automation"), |_| {
        Box::<Automation>::default()
    })
}

#[derive(Default)]
struct Automation(Option<(Hub, Addr<Engine>)>);

impl Integration for Automation {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            let engine = Engine::launch(&hub);
            engine::register(&hub, &engine);
            self.0 = Some((hub, engine));
            Ok(())
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            if let Some((hub, engine)) = self.0.take() {
                engine::unregister(&hub);
                engine.do_send(engine::Stop);
            }
        })
    }
}
