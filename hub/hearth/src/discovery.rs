//! Tells the home's network that a hub is here, so that apps find it (spec mobile-app §8).
//!
//! The hub is announced by multicast DNS as `_home-assistant._tcp.local.`, for as long as it runs,
//! on the interfaces on which its door listens. What is told changes with the home's name and URLs.
//! A hub that cannot announce itself works all the same: that is worth one warning.

use std::time::Duration;

use actix::prelude::*;
use hearth_core::base_url::BaseUrls;
use hearth_core::bus::{Delivery, Filter, Pace};
use hearth_core::hub::{Hub, PROTOCOL_VERSION};
use hearth_core::settings::DiscoverySettings;
use mdns_sd::{DaemonEvent, IfKind, Receiver, ServiceDaemon, ServiceInfo, UnregisterStatus};

const SERVICE: &str = "_home-assistant._tcp.local.";

/// Longest name of an instance in bytes: one label of a DNS name.
const NAME_LIMIT: usize = 63;

/// Longest value of a TXT record in bytes; with its key it may have 255.
const VALUE_LIMIT: usize = 230;

/// Seconds between looks at the machine's addresses.
const LOOK_FOR_ADDRESSES_S: u32 = 30;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// The hub is announced; [`Discovery::stop`] says goodbye.
pub(crate) struct Discovery(Addr<Announcer>);

/// Announces the hub, where the settings and its door's address allow it.
pub(crate) async fn start(hub: &Hub) -> Option<Discovery> {
    let address = hub.listening.address()?;
    let interfaces = interfaces(&hub.settings.discovery, address.ip())?;
    let uuid = uuid(hub).await;
    let announcer = match Announcer::prepare(hub, uuid, address.port(), interfaces) {
        Ok(announcer) => announcer.start(),
        Err(error) => {
            tracing::warn!(%error, "the hub cannot announce itself; apps find it by its address only");
            return None;
        }
    };
    let changes = Filter::of_types(["core_config_updated"]);
    let subscriber = announcer.clone().recipient();
    hub.bus.subscribe(changes, Pace::Lag, subscriber).await;
    Some(Discovery(announcer))
}

impl Discovery {
    /// Says goodbye, so that apps forget this hub at once.
    pub(crate) async fn stop(self) {
        let goodbye = tokio::time::timeout(GOODBYE, self.0.send(Goodbye));
        if goodbye.await.is_err() {
            tracing::debug!("the goodbye to the network took too long");
        }
    }
}

/// Where to announce; `None` where nobody could come in.
fn interfaces(settings: &DiscoverySettings, door: std::net::IpAddr) -> Option<Vec<IfKind>> {
    if !settings.enabled {
        return None;
    }
    if !settings.interfaces.is_empty() {
        return Some(settings.interfaces.iter().map(IfKind::from).collect());
    }
    match door {
        ip if ip.is_loopback() => None,
        ip if ip.is_unspecified() => Some(Vec::new()),
        ip => Some(vec![IfKind::Addr(ip)]),
    }
}

/// Keeps what is announced as the home is.
struct Announcer {
    hub: Hub,
    uuid: String,
    port: u16,
    daemon: ServiceDaemon,
    /// What is announced now.
    told: Option<Told>,
    /// One warning is enough.
    has_warned: bool,
}

/// What the network is told.
#[derive(Clone, PartialEq, Eq)]
struct Told {
    name: String,
    records: Vec<(&'static str, String)>,
}

impl Announcer {
    /// Starts the responder, which has a thread of its own. No interfaces: all but loopback.
    fn prepare(
        hub: &Hub,
        uuid: String,
        port: u16,
        interfaces: Vec<IfKind>,
    ) -> Result<Self, mdns_sd::Error> {
        let daemon = ServiceDaemon::new()?;
        daemon.set_ip_check_interval(LOOK_FOR_ADDRESSES_S)?;
        if interfaces.is_empty() {
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        } else {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(interfaces)?;
        }
        Ok(Self {
            uuid,
            hub: hub.clone(),
            port,
            daemon,
            told: None,
            has_warned: false,
        })
    }

    /// Announces what changed. One that has another name now says goodbye under the old one.
    fn tell(&mut self) -> Result<(), mdns_sd::Error> {
        let now = Told::of(&self.hub, &self.uuid);
        if self.told.as_ref() == Some(&now) {
            return Ok(());
        }
        if self.told.as_ref().is_some_and(|old| old.name != now.name) {
            drop(self.say_goodbye()?);
        }
        let host = format!("{}.local.", self.uuid);
        let info = ServiceInfo::new(SERVICE, &now.name, &host, "", self.port, &now.records[..])?;
        self.daemon.register(info.enable_addr_auto())?;
        self.told = Some(now);
        Ok(())
    }

    /// Takes back what is announced.
    fn say_goodbye(&mut self) -> Result<Option<Receiver<UnregisterStatus>>, mdns_sd::Error> {
        let Some(told) = self.told.take() else {
            return Ok(None);
        };
        let info = ServiceInfo::new(SERVICE, &told.name, "any.local.", "", 0, None)?;
        self.daemon.unregister(info.get_fullname()).map(Some)
    }

