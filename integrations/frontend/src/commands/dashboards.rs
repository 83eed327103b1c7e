//! `lovelace/*`: dashboards, and what they show. What a dashboard shows is the page's own business;
//! the hub keeps it.

use hearth_core::command::ErrorCode;
use hearth_core::fields::check_name;
use hearth_core::prelude::*;
use hearth_core::slug::slugify;
use serde::{Deserialize, Serialize};

use super::Call;
use super::panels::{MAP, is_panel};
use crate::{Frontend, check_size, failed, read};

/// The path of the dashboard that is always there.
const DEFAULT: &str = "lovelace";

/// A dashboard as stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Dashboard {
    id: String,
    pub(crate) url_path: String,
    pub(crate) title: String,
    pub(crate) icon: Option<String>,
    pub(crate) require_admin: bool,
    pub(crate) show_in_sidebar: bool,
}

fn view(dashboard: &Dashboard) -> Value {
    json!({
        "id": dashboard.id,
        "url_path": dashboard.url_path,
        "title": dashboard.title,
        "icon": dashboard.icon,
        "mode": "storage",
        "require_admin": dashboard.require_admin,
        "show_in_sidebar": dashboard.show_in_sidebar,
    })
}

pub(crate) async fn info(_: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    Ok(json!({"resource_mode": "storage"}))
}

pub(crate) async fn config(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    call.fields.flag("force")?;
    let path = frontend.path(&mut call)?;
    call.fields.finish()?;
    match read(&frontend.shown, &path).await? {
        Some(config) => Ok(config),
        None if path == MAP => Ok(json!({"strategy": {"type": "map"}})),
        None => Err(not_found("No config found.")),
    }
}

pub(crate) async fn save(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let path = frontend.path(&mut call)?;
    let config = call.fields.required("config")?;
    call.fields.finish()?;
    if !config.is_object() && !config.is_string() {
        let expected = "expected str or dict";
        return Err(hearth_core::fields::wrong_value(
            expected, "config", &config,
        ));
    }
    let limit = frontend.host.hub().settings.frontend.dashboard_limit;
    check_size(&config, limit, "frontend.dashboard_limit")?;
    let kept = frontend.shown.put(&path, &config).await;
    kept.map_err(failed)?;
    frontend.tell_updated(&path, call.caller.context).await;
    Ok(Value::Null)
}

pub(crate) async fn delete_config(
    frontend: &mut Frontend,
    mut call: Call,
) -> Result<Value, CommandError> {
    let path = frontend.path(&mut call)?;
    call.fields.finish()?;
    frontend.shown.delete(&path).await.map_err(failed)?;
    frontend.tell_updated(&path, call.caller.context).await;
    Ok(Value::Null)
}

pub(crate) async fn list(frontend: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let dashboards = frontend.dashboards.iter();
    Ok(dashboards.map(|(_, dashboard)| view(dashboard)).collect())
}

pub(crate) async fn create(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let fields = &mut call.fields;
    fields.one_of("mode", &[("storage", ())])?;
    let single_word = fields.flag("allow_single_word")?.unwrap_or_default();
    let url_path = fields.text("url_path")?;
    let dashboard = Dashboard {
        id: frontend.dashboards.free_id(&url_path),
        title: fields.text("title")?,
        icon: fields.nullable_text("icon")?.flatten(),
        require_admin: fields.flag("require_admin")?.unwrap_or_default(),
        show_in_sidebar: fields.flag("show_in_sidebar")?.unwrap_or(true),
        url_path,
    };
    call.fields.finish()?;
    check_name("title", &dashboard.title)?;
    frontend.check_path(&dashboard.url_path, single_word)?;
    let id = dashboard.id.clone();
    let dashboard = frontend.dashboards.put(&id, dashboard).await?;
    frontend.tell_panels(call.caller.context).await;
    Ok(view(&dashboard))
}

pub(crate) async fn update(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let fields = &mut call.fields;
    let known = frontend.dashboards.find(&fields.text("dashboard_id")?)?;
    let mut dashboard = Dashboard::clone(&known);
    if let Some(title) = fields.optional_text("title")? {
        check_name("title", &title)?;
        dashboard.title = title;
    }
    if let Some(icon) = fields.nullable_text("icon")? {
        dashboard.icon = icon;
    }
    if let Some(require_admin) = fields.flag("require_admin")? {
        dashboard.require_admin = require_admin;
    }
    if let Some(show) = fields.flag("show_in_sidebar")? {
        dashboard.show_in_sidebar = show;
    }
    fields.one_of("mode", &[("storage", ())])?;
    call.fields.finish()?;
    let dashboard = frontend.dashboards.put(&known.id, dashboard).await?;
    frontend.tell_panels(call.caller.context).await;
    Ok(view(&dashboard))
}

/// What it showed goes with it.
pub(crate) async fn delete(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let id = call.fields.text("dashboard_id")?;
    call.fields.finish()?;
    let dashboard = frontend.dashboards.remove(&id).await?;
    let path = &dashboard.url_path;
    frontend.shown.delete(path).await.map_err(failed)?;
    frontend.tell_panels(call.caller.context).await;
    Ok(Value::Null)
}

impl Frontend {
    /// The path of the dashboard that is meant.
    fn path(&self, call: &mut Call) -> Result<String, CommandError> {
        let Some(path) = call.fields.nullable_text("url_path")?.flatten() else {
            return Ok(DEFAULT.to_owned());
        };
        let is_stored = |path: &str| {
            let mut dashboards = self.dashboards.iter();
            dashboards.any(|(_, dashboard)| dashboard.url_path == path)
        };
        if path == DEFAULT || path == MAP || is_stored(&path) {
            return Ok(path);
        }
        Err(not_found(format!("Unknown config specified: {path}")))
    }

    /// Refuses paths that are taken or no path.
    fn check_path(&self, path: &str, single_word: bool) -> Result<(), CommandError> {
        if !single_word && !path.contains('-') {
            let message = "Url path needs to contain a hyphen (-)";
            return Err(CommandError::invalid(message));
        }
        check_name("url_path", path)?;
        if slugify(path).replace('_', "-") != path.replace('_', "-") {
            let message = format!("invalid slug {path} @ data['url_path']");
            return Err(CommandError::invalid(message));
        }
        let mut dashboards = self.dashboards.iter();
        if is_panel(path) || dashboards.any(|(_, other)| other.url_path == path) {
            let message = "Panel url path needs to be unique";
            return Err(CommandError::invalid(message));
        }
        Ok(())
    }

    async fn tell_updated(&self, path: &str, context: Context) {
        // The default dashboard has no path of its own.
        let path = (path != DEFAULT).then_some(path);
        let data = json!({"url_path": path, "mode": "storage"});
        let hub = self.host.hub();
        hub.fire("lovelace_updated", data, context).await;
    }

    async fn tell_panels(&self, context: Context) {
        let hub = self.host.hub();
        hub.fire("panels_updated", json!({}), context).await;
    }
}

fn not_found(message: impl Into<String>) -> CommandError {
    CommandError::new(ErrorCode::new("config_not_found"), message)
}
