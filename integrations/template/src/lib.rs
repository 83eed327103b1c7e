//! The template integration: Jinja templates over the state machine.
//!
//! It answers the bus commands `template/render` and `render_template`, and offers its [`Renderer`] to whoever composes
//! a hub. It knows states and the clock; it must never know a transport, and no other
//! integration.
//!
//! Start reading at [`renderer`], which takes a request and gives the answer; then
//! `compile` (text to instructions), `rewrite` (why every operator is ours) and `budget` (what
//! bounds a render). Families of functions and filters have one file each: `hub_functions`,
//! `time`, `conversions`, `texts`, `collections`, `json`, `regex_filters`; methods are under
//! `methods`. `watch` renders again what clients watch, by what `tracking` noted. [`literal`] turns text into typed values and stands alone.

mod arguments;
mod budget;
mod collections;
mod compile;
mod conversions;
mod environment;
mod error;
mod hub_functions;
mod json;
pub mod literal;
mod lookup;
mod methods;
mod nesting;
mod numbers;
mod operators;
mod percent;
mod regex_filters;
pub mod renderer;
mod rewrite;
mod states;
mod str_format;
mod text;
mod texts;
mod time;
mod tracking;
mod watch;

use actix::{Actor, Addr, Context, Handler};
use futures_util::future::LocalBoxFuture;
use hearth_core::ask::Ask;
use hearth_core::command::ErrorCode;
use hearth_core::prelude::*;

pub use error::{Exception, TemplateError};
pub use renderer::{Renderer, Request};

use watch::Watcher;

/// The command that renders a template: `{template, variables?, typed = true}`, answered with
/// the value, or with the text where `typed` is false. Errors: `template_error` with
/// `<ExceptionName>: <message>`, `busy`, `invalid_format`.
pub const RENDER: &str = "template/render";

/// Commands that may wait for the door.
const MAILBOX: usize = 256;

/// Makes the integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("template", "Template"), |_| {
        Box::<Templates>::default()
    })
}

/// The command that renders a template and goes on telling its result as it changes (spec
/// websocket-api §3). Any user may: a template reads what it likes.
pub const WATCH: &str = "render_template";

#[derive(Default)]
struct Templates {
    running: Option<Running>,
}

struct Running {
    hub: Hub,
    watcher: Addr<Watcher>,
}

impl Integration for Templates {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let hub = host.hub().clone();
            let renderer = Renderer::start(&hub).map_err(StartError::new)?;
            let watched = renderer.clone();
            let door = Door::start_in_arbiter(&hub.arbiters.next(), move |context| {
                context.set_mailbox_capacity(MAILBOX);
                Door { renderer }
            });
            // Renders answer as they finish: actors of their own, since the integration itself
            // is handed one command at a time.
            hub.commands
                .register(RENDER, Access::Inside, door.recipient());
            let watcher = Watcher::launch(&hub, watched);
            hub.commands
                .register_subscription(WATCH, Access::AnyUser, watcher.clone().recipient());
            self.running = Some(Running { hub, watcher });
            Ok(())
        })
    }

    fn stop(&mut self, _: StopReason) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(Running { hub, watcher }) = self.running.take() {
                hub.commands.unregister(RENDER);
                hub.commands.unregister(WATCH);
                watcher.do_send(watch::Stop);
            }
        })
    }
}

/// Hands commands to the renderer.
struct Door {
    renderer: Renderer,
}

impl Actor for Door {
    type Context = Context<Self>;
}

impl Handler<Ask<Command>> for Door {
    type Result = ();

    fn handle(&mut self, ask: Ask<Command>, _: &mut Context<Self>) {
        let (command, reply) = ask.take();
        let request = match request(command.data) {
            Ok(request) => request,
            Err(error) => return reply.send(Err(error)),
        };
        let slot = Arc::new(parking_lot::Mutex::new(Some(reply)));
        let place = Arc::clone(&slot);
        let submitted = self.renderer.submit(request, move |rendered| {
            if let Some(reply) = place.lock().take() {
                reply.send(rendered.map_err(command_error));
            }
        });
        if let Err(refused) = submitted
            && let Some(reply) = slot.lock().take()
        {
            reply.send(Err(command_error(refused)));
        }
    }
}

fn request(mut data: Map<String, Value>) -> Result<Request, CommandError> {
    let template = match data.remove("template") {
        Some(Value::String(template)) => template,
        _ => return Err(CommandError::invalid("expected `template`, a text")),
    };
    let variables = match data.remove("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => {
            return Err(CommandError::invalid(
                "expected `variables` to be an object",
            ));
        }
    };
    let typed = match data.remove("typed") {
        None => true,
        Some(Value::Bool(typed)) => typed,
        Some(_) => {
            return Err(CommandError::invalid(
                "expected `typed` to be true or false",
            ));
        }
    };
    Ok(Request {
        template,
        variables,
        typed,
    })
}

fn command_error(error: TemplateError) -> CommandError {
    match error {
        TemplateError::Busy => CommandError::busy(),
        error => CommandError::new(ErrorCode::TEMPLATE, error.to_string()),
    }
}
