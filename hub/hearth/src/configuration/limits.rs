//! What the types of settings alone do not say: ranges, addresses, names of zones.

mod relay;

use std::net::{IpAddr, SocketAddr};

use hearth_core::home::HomeConfig;
use hearth_core::settings::Settings;
use ipnet::IpNet;

use crate::logging;

/// More of anything that waits or connects than any machine holds.
const MANY: usize = 100_000_000;
/// What an address to listen on is.
pub(super) const ADDRESS: &str = "an address and a port, such as 127.0.0.1:8123";

/// Names the first key whose value cannot be used, and what was expected.
pub(super) fn check(settings: &Settings) -> Result<(), (String, String)> {
    home(settings)?;
    numbers(settings)?;
    seconds(settings)?;
    relay::check(&settings.relay)?;
    if settings.http.listen.parse::<SocketAddr>().is_err() {
        return Err(("http.listen".to_owned(), ADDRESS.to_owned()));
    }
    let mut proxies = settings.http.trusted_proxies.iter();
    if !proxies.all(|text| is_network(text)) {
        return Err((
            "http.trusted_proxies".to_owned(),
            "addresses such as \"192.168.1.2\" and networks such as \"10.0.0.0/8\"".to_owned(),
        ));
    }
    hearth_relay_link::check(&settings.relay_link)
        .map_err(|wrong| (wrong.key.to_owned(), wrong.expected))?;
    logging::check_level(&settings.log.level)
        .map_err(|expected| ("log.level".to_owned(), expected.to_owned()))
}

fn home(settings: &Settings) -> Result<(), (String, String)> {
    HomeConfig::from_settings(&settings.hub)
        .check()
        .map_err(|invalid| {
            let key = match invalid.field {
                "location_name" => "name",
                field => field,
            };
            (format!("hub.{key}"), invalid.expected.to_owned())
        })
}

