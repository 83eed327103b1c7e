//! `[relay]`

use std::net::SocketAddr;

use hearth_core::settings::RelaySettings;

use super::{ADDRESS, MANY, is_network};

pub(super) fn check(relay: &RelaySettings) -> Result<(), (String, String)> {
    for (key, address) in [
        ("listen", &relay.listen),
        ("admin_listen", &relay.admin_listen),
    ] {
        if address.parse::<SocketAddr>().is_err() {
            return wrong(key, ADDRESS);
        }
    }
    if !relay.trusted_proxies.iter().all(|proxy| is_network(proxy)) {
        return wrong(
            "trusted_proxies",
            "addresses such as \"192.168.1.2\" and networks such as \"10.0.0.0/8\"",
        );
    }
    let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if !relay.public_url.as_ref().is_none_or(is_url) {
        return wrong("public_url", "an address such as \"https://relay.example\"");
    }
    numbers(relay)?;
    for (key, rate) in [
        ("webhook_rate", relay.webhook_rate),
        ("hub_rate", relay.hub_rate),
        ("address_rate", relay.address_rate),
        ("hub_connect_rate", relay.hub_connect_rate),
        ("hub_address_rate", relay.hub_address_rate),
    ] {
        if !(0.001..=1e9).contains(&rate) {
            return wrong(key, "how many a second, from 0.001 to 1000000000");
        }
    }
    for (key, burst) in [
        ("webhook_burst", relay.webhook_burst),
        ("hub_burst", relay.hub_burst),
        ("address_burst", relay.address_burst),
        ("hub_connect_burst", relay.hub_connect_burst),
        ("hub_address_burst", relay.hub_address_burst),
    ] {
        if !(1.0..=1e9).contains(&burst) {
            return wrong(key, "how many at once, from 1 to 1000000000");
        }
    }
    Ok(())
}

fn numbers(relay: &RelaySettings) -> Result<(), (String, String)> {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    for (key, number, least, most) in [
        ("workers", relay.workers, 0, 256),
        ("ping_s", whole(relay.ping_s), 1, 3600),
        ("dead_s", whole(relay.dead_s), 2, 7200),
        ("cloudhook_calls", relay.cloudhook_calls, 1, 10_000),
        ("max_connections", relay.max_connections, 1, MANY),
        (
            "connections_per_address",
            relay.connections_per_address,
            1,
            MANY,
        ),
        ("body_limit", relay.body_limit, 1, 8 * 1024 * 1024),
        ("bodies_limit", relay.bodies_limit, 1, 1 << 40),
        ("decoded_limit", relay.decoded_limit, 1, 1 << 30),
        ("decoded_ratio", relay.decoded_ratio, 1, 100_000),
        ("query_limit", relay.query_limit, 0, 1 << 20),
        ("header_field_limit", relay.header_field_limit, 1, 1 << 20),
        ("header_limit", relay.header_limit, 1, 1 << 20),
        ("header_fields", relay.header_fields, 1, 10_000),
        ("header_timeout_s", whole(relay.header_timeout_s), 1, 3600),
        ("body_timeout_s", whole(relay.body_timeout_s), 1, 3600),
        ("fan_out", relay.fan_out, 1, 1_000_000),
        ("fan_out_bytes", relay.fan_out_bytes, 1, 1 << 32),
        ("ttl_h", whole(relay.ttl_h), 0, 14 * 24),
        ("queue", relay.queue, 1, 1_000_000),
        ("queue_bytes", relay.queue_bytes, 1, 1 << 32),
        (
            "registrations_per_hub",
            relay.registrations_per_hub,
            1,
            1_000_000,
        ),
        ("cloudhooks_per_hub", relay.cloudhooks_per_hub, 1, 1_000_000),
        ("seen", relay.seen, 1, MANY),
        ("rates", relay.rates, 1, MANY),
    ] {
        if !(least..=most).contains(&number) {
            return wrong(key, &format!("a whole number from {least} to {most}"));
        }
    }
    Ok(())
}

fn wrong(key: &str, expected: &str) -> Result<(), (String, String)> {
    Err((format!("relay.{key}"), expected.to_owned()))
}
