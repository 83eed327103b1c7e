//! An integration beside the phones: it answers the commands that they ask others, has a service
//! that works and one that fails, and hears events.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use hearth_core::hub::Hub;
use hearth_core::prelude::*;

/// See the module's words.
pub(crate) struct Neighbours {
    host: Option<Host>,
}

impl Neighbours {
    pub(crate) fn factory() -> Factory {
        Factory::new(Manifest::new("neighbours", "Neighbours"), |_| {
            Box::new(Self { host: None })
        })
    }
}

impl Integration for Neighbours {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            for command in ["template/render", "tag/scan", "person/link_tracker"] {
                host.register_command(command, Access::Inside);
            }
            host.register_service("work", "Works", Schema::Anything, Response::None)
                .await;
            host.register_service("fail", "Fails", Schema::Anything, Response::None)
                .await;
            self.host = Some(host);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            let hub = self.host.as_ref().unwrap().hub().clone();
            note(&hub, &command).await;
            if &*command.name != "template/render" {
                return Ok(Value::Null);
            }
            assert_eq!(command.data["typed"], true);
            match command.data["template"].as_str().unwrap() {
                "{{ 1+1 }}" => Ok(json!(2)),
                "{{ x }}" => Ok(command.data["variables"]["x"].clone()),
                _ => Err(CommandError::failed("ZeroDivisionError: division by zero")),
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            match &*call.service {
                "work" => Ok(None),
                _ => Err(ServiceError::Failed("no".to_owned())),
            }
        })
    }
}

/// Every command that came, as an event that tests can wait for.
async fn note(hub: &Hub, command: &Command) {
    let data = json!({"name": &*command.name, "data": command.data});
    hub.fire("neighbour_asked", data, command.caller.context)
        .await;
}

/// Hears events.
pub(crate) struct Heard(tokio::sync::mpsc::UnboundedReceiver<Arc<Event>>);

impl Heard {
    pub(crate) async fn all(hub: &Hub) -> Self {
        use actix::Actor;
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let ear = Ear(sender).start();
        hub.bus
            .subscribe(Filter::all(), hearth_core::bus::Pace::Hold, ear.recipient())
            .await;
        Self(receiver)
    }

    /// The next event that fits, as clients see it.
    pub(crate) async fn next(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let wait = std::time::Duration::from_secs(10);
        loop {
            let event = actix_rt::time::timeout(wait, self.0.recv()).await;
            let event = event.expect("the event comes in time").unwrap();
            let event: Value = serde_json::from_slice(event.json()).unwrap();
            if fits(&event) {
                return event;
            }
        }
    }

    pub(crate) async fn next_of(&mut self, event_type: &str) -> Value {
        self.next(|event| event["event_type"] == event_type).await
    }
}

struct Ear(tokio::sync::mpsc::UnboundedSender<Arc<Event>>);

impl actix::Actor for Ear {
    type Context = actix::Context<Self>;
}

impl actix::Handler<hearth_core::bus::Delivery> for Ear {
    type Result = ();

    fn handle(&mut self, delivery: hearth_core::bus::Delivery, _: &mut Self::Context) {
        if let hearth_core::bus::Delivery::Event { event, .. } = delivery {
            let _ = self.0.send(event);
        }
    }
}