fn numbers(settings: &Settings) -> Result<(), (String, String)> {
    let (hub, http, socket) = (&settings.hub, &settings.http, &settings.websocket);
    let (auth, frontend) = (&settings.auth, &settings.frontend);
    let (store, app, template) = (&settings.store, &settings.mobile_app, &settings.template);
    let (push, link) = (&settings.push, &settings.relay_link);
    let flush = usize::try_from(store.state_flush_ms).unwrap_or(usize::MAX);
    let fuel = usize::try_from(template.fuel).unwrap_or(usize::MAX);
    let time = usize::try_from(template.time_limit_ms).unwrap_or(usize::MAX);
    for (key, number, least, most) in [
        ("hub.threads", hub.threads, 0, 256),
        ("hub.collection_limit", hub.collection_limit, 1, MANY),
        ("hub.notifications", hub.notifications, 1, MANY),
        ("hub.person_trackers", hub.person_trackers, 1, 10_000),
        ("http.workers", http.workers, 0, 256),
        ("bus.queue", settings.bus.queue, 1, MANY),
        ("store.queue", store.queue, 1, MANY),
        ("store.state_flush_ms", flush, 10, 3_600_000),
        ("http.body_limit", http.body_limit, 1, 1 << 40),
        ("http.bodies_limit", http.bodies_limit, 1, 1 << 40),
        ("http.header_limit", http.header_limit, 1, 1 << 30),
        ("http.max_connections", http.max_connections, 1, MANY),
        ("http.json_depth", http.json_depth, 1, 120),
        ("websocket.queue", socket.queue, 1, MANY),
        ("websocket.slow_queue", socket.slow_queue, 1, MANY),
        ("websocket.message_limit", socket.message_limit, 1, 1 << 40),
        ("websocket.subscriptions", socket.subscriptions, 1, MANY),
        ("websocket.commands", socket.commands, 1, 1_000_000),
        ("websocket.sockets", socket.sockets, 1, MANY),
        ("mobile_app.registrations", app.registrations, 0, MANY),
        (
            "mobile_app.sensors_per_device",
            app.sensors_per_device,
            0,
            1_000_000,
        ),
        ("mobile_app.mailbox", app.mailbox, 1, 1_000_000),
        ("mobile_app.templates", app.templates, 1, 1_000_000),
        (
            "mobile_app.attributes_limit",
            app.attributes_limit,
            2,
            1 << 30,
        ),
        ("mobile_app.app_data_limit", app.app_data_limit, 2, 1 << 30),
        ("mobile_app.text_limit", app.text_limit, 64, 1 << 20),
        ("push.queue", push.queue, 0, 100_000),
        ("push.queue_total", push.queue_total, 0, 10_000_000),
        ("push.queue_per_user", push.queue_per_user, 0, 10_000_000),
        ("push.message_limit", push.message_limit, 64, 1 << 30),
        ("push.reply_limit", push.reply_limit, 1, 1 << 30),
        ("push.posts", push.posts, 1, 100_000),
        ("push.posts_per_user", push.posts_per_user, 1, 100_000),
        ("auth.bans", auth.bans, 1, MANY),
        ("auth.failing_addresses", auth.failing_addresses, 1, MANY),
        ("auth.login_flows", auth.login_flows, 1, 1_000_000),
        (
            "auth.login_flows_per_address",
            auth.login_flows_per_address,
            1,
            1_000_000,
        ),
        ("auth.codes", auth.codes, 1, 1_000_000),
        (
            "frontend.user_data_limit",
            frontend.user_data_limit,
            2,
            1 << 30,
        ),
        (
            "frontend.dashboard_limit",
            frontend.dashboard_limit,
            2,
            1 << 30,
        ),
        ("relay_link.window", link.window as usize, 1, 256),
        ("relay_link.webhooks", link.webhooks, 0, 1_000_000),
        ("relay_link.seen", link.seen, 1, 10_000_000),
        ("relay_link.cloudhooks", link.cloudhooks, 0, 1_000_000),
        ("relay_link.calls", link.calls, 1, 100_000),
        ("template.fuel", fuel, 1, usize::MAX),
        ("template.output_limit", template.output_limit, 1, 1 << 30),
        ("template.source_limit", template.source_limit, 1, 1 << 30),
        ("template.time_limit_ms", time, 1, 3_600_000),
    ] {
        if !(least..=most).contains(&number) {
            let expected = match most {
                usize::MAX => format!("a whole number, {least} or more"),
                _ => format!("a whole number from {least} to {most}"),
            };
            return Err((key.to_owned(), expected));
        }
    }
    Ok(())
}

fn seconds(settings: &Settings) -> Result<(), (String, String)> {
    let (http, socket) = (&settings.http, &settings.websocket);
    for (key, seconds) in [
        ("http.keep_alive_s", http.keep_alive_s as f64),
        ("http.header_timeout_s", http.header_timeout_s as f64),
        ("http.body_timeout_s", http.body_timeout_s as f64),
        ("websocket.auth_timeout_s", socket.auth_timeout_s as f64),
        ("websocket.slow_s", socket.slow_s as f64),
        ("websocket.ping_interval_s", socket.ping_interval_s),
        ("websocket.pong_timeout_s", socket.pong_timeout_s),
        ("mobile_app.idle_s", settings.mobile_app.idle_s as f64),
        (
            "mobile_app.stale_after_s",
            settings.mobile_app.stale_after_s,
        ),
        ("push.ttl_s", settings.push.ttl_s as f64),
        ("push.confirm_timeout_s", settings.push.confirm_timeout_s),
        ("push.timeout_s", settings.push.timeout_s),
        ("push.retry_s", settings.push.retry_s),
        (
            "relay_link.connect_timeout_s",
            settings.relay_link.connect_timeout_s,
        ),
        (
            "relay_link.reconnect_max_s",
            settings.relay_link.reconnect_max_s as f64,
        ),
        ("auth.ban_window_s", settings.auth.ban_window_s as f64),
        ("auth.login_s", settings.auth.login_s as f64),
        ("auth.code_s", settings.auth.code_s as f64),
    ] {
        if !(0.05..=1e6).contains(&seconds) {
            let expected = "seconds, from 0.05 to 1000000".to_owned();
            return Err((key.to_owned(), expected));
        }
    }
    Ok(())
}

fn is_network(text: &str) -> bool {
    text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok()
}
