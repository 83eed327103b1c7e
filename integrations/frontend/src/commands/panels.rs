//! `get_panels`: the entries of a page's side bar. A panel that is not named here is not shown, so
//! pages that need what the hub does not have (history, energy, calendars …) are left out.

use hearth_core::prelude::*;

use super::Call;
use crate::Frontend;
use crate::commands::dashboards::Dashboard;

struct Panel {
    component: &'static str,
    url_path: &'static str,
    title: Option<&'static str>,
    icon: Option<&'static str>,
    /// Whether it shows a stored dashboard.
    is_dashboard: bool,
    require_admin: bool,
}

const fn panel(url_path: &'static str, title: Option<&'static str>) -> Panel {
    Panel {
        component: url_path,
        url_path,
        title,
        icon: None,
        is_dashboard: false,
        require_admin: false,
    }
}

const PANELS: [Panel; 5] = [
    Panel {
        is_dashboard: true,
        ..panel("lovelace", None)
    },
    Panel {
        component: "lovelace",
        icon: Some("mdi:map"),
        is_dashboard: true,
        ..panel(MAP, Some("map"))
    },
    Panel {
        icon: Some("hass:hammer"),
        require_admin: true,
        ..panel("developer-tools", Some("developer_tools"))
    },
    Panel {
        icon: Some("hass:cog"),
        require_admin: true,
        ..panel("config", Some("config"))
    },
    panel("profile", None),
];

/// The dashboard that shows a map until a person stores another one under its path.
pub(super) const MAP: &str = "map";

pub(crate) async fn get(frontend: &mut Frontend, call: Call) -> Result<Value, CommandError> {
    call.fields.finish()?;
    let is_admin = call.caller.is_admin();
    let fixed = PANELS
        .iter()
        .filter(|panel| is_admin || !panel.require_admin)
        .map(|panel| (panel.url_path.to_owned(), fixed(panel)));
    let dashboards = frontend
        .dashboards
        .iter()
        .filter(|(_, dashboard)| is_admin || !dashboard.require_admin)
        .map(|(_, dashboard)| (dashboard.url_path.clone(), stored(dashboard)));
    Ok(Value::Object(fixed.chain(dashboards).collect()))
}

/// Whether a dashboard would hide a panel.
pub(super) fn is_panel(url_path: &str) -> bool {
    PANELS.iter().any(|panel| panel.url_path == url_path)
}

fn fixed(panel: &Panel) -> Value {
    json!({
        "component_name": panel.component,
        "icon": panel.icon,
        "title": panel.title,
        "config": panel.is_dashboard.then(|| json!({"mode": "storage"})),
        "url_path": panel.url_path,
        "require_admin": panel.require_admin,
        "config_panel_domain": null,
    })
}

fn stored(dashboard: &Dashboard) -> Value {
    let shown = dashboard.show_in_sidebar;
    json!({
        "component_name": "lovelace",
        "icon": dashboard.icon.as_deref().or(Some("mdi:view-dashboard")).filter(|_| shown),
        "title": shown.then_some(&dashboard.title),
        "config": {"mode": "storage"},
        "url_path": dashboard.url_path,
        "require_admin": dashboard.require_admin,
        "config_panel_domain": null,
    })
}
