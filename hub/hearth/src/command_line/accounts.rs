//! `hearth user`, `hearth token` and `hearth ban`.

use std::error::Error;
use std::io::{BufRead, IsTerminal, Write};

use serde_json::{Value, json};

use super::table::{self, text, time, yes};
use super::{call, call_or_begin, none};
use crate::accounts::{bans, tokens, users};
use crate::arguments::{BanCommand, TokenCommand, UserCommand};
use crate::printable::printable;

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
            let user = call_or_begin(&data, users::ADD, parameters, none)?;
            println!("{} is now {}", shown(&user), role(&user));
        }
        UserCommand::List { data, json } => {
            let users = call(&data, users::LIST, json!({}), none)?;
            if json {
                return print_json(&users);
            }
            let rows: Vec<_> = people(&users)
                .map(|user| {
                    [
                        text(user, "name"),
                        text(user, "username"),
                        role(user).to_owned(),
                        yes(user, "is_active"),
                        yes(user, "local_only"),
                    ]
                })
                .collect();
            table::print(["NAME", "LOGIN", "ROLE", "ACTIVE", "LOCAL ONLY"], &rows)?;
        }
        UserCommand::Show { data, user, json } => {
            let user = call(&data, users::SHOW, json!({"user": user}), none)?;
            if json {
                return print_json(&user);
            }
            show(&user)?;
        }
        UserCommand::Password { data, user } => {
            // First, so that nobody types a password for a name that is not there.
            let found = call(&data, users::SHOW, json!({"user": user}), none)?;
            let password = read_password(&shown(&found))?;
            let parameters = json!({"user": found["id"], "password": password});
            let user = call(&data, users::PASSWORD, parameters, none)?;
            println!(
                "{} has a new password and signs in as `{}`",
                shown(&user),
                printable(&text(&user, "username"))
            );
        }
        UserCommand::Rename { data, user, name } => {
            let parameters = json!({"user": user, "name": name});
            let renamed = call(&data, users::RENAME, parameters, none)?;
            println!("{} is now called {}", printable(&user), shown(&renamed));
        }
        UserCommand::Activate { data, user } => {
            let parameters = json!({"user": user, "active": true});
            let user = call(&data, users::ACTIVATE, parameters, none)?;
            println!("{} may come in again", shown(&user));
        }
        UserCommand::Deactivate { data, user } => {
            let parameters = json!({"user": user, "active": false});
            let user = call(&data, users::ACTIVATE, parameters, none)?;
            println!("{} is shut out; its connections are closed", shown(&user));
        }
        UserCommand::Remove { data, user } => {
            let user = call(&data, users::REMOVE, json!({"user": user}), none)?;
            println!("{} is removed, with all its tokens", shown(&user));
        }
        UserCommand::Group { data, user, group } => {
            let parameters = json!({"user": user, "group": group.as_str()});
            let user = call(&data, users::GROUP, parameters, none)?;
            println!("{} is now {}", shown(&user), role(&user));
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
            let token = call_or_begin(&data, tokens::CREATE, parameters, none)?;
            println!("{}", token.as_str().unwrap_or_default());
        }
        TokenCommand::List { data, user, json } => {
            let tokens = call(&data, tokens::LIST, json!({"user": user}), none)?;
            if json {
                return print_json(&tokens);
            }
            print_tokens(&tokens)?;
        }
        TokenCommand::Revoke { data, id } => {
            let token = call(&data, tokens::REVOKE, json!({"id": id}), none)?;
            println!(
                "the token `{}` is revoked",
                printable(&text(&token, "name"))
            );
        }
    }
    Ok(())
}

pub(super) fn ban(command: BanCommand) -> Result<(), Box<dyn Error>> {
    match command {
        BanCommand::List { data, json } => {
            let bans = call(&data, bans::LIST, json!({}), none)?;
            if json {
                return print_json(&bans);
            }
            let list = bans.as_array().map(Vec::as_slice).unwrap_or_default();
            if list.is_empty() {
                println!("nobody is banned");
                return Ok(());
            }
            let rows: Vec<_> = list
                .iter()
                .map(|ban| {
                    let until = match &ban["expires_at"] {
                        Value::Null => "lifted by hand".to_owned(),
                        _ => time(ban, "expires_at"),
                    };
                    [
                        text(ban, "address"),
                        time(ban, "banned_at"),
                        until,
                        text(ban, "failures"),
                    ]
                })
                .collect();
            table::print(["ADDRESS", "SINCE", "UNTIL", "FAILURES"], &rows)?;
        }
        BanCommand::Remove { data, address } => {
            call(&data, bans::REMOVE, json!({"address": address}), none)?;
            println!("{address} may try again");
        }
    }
    Ok(())
}

fn show(user: &Value) -> std::io::Result<()> {
    println!("Name:        {}", shown(user));
    println!("Login name:  {}", printable(&text(user, "username")));
    println!("Role:        {}", role(user));
    println!("Active:      {}", yes(user, "is_active"));
    println!("Local only:  {}", yes(user, "local_only"));
    println!("Since:       {}", time(user, "created_at"));
    println!("Id:          {}", text(user, "id"));
    println!();
    print_tokens(&user["tokens"])
}

fn print_tokens(tokens: &Value) -> std::io::Result<()> {
    let rows: Vec<_> = people(tokens)
        .map(|token| {
            [
                text(token, "id"),
                text(token, "user"),
                text(token, "name"),
                time(token, "created_at"),
                time(token, "last_used_at"),
                text(token, "last_used_ip"),
            ]
        })
        .collect();
    table::print(
        ["ID", "USER", "NAME", "CREATED", "LAST USED", "FROM"],
        &rows,
    )
}

fn people(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn shown(user: &Value) -> String {
    printable(&text(user, "name"))
}

fn role(user: &Value) -> &'static str {
    let is_in = |group: &str| people(&user["groups"]).any(|of| of == group);
    match (&user["is_owner"], &user["is_system"]) {
        (Value::Bool(true), _) => "the owner of this hub",
        (_, Value::Bool(true)) => "a part of the hub",
        _ if is_in("admin") => "an administrator",
        _ if is_in("users") => "a user",
        _ if is_in("read-only") => "a reader",
        _ => "a user without rights",
    }
}

fn print_json(value: &Value) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string_pretty(value)?);
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
