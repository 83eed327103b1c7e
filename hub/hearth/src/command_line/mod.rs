//! Carries out what was typed: one file a group of commands.

mod accounts;
mod registrations;
mod relay;
mod simulate;
mod table;

use std::error::Error;
use std::sync::Arc;

use actix::System;
use hearth_core::command::CommandError;
use hearth_core::integration::Factory;
use hearth_core::settings::Settings;
use serde_json::{Map, Value};

use crate::arguments::{Arguments, Command, DataDir};
use crate::configuration::{Missing, Provisions};
use crate::data_dir::DataFolder;
use crate::{configuration, control, run};

/// Carries out one invocation.
pub(crate) fn carry_out(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    match arguments.command {
        None => run::run(&arguments.run).map_err(Into::into),
        Some(Command::Run(run)) => run::run(&run).map_err(Into::into),
        Some(Command::User(command)) => accounts::user(command),
        Some(Command::Token(command)) => accounts::token(command),
        Some(Command::Ban(command)) => accounts::ban(command),
        Some(Command::Registrations(command)) => registrations::carry_out(command),
        Some(Command::Check(check)) => {
            let file = check.config.display();
            let settings = configuration::load(Some(&check.config))?;
            match Provisions::resolve(&settings) {
                Ok(_) => println!("{file} is good"),
                // It may be set where the hub runs.
                Err(missing @ Missing::Secret { .. }) => {
                    println!("{file} is good, but for what is not here: {missing}");
                }
                Err(Missing::Wrong(wrong)) => return Err(format!("{file}: {wrong}").into()),
            }
            Ok(())
        }
        Some(Command::Simulate(simulate)) => simulate::carry_out(simulate),
        Some(Command::Relay(command)) => relay::carry_out(command),
    }
}

/// Calls a command of the hub on this data folder: of the running hub if there is one, else of
/// one that is opened for this alone, with these integrations and without doors. A folder
/// without a hub is told: a mistyped name makes none.
fn call(
    data: &DataDir,
    command: &str,
    parameters: Value,
    integrations: fn() -> Vec<Factory>,
) -> Result<Value, Box<dyn Error>> {
    DataFolder::existing(&data.data_dir)?;
    call_or_begin(data, command, parameters, integrations)
}

/// The same for what a new hub begins with: the folder is made where it is missing.
fn call_or_begin(
    data: &DataDir,
    command: &str,
    parameters: Value,
    integrations: fn() -> Vec<Factory>,
) -> Result<Value, Box<dyn Error>> {
    let Value::Object(parameters) = parameters else {
        return Err("the parameters of a command are an object".into());
    };
    System::new().block_on(async {
        let folder = DataFolder::open(&data.data_dir)?;
        let socket = folder.control_socket();
        if let Some(answer) = control::request(&socket, command, parameters.clone()).await {
            return Ok(answer?);
        }
        call_stopped_hub(data, command, parameters, integrations()).await
    })
}

async fn call_stopped_hub(
    data: &DataDir,
    command: &str,
    parameters: Map<String, Value>,
    integrations: Vec<Factory>,
) -> Result<Value, Box<dyn Error>> {
    let (hub, auth, _lock) = run::open(&Arc::new(Settings::default()), &data.data_dir)?;
    crate::accounts::start(&hub, &auth);
    if !integrations.is_empty() {
        hub.start_integrations(integrations).await;
    }
    let answer = control::call(&hub, command, parameters).await;
    hub.stop().await;
    answer.map_err(|error: CommandError| error.message.into())
}

/// No integrations: users and tokens need none.
fn none() -> Vec<Factory> {
    Vec::new()
}
