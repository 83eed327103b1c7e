//! Which log lines come out, changed while the hub runs (spec websocket-api §7).
//!
//! This crate keeps levels by module and hands them to the logger of the process. It writes no
//! log lines of its own and reads none: see `system_log`.
//!
//! Start reading at [`factory`]; `level.rs` holds the words for levels, `kept.rs` what is kept.

mod kept;
mod level;

use std::collections::BTreeMap;

use futures_util::future::LocalBoxFuture;
use hearth_core::fields::Fields;
use hearth_core::log_levels::LogLevels;
use hearth_core::prelude::*;
use serde::{Deserialize, Serialize};

use kept::Kept;
use level::Level;

/// Makes the logger integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new("logger", "Logger"), |_| {
        Box::<LoggerIntegration>::default()
    })
}

const INFO: &str = "logger/log_info";
const MODULE: &str = "logger/log_level";
const INTEGRATION: &str = "logger/integration_log_level";
const SET_DEFAULT: &str = "set_default_level";
const SET: &str = "set_level";

/// How long a level stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Persistence {
    /// Until the hub stops.
    None,
    /// Over the next start, and until the hub stops then.
    Once,
    /// For ever.
    Permanent,
}

const PERSISTENCES: [(&str, Persistence); 3] = [
    ("none", Persistence::None),
    ("once", Persistence::Once),
    ("permanent", Persistence::Permanent),
];

#[derive(Default)]
struct LoggerIntegration(Option<Logger>);

/// What the integration holds while it runs.
struct Logger {
    host: Host,
    kept: Kept,
    /// Levels over those of the settings, by module; the empty one is every other.
    levels: BTreeMap<String, Level>,
}

impl Integration for LoggerIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            let (kept, levels) = Kept::load(&host.hub().store)
                .await
                .map_err(StartError::new)?;
            let logger = Logger {
                host: host.clone(),
                kept,
                levels,
            };
            if !logger.levels.is_empty() {
                logger.apply();
            }
            for name in [INFO, MODULE, INTEGRATION] {
                host.register_command(name, Access::Admin);
            }
            let level = Field::required("level", level::kind(), "The least that is told.");
            let schema = Schema::Fields(vec![level]);
            host.register_admin_service(SET_DEFAULT, "Sets the level of all modules.", schema)
                .await;
            let what = "Sets the level of some modules: module and level, one each.";
            host.register_admin_service(SET, what, Schema::Anything)
                .await;
            self.0 = Some(logger);
            Ok(())
        })
    }

    fn command(&mut self, command: Command) -> LocalBoxFuture<'_, Result<Value, CommandError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(logger) => logger.carry_out(command).await,
                None => Err(CommandError::unknown()),
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            match &mut self.0 {
                Some(logger) => logger.serve(call).await.map(|()| None),
                None => Err(ServiceError::Unknown),
            }
        })
    }
}

impl Logger {
    async fn carry_out(&mut self, command: Command) -> Result<Value, CommandError> {
        let mut fields = Fields::new(command.data);
        let (module, level, persistence) = match &*command.name {
            INFO => {
                fields.finish()?;
                return Ok(self.info());
            }
            INTEGRATION => {
                let domain = fields.text("integration")?;
                if !self.is_integration(&domain) {
                    return Err(CommandError::not_found("Integration not found"));
                }
                let (level, persistence) = level_fields(&mut fields)?;
                (level::module_of_integration(&domain), level, persistence)
            }
            _ => {
                let module = fields.text("module")?;
                let known = level::module(&module)
                    .ok_or_else(|| CommandError::invalid(format!("{module} is no module")))?;
                let (level, persistence) = level_fields(&mut fields)?;
                (known, level, persistence)
            }
        };
        fields.finish()?;
        self.check_room(&module).map_err(CommandError::failed)?;
        let kept = self.kept.note(&module, level, persistence).await;
        kept.map_err(|error| CommandError::failed(error.to_string()))?;
        self.change([(module, level)], command.caller.context).await;
        Ok(Value::Null)
    }

    async fn serve(&mut self, call: ServiceCall) -> Result<(), ServiceError> {
        let mut changes = Vec::new();
        for (key, value) in &call.data {
            let level = value.as_str().and_then(Level::parse);
            let module = match &*call.service {
                SET_DEFAULT => Some(String::new()),
                _ => level::module(key),
            };
            let (Some(module), Some(level)) = (module, level) else {
                let message = format!("expected a module and its level @ data['{key}']");
                return Err(ServiceError::Invalid(message));
            };
            self.check_room(&module).map_err(ServiceError::Failed)?;
            changes.push((module, Some(level)));
        }
        self.change(changes, call.context).await;
        Ok(())
    }

    /// The level of each integration as a number.
    fn info(&self) -> Value {
        let hub = self.host.hub();
        let default = self.levels.get("").copied();
        let default = default.unwrap_or_else(|| Level::of_settings(&hub.settings.log.level));
        let integrations = hub.integrations.list();
        let level = |domain: &str| {
            let module = level::module_of_integration(domain);
            self.levels.get(&module).copied().unwrap_or(default)
        };
        integrations
            .iter()
            .map(|status| {
                let domain = &status.manifest.domain;
                json!({"domain": domain, "level": level(domain).number()})
            })
            .collect()
    }

    fn is_integration(&self, domain: &str) -> bool {
        let integrations = self.host.hub().integrations.list();
        integrations
            .iter()
            .any(|status| &*status.manifest.domain == domain)
    }

    fn check_room(&self, module: &str) -> Result<(), String> {
        let limit = self.host.hub().settings.hub.collection_limit;
        if self.levels.len() < limit || self.levels.contains_key(module) {
            return Ok(());
        }
        Err(format!(
            "No more than {limit} levels are kept (setting hub.collection_limit)"
        ))
    }

    async fn change(
        &mut self,
        changes: impl IntoIterator<Item = (String, Option<Level>)>,
        context: Context,
    ) {
        for (module, level) in changes {
            match level {
                Some(level) => _ = self.levels.insert(module, level),
                None => _ = self.levels.remove(&module),
            }
        }
        self.apply();
        let hub = self.host.hub();
        hub.fire("logging_changed", json!({}), context).await;
    }

    fn apply(&self) {
        let directives: Vec<String> = self
            .levels
            .iter()
            .map(|(module, level)| match module.as_str() {
                "" => level.directive().to_owned(),
                module => format!("{module}={}", level.directive()),
            })
            .collect();
        if !LogLevels::of_this_process().change(&directives.join(",")) {
            tracing::warn!("the levels of the log cannot be changed here");
        }
    }
}

/// `level` and `persistence`; a level of `None` is that of the settings again.
fn level_fields(fields: &mut Fields) -> Result<(Option<Level>, Persistence), CommandError> {
    let text = fields.text("level")?;
    let level = match text.as_str() {
        "NOTSET" => None,
        text => Some(Level::parse(text).ok_or_else(|| {
            let expected = format!("value must be one of {:?}", level::WORDS);
            hearth_core::fields::wrong_value(&expected, "level", &json!(text))
        })?),
    };
    let persistence = fields.one_of("persistence", &PERSISTENCES)?;
    let persistence = persistence
        .ok_or_else(|| CommandError::invalid("required key not provided @ data['persistence']"))?;
    Ok((level, persistence))
}