    fn failed(&mut self, error: &mdns_sd::Error) {
        if std::mem::replace(&mut self.has_warned, true) {
            tracing::debug!(%error, "announcing the hub failed again");
        } else {
            tracing::warn!(%error, "announcing the hub failed; apps may not find it by themselves");
        }
    }
}

impl Told {
    fn of(hub: &Hub, uuid: &str) -> Self {
        let home = hub.home.current();
        let external = BaseUrls::EXTERNAL.of(hub).unwrap_or_default();
        let internal = BaseUrls::INTERNAL.of(hub).unwrap_or_default();
        let base = match external.is_empty() {
            true => internal.clone(),
            false => external.clone(),
        };
        // A URL that is cut off leads nowhere.
        let url = |url: String| Some(url).filter(|url| url.len() <= VALUE_LIMIT);
        Self {
            name: cut(&home.location_name, NAME_LIMIT).to_owned(),
            records: vec![
                (
                    "location_name",
                    cut(&home.location_name, VALUE_LIMIT).to_owned(),
                ),
                ("uuid", uuid.to_owned()),
                ("version", PROTOCOL_VERSION.to_owned()),
                ("external_url", url(external).unwrap_or_default()),
                ("internal_url", url(internal).unwrap_or_default()),
                ("base_url", url(base).unwrap_or_default()),
                // The word that the peers' own hub sends.
                ("requires_api_password", "True".to_owned()),
            ],
        }
    }
}

/// The beginning of `text`, in whole characters.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

const COLLECTION: &str = "core.instance";
const UUID: &str = "uuid";

/// What tells this hub from every other, at every start the same.
async fn uuid(hub: &Hub) -> String {
    let collection = hub.store.collection::<String>(COLLECTION);
    let known = match collection.get_valid(UUID) {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "the hub's own id cannot be read and is made anew");
            None
        }
    };
    if let Some(uuid) = known {
        return uuid;
    }
    let uuid = hub.env.hex::<16>();
    if let Err(error) = collection.put(UUID, &uuid).await {
        tracing::warn!(%error, "the hub's own id is not kept");
    }
    uuid
}

impl Actor for Announcer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.daemon.monitor() {
            Ok(news) => {
                ctx.add_stream(news.into_stream());
            }
            Err(error) => self.failed(&error),
        }
        if let Err(error) = self.tell() {
            self.failed(&error);
        }
    }
}

impl StreamHandler<DaemonEvent> for Announcer {
    fn handle(&mut self, news: DaemonEvent, _: &mut Self::Context) {
        match news {
            DaemonEvent::Error(error) => self.failed(&error),
            // The URL of this machine may be another one now.
            DaemonEvent::IpAdd(_) | DaemonEvent::IpDel(_) => {
                if let Err(error) = self.tell() {
                    self.failed(&error);
                }
            }
            DaemonEvent::NameChange(change) => {
                tracing::info!(
                    name = change.new_name,
                    "another hub on this network has the name"
                );
            }
            other => tracing::trace!(?other, "multicast DNS"),
        }
    }

    /// The responder ended; the hub goes on.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Delivery> for Announcer {
    type Result = ();

    fn handle(&mut self, _: Delivery, _: &mut Self::Context) {
        if let Err(error) = self.tell() {
            self.failed(&error);
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Goodbye;

impl Handler<Goodbye> for Announcer {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Goodbye, ctx: &mut Self::Context) -> Self::Result {
        ctx.stop();
        let said = self.say_goodbye();
        let daemon = self.daemon.clone();
        Box::pin(async move {
            if let Ok(Some(said)) = said {
                // Answered when it is on the network.
                let _ = said.recv_async().await;
            }
            if let Ok(ended) = daemon.shutdown() {
                let _ = ended.recv_async().await;
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(interfaces: &[&str]) -> DiscoverySettings {
        DiscoverySettings {
            enabled: true,
            interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn count(settings: &DiscoverySettings, door: &str) -> Option<usize> {
        interfaces(settings, door.parse().unwrap()).map(|found| found.len())
    }

    #[test]
    fn a_hub_is_announced_where_its_door_is() {
        let own = settings(&[]);
        assert_eq!(count(&own, "127.0.0.1"), None);
        assert_eq!(count(&own, "::1"), None);
        assert_eq!(count(&own, "0.0.0.0"), Some(0));
        assert_eq!(count(&own, "192.168.1.5"), Some(1));
        assert_eq!(count(&settings(&["eth0", "wlan0"]), "0.0.0.0"), Some(2));
        let off = DiscoverySettings {
            enabled: false,
            ..own
        };
        assert_eq!(count(&off, "0.0.0.0"), None);
    }

    #[test]
    fn the_network_is_told_what_apps_look_for() {
        hearth_core::System::new().block_on(async {
            let hub = Hub::in_memory().unwrap();
            hub.listening.on("192.168.7.7:8123".parse().unwrap());
            let changes = format!(
                r#"{{"location_name": "{}", "external_url": "https://{}.example"}}"#,
                "é".repeat(60),
                "x".repeat(240),
            );
            let changes = serde_json::from_str(&changes).unwrap();
            let context = hearth_core::event::Context::new(&hub.env);
            hub.home.update(changes, context).await.unwrap();
            let told = Told::of(&hub, "0123");
            assert_eq!(told.name, "é".repeat(31));
            let record = |key: &str| {
                let found = told.records.iter().find(|(name, _)| *name == key);
                found.map(|(_, value)| value.as_str())
            };
            assert_eq!(record("uuid"), Some("0123"));
            assert_eq!(record("version"), Some(PROTOCOL_VERSION));
            assert_eq!(record("internal_url"), Some("http://192.168.7.7:8123"));
            assert_eq!(record("external_url"), Some(""));
            assert_eq!(record("requires_api_password"), Some("True"));
            let info = ServiceInfo::new(SERVICE, &told.name, "a.local.", "", 1, &told.records[..]);
            assert!(info.is_ok());
        });
    }

    #[test]
    fn a_hub_keeps_its_id() {
        hearth_core::System::new().block_on(async {
            let hub = Hub::in_memory().unwrap();
            let first = uuid(&hub).await;
            assert_eq!(first.len(), 32);
            assert_eq!(uuid(&hub).await, first);
        });
    }
}
