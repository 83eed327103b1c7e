//! `hearth relay`: the public relay and its operator's commands.

use std::error::Error;

use actix::System;
use serde_json::{Map, Value, json};

use super::table::{self, text, time, yes};
use crate::arguments::{
    RelayCommand, RelayDataDir, RelayHubCommand, RelayWebhookArguments, RelayWebhookCommand,
};
use crate::data_dir::DataFolder;
use crate::printable::printable;
use crate::{control, relay};

pub(super) fn carry_out(command: RelayCommand) -> Result<(), Box<dyn Error>> {
    match command {
        RelayCommand::Run(run) => relay::run(&run).map_err(Into::into),
        RelayCommand::Webhook(command) => webhook(command),
        RelayCommand::Hub(command) => hub(command),
        RelayCommand::Explain {
            data,
            id,
            query,
            headers,
            body,
        } => {
            let headers = headers.iter().map(|header| pair(header, ':'));
            let headers = headers.collect::<Result<Vec<_>, _>>()?;
            let mut asked = json!({"id": id, "query": query, "headers": headers});
            if let Some(body) = body {
                asked["body"] = match body.strip_prefix('@') {
                    Some(file) => std::fs::read_to_string(file)?.into(),
                    None => body.into(),
                };
            }
            print_json(&call(&data, "webhook/explain", asked)?)
        }
        RelayCommand::Deliveries { data, id, json } => {
            let deliveries = call(&data, "webhook/deliveries", json!({"id": id}))?;
            if json {
                return print_json(&deliveries);
            }
            let rows: Vec<_> = items(&deliveries)
                .map(|delivery| {
                    [
                        time(delivery, "received_at"),
                        text(delivery, "matched"),
                        text(delivery, "dropped"),
                        text(delivery, "bytes"),
                        yes(delivery, "is_duplicate"),
                        text(delivery, "id"),
                    ]
                })
                .collect();
            let headings = ["RECEIVED", "HUBS", "DROPPED", "BYTES", "REPEAT", "DELIVERY"];
            Ok(table::print(headings, &rows)?)
        }
    }
}

fn webhook(command: RelayWebhookCommand) -> Result<(), Box<dyn Error>> {
    match command {
        RelayWebhookCommand::Create(wanted) => {
            let asked = wanted_webhook(&wanted)?;
            let made = call_or_begin(&wanted.data, "webhook/create", asked)?;
            println!("id:     {}", text(&made, "id"));
            println!("secret: {}", text(&made, "secret"));
            println!("url:    {}", text(&made, "url"));
        }
        RelayWebhookCommand::List { data, json } => {
            let webhooks = call(&data, "webhook/list", json!({}))?;
            if json {
                return print_json(&webhooks);
            }
            let rows: Vec<_> = items(&webhooks)
                .map(|webhook| {
                    [
                        text(webhook, "id"),
                        text(webhook, "name"),
                        text(webhook, "owner"),
                        text(webhook, "key_path"),
                        text(webhook, "signature"),
                        yes(webhook, "disabled"),
                    ]
                })
                .collect();
            let headings = ["ID", "NAME", "OWNER", "KEY PATH", "SIGNED", "DISABLED"];
            table::print(headings, &rows)?;
        }
        RelayWebhookCommand::Rotate {
            data,
            id,
            overlap_h,
        } => {
            let asked = json!({"id": id, "overlap_s": overlap_h.saturating_mul(3600)});
            let rotated = call(&data, "webhook/rotate", asked)?;
            println!("{}", text(&rotated, "secret"));
        }
        RelayWebhookCommand::Disable { data, id } => {
            call(
                &data,
                "webhook/disable",
                json!({"id": id, "disabled": true}),
            )?;
            println!("the webhook answers as if it were not there");
        }
        RelayWebhookCommand::Enable { data, id } => {
            call(
                &data,
                "webhook/disable",
                json!({"id": id, "disabled": false}),
            )?;
            println!("the webhook answers again");
        }
        RelayWebhookCommand::Revoke { data, id } => {
            call(&data, "webhook/revoke", json!({"id": id}))?;
            println!("the webhook is removed, with all registrations for it");
        }
    }
    Ok(())
}

