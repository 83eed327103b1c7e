//! The command `config/core/check_config`: whether a hub would start with the settings as they are
//! on the disk now.

use std::path::PathBuf;

use actix::prelude::*;
use hearth_core::ask::Ask;
use hearth_core::command::{Access, Command};
use hearth_core::hub::Hub;
use serde_json::{Value, json};

use crate::configuration::{self, Provisions};

/// Registers the command; `file` is the one that the hub was started with.
pub(crate) fn start(hub: &Hub, file: Option<PathBuf>) {
    let checker = Checker { file }.start();
    hub.commands.register(
        "config/core/check_config",
        Access::Admin,
        checker.recipient(),
    );
}

struct Checker {
    file: Option<PathBuf>,
}

impl Actor for Checker {
    type Context = Context<Self>;
}

impl Handler<Ask<Command>> for Checker {
    type Result = ();

    fn handle(&mut self, asked: Ask<Command>, _: &mut Self::Context) {
        let (_, reply) = asked.take();
        let file = self.file.clone();
        // Files are read on a thread for it.
        actix::spawn(async move {
            let checked = actix_rt::task::spawn_blocking(move || check(file)).await;
            // Fails only when the thread panics: then the caller is told of a failure.
            if let Ok(result) = checked {
                reply.send(Ok(result));
            }
        });
    }
}

/// `{"result": "valid" | "invalid", "errors": text | null, "warnings": text | null}`
fn check(file: Option<PathBuf>) -> Value {
    let loaded = configuration::load(file.as_deref()).map_err(|error| error.to_string());
    let checked = loaded
        .and_then(|settings| Provisions::resolve(&settings).map_err(|missing| missing.to_string()));
    match checked {
        Ok(_) => json!({"result": "valid", "errors": null, "warnings": null}),
        Err(errors) => json!({"result": "invalid", "errors": errors, "warnings": null}),
    }
}
