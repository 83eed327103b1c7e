//! `hearth user` and `hearth token`.

use std::error::Error;
use std::io::{BufRead, IsTerminal, Write};

use serde_json::{Value, json};

use super::{call, none};
use crate::accounts::{ADD_USER, CREATE_TOKEN, LIST_TOKENS, LIST_USERS, REVOKE_TOKEN};
use crate::arguments::{TokenCommand, UserCommand};

pub(super) fn user(command: UserCommand) -> Result<(), Box<dyn Error>> {
    match command {
        UserCommand::Add {
            data,
            name,
            admin,
            local_only,
            password_stdin,
        } => {
            let password = password_stdin.then(|| read_password(&name)).transpose()?;
            let parameters = json!({
                "name": name, "password": password, "admin": admin, "local_only": local_only,
            });
            let user = call(&data, ADD_USER, parameters, none)?;
            let role = match (&user["is_owner"], &user["is_admin"]) {
                (Value::Bool(true), _) => "the owner of this hub",
                (_, Value::Bool(true)) => "an administrator",
                _ => "a user",
            };
            println!("{name} is now {role}");
        }
        UserCommand::List { data } => {
            let users = call(&data, LIST_USERS, json!({}), none)?;
            println!(
                "{:<24}{:<8}{:<8}{:<8}LOCAL ONLY",
                "NAME", "OWNER", "ADMIN", "ACTIVE"
            );
            for user in users.as_array().into_iter().flatten() {
                let yes = |key: &str| if user[key] == true { "yes" } else { "-" };
                println!(
                    "{:<24}{:<8}{:<8}{:<8}{}",
                    user["name"].as_str().unwrap_or_default(),
                    yes("is_owner"),
                    yes("is_admin"),
                    yes("is_active"),
                    yes("local_only"),
                );
            }
        }
    }
    Ok(())
}

pub(super) fn token(command: TokenCommand) -> Result<(), Box<dyn Error>> {
    match command {
        TokenCommand::Create {
            data,
            user,
            name,
            days,
        } => {
            let parameters = json!({"user": user, "name": name, "days": days});
            let token = call(&data, CREATE_TOKEN, parameters, none)?;
            println!("{}", token.as_str().unwrap_or_default());
        }
        TokenCommand::List { data, user } => {
            let tokens = call(&data, LIST_TOKENS, json!({"user": user}), none)?;
            println!("{:<34}{:<28}{:<34}LAST USED", "ID", "NAME", "CREATED");
            for token in tokens.as_array().into_iter().flatten() {
                let text = |key: &str| token[key].as_str().unwrap_or("-").to_owned();
                println!(
                    "{:<34}{:<28}{:<34}{}",
                    text("id"),
                    text("name"),
                    text("created_at"),
                    text("last_used_at"),
                );
            }
        }
        TokenCommand::Revoke { data, id } => {
            call(&data, REVOKE_TOKEN, json!({"id": id}), none)?;
            println!("revoked");
        }
    }
    Ok(())
}

/// One line of standard input. A pipe is read in silence; a person is asked first.
fn read_password(name: &str) -> Result<String, Box<dyn Error>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("Password for {name} (it is shown while you type): ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    stdin.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err("no password was given on standard input".into());
    }
    Ok(password.to_owned())
}