fn hub(command: RelayHubCommand) -> Result<(), Box<dyn Error>> {
    match command {
        RelayHubCommand::Create { data, name, json } => {
            let made = call_or_begin(&data, "hub/create", json!({"name": name}))?;
            if json {
                return print_json(&made);
            }
            println!("id:    {}", text(&made, "id"));
            println!("token: {}", text(&made, "token"));
        }
        RelayHubCommand::List { data, json } => {
            let hubs = call(&data, "hub/list", json!({}))?;
            if json {
                return print_json(&hubs);
            }
            let rows: Vec<_> = items(&hubs)
                .map(|hub| {
                    [
                        text(hub, "id"),
                        text(hub, "name"),
                        yes(hub, "connected"),
                        text(hub, "registrations"),
                        yes(hub, "waiting"),
                        time(hub, "last_seen"),
                        yes(hub, "disabled"),
                    ]
                })
                .collect();
            let headings = [
                "ID",
                "NAME",
                "CONNECTED",
                "WEBHOOKS",
                "WAITING",
                "LAST SEEN",
                "DISABLED",
            ];
            table::print(headings, &rows)?;
        }
        RelayHubCommand::Rotate {
            data,
            id,
            overlap_h,
        } => {
            let asked = json!({"id": id, "overlap_s": overlap_h.saturating_mul(3600)});
            let rotated = call(&data, "hub/rotate", asked)?;
            println!("{}", text(&rotated, "token"));
        }
        RelayHubCommand::Disable { data, id } => {
            call(&data, "hub/disable", json!({"id": id, "disabled": true}))?;
            println!("the hub is shut out");
        }
        RelayHubCommand::Enable { data, id } => {
            call(&data, "hub/disable", json!({"id": id, "disabled": false}))?;
            println!("the hub may connect again");
        }
        RelayHubCommand::Revoke { data, id } => {
            call(&data, "hub/revoke", json!({"id": id}))?;
            println!("the hub is removed, with all that it had here");
        }
        RelayHubCommand::DeadLetters { data, id, json } => {
            let letters = call(&data, "hub/dead_letters", json!({"id": id}))?;
            if json {
                return print_json(&letters);
            }
            let rows: Vec<_> = items(&letters)
                .map(|letter| {
                    [
                        text(letter, "seq"),
                        time(letter, "received_at"),
                        text(letter, "bytes"),
                        text(letter, "webhook_id"),
                    ]
                })
                .collect();
            table::print(["SEQ", "RECEIVED", "BYTES", "WEBHOOK"], &rows)?;
        }
        RelayHubCommand::Replay { data, id, seq } => {
            call(&data, "hub/replay", json!({"id": id, "seq": seq}))?;
            println!("the message is on its way again");
        }
    }
    Ok(())
}

fn wanted_webhook(wanted: &RelayWebhookArguments) -> Result<Value, Box<dyn Error>> {
    let mut asked = json!({
        "name": wanted.name,
        "owner": wanted.owner,
        "key_path": wanted.key_path,
        "dedupe_header": wanted.dedupe_header,
        "limits": {
            "body": wanted.body_limit,
            "rate": wanted.rate,
            "burst": wanted.burst,
            "ttl_h": wanted.ttl_h,
        },
    });
    if let (Some(scheme), Some(file)) = (wanted.signature, &wanted.signature_secret_file) {
        let secrets = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let secrets: Vec<&str> = secrets.lines().filter(|line| !line.is_empty()).collect();
        asked["signature"] = json!({
            "scheme": scheme.as_str(),
            "header": wanted.signature_header,
            "prefix": wanted.signature_prefix,
            "hash": wanted.signature_hash.as_str(),
            "secrets": secrets,
        });
    }
    if let (Some(place), Some(name)) = (wanted.challenge_in, &wanted.challenge_name) {
        let when = wanted.challenge_when.as_deref().map(|when| pair(when, '='));
        let when = when.transpose()?;
        asked["challenge"] = json!({
            "in": place.as_str(),
            "name": name,
            "reply": if wanted.challenge_json { "json" } else { "text" },
            "when": when.map(|(name, value)| json!({"name": name, "value": value})),
        });
    }
    Ok(asked)
}

/// A name and a value with something between them.
fn pair(text: &str, between: char) -> Result<(String, String), String> {
    match text.split_once(between) {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(format!(
            "`{}`: expected a name, `{between}` and a value",
            printable(text)
        )),
    }
}

/// Asks the relay on this data folder: the running one if there is one, else one that is opened
/// for this alone. A folder without a relay is told: a mistyped name makes none.
fn call(data: &RelayDataDir, command: &str, asked: Value) -> Result<Value, Box<dyn Error>> {
    DataFolder::existing_relay(&data.data_dir)?;
    call_or_begin(data, command, asked)
}

/// The same for what a new relay begins with: the folder is made where it is missing.
fn call_or_begin(
    data: &RelayDataDir,
    command: &str,
    asked: Value,
) -> Result<Value, Box<dyn Error>> {
    let Value::Object(asked) = asked else {
        return Err("the parameters of a command are an object".into());
    };
    let asked: Map<String, Value> = asked;
    System::new().block_on(async {
        let folder = DataFolder::open(&data.data_dir)?;
        let socket = folder.control_socket();
        if let Some(answer) = control::request(&socket, command, asked.clone()).await {
            return Ok(answer?);
        }
        let answer = relay::call_stopped(&data.data_dir, command, asked).await?;
        answer.map_err(|error| error.message.into())
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn print_json(value: &Value) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
