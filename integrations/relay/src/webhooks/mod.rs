//! Webhooks at the relay that integrations of this hub want, and who hears their messages.

mod upkeep;

use std::collections::BTreeMap;
use std::time::Duration;

use actix_rt::task::JoinHandle;
use bytes::Bytes;
use hearth_core::prelude::*;

use crate::secret::Secret;

/// The longest id of a webhook, in bytes.
const ID_MAX: usize = 64;

/// All webhooks, by their ids.
#[derive(Default)]
pub(crate) struct Webhooks(BTreeMap<String, Webhook>);

/// One webhook.
#[derive(Default)]
pub(crate) struct Webhook {
    /// Not known after a restart, until an integration registers again.
    pub(crate) secret: Option<Secret>,
    /// Whether the relay has confirmed the secret since the hub's start.
    pub(crate) is_confirmed: bool,
    listeners: Vec<Listener>,
    /// When the last listener went, by the steady clock.
    pub(crate) alone_since: Option<Duration>,
    /// Whether the relay is known to have it.
    pub(crate) is_registered: bool,
}

/// Who registered.
struct Listener {
    subscriber: Subscriber,
    data: Map<String, Value>,
    /// Whether the relay has confirmed the secret: before that nothing is handed over.
    is_accepted: bool,
    /// Ends with it.
    _watch: Watch,
}

/// A task that waits for a listener to go. It holds the listener's subscription open, so it must
/// end with the listener.
pub(crate) struct Watch(pub(crate) JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandOver {
    /// All who want it have it.
    Done,
    /// Whoever wants it is not here, or takes nothing now.
    Later,
    /// Nobody wants it.
    Unwanted,
}

/// Whether a text can be a webhook's id at the relay.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Webhooks {
    /// One that was registered before the hub's start.
    pub(crate) fn restore(&mut self, id: String, now: Duration) {
        let webhook = Webhook {
            alone_since: Some(now),
            is_registered: true,
            ..Webhook::default()
        };
        self.0.insert(id, webhook);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Webhook> {
        self.0.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Webhook> {
        self.0.get_mut(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Webhook)> {
        self.0.iter().map(|(id, webhook)| (id.as_str(), webhook))
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Webhook> {
        self.0.remove(id)
    }

    /// Adds a listener, whom nothing reaches until it is accepted.
    pub(crate) fn add(
        &mut self,
        id: &str,
        secret: Secret,
        data: Map<String, Value>,
        subscriber: Subscriber,
        watch: Watch,
    ) -> &mut Webhook {
        let webhook = self.0.entry(id.to_owned()).or_default();
        webhook.secret.get_or_insert(secret);
        webhook.alone_since = None;
        webhook.listeners.push(Listener {
            subscriber,
            data,
            is_accepted: false,
            _watch: watch,
        });
        webhook
    }

    /// Takes a listener away; whether the webhook is left alone.
    pub(crate) fn take_away(&mut self, id: &str, subscriber: &Subscriber, now: Duration) -> bool {
        let Some(webhook) = self.0.get_mut(id) else {
            return false;
        };
        let before = webhook.listeners.len();
        webhook
            .listeners
            .retain(|other| !other.subscriber.is(subscriber));
        let is_left = webhook.listeners.is_empty() && before > 0;
        if is_left && !webhook.is_registered {
            self.0.remove(id);
        } else if is_left {
            webhook.alone_since = Some(now);
        }
        is_left
    }
}

impl Webhook {
    /// By what the relay is to find the hub: the keys of all who listen.
    pub(crate) fn data(&self) -> Map<String, Value> {
        union(self.listeners.iter().map(|listener| &listener.data))
    }

    /// The relay has confirmed a secret: this one, or the one that is known.
    pub(crate) fn accept(&mut self, secret: Option<Secret>) {
        self.secret = secret.or_else(|| self.secret.take());
        self.is_confirmed = true;
        self.is_registered = true;
        for listener in &mut self.listeners {
            listener.is_accepted = true;
        }
    }

    pub(crate) fn has_listeners(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Hands a message over to all who listen, or to nobody.
    pub(crate) fn hand_over(&mut self, event: &Bytes) -> HandOver {
        let is_here = |listener: &&Listener| !listener.subscriber.is_gone();
        let here = self.listeners.iter().filter(is_here);
        if !here
            .clone()
            .all(|listener| listener.is_accepted && listener.subscriber.has_room())
        {
            return HandOver::Later;
        }
        let reached = here.filter(|listener| {
            // One that goes at this moment counts for nobody.
            listener.subscriber.send_json(event.clone()) == Sent::OnItsWay
        });
        match reached.count() {
            0 => HandOver::Later,
            _ => HandOver::Done,
        }
    }
}

/// The members of all; `$key` and `$keys` become one `$keys` of all values.
fn union<'a>(all: impl Iterator<Item = &'a Map<String, Value>>) -> Map<String, Value> {
    let mut union = Map::new();
    let mut keys: Vec<Value> = Vec::new();
    let mut count = 0;
    for data in all {
        count += 1;
        for (name, value) in data {
            match (name.as_str(), value) {
                ("$key" | "$keys", Value::Array(values)) => keys.extend(values.iter().cloned()),
                ("$key" | "$keys", value) => keys.push(value.clone()),
                _ => drop(union.entry(name.clone()).or_insert_with(|| value.clone())),
            }
        }
        // As it was given: the relay says what is wrong with it.
        if count == 1 {
            union.extend(data.clone());
        }
    }
    if count > 1 && !keys.is_empty() {
        let mut distinct: Vec<Value> = Vec::with_capacity(keys.len());
        let mut known = std::collections::HashSet::new();
        for key in keys {
            if known.insert(key.to_string()) {
                distinct.push(key);
            }
        }
        union.remove("$key");
        union.insert("$keys".to_owned(), distinct.into());
    }
    union
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hearth_core::subscription::subscription;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn union_of(all: &[Value]) -> Value {
        let all: Vec<_> = all.iter().cloned().map(object).collect();
        union(all.iter()).into()
    }

    #[test]
    fn two_integrations_get_what_either_wants() {
        assert_eq!(union_of(&[json!({})]), json!({}));
        let alone = json!({"$key": ["a", 1], "$keys": null, "more": true});
        assert_eq!(union_of(std::slice::from_ref(&alone)), alone);
        assert_eq!(
            union_of(&[
                json!({"$key": "a", "more": 1}),
                json!({"$keys": ["b", "a", 1], "more": 2}),
                json!({"$key": "1"}),
            ]),
            json!({"$keys": ["a", "b", 1, "1"], "more": 1})
        );
        assert_eq!(
            union_of(&[json!({}), json!({"$key": 5})]),
            json!({"$keys": [5]})
        );
    }

    #[test]
    fn a_message_goes_to_all_or_waits() {
        hearth_core::System::new().block_on(a_message());
    }

    async fn a_message() {
        let mut webhooks = Webhooks::default();
        let (one, mut events) = subscription();
        let (other, _others_events) = subscription();
        let secret = || Secret::from("s".to_owned());
        let event = Bytes::from_static(b"1");

        webhooks.add("w", secret(), Map::new(), one.clone(), watch());
        let webhook = webhooks.get_mut("w").unwrap();
        assert_eq!(
            webhook.hand_over(&event),
            HandOver::Later,
            "not accepted yet"
        );
        webhook.accept(None);
        assert_eq!(webhook.hand_over(&event), HandOver::Done);
        assert_eq!(events.next().await, Some(event.clone()));

        webhooks
            .add("w", secret(), Map::new(), other.clone(), watch())
            .accept(None);
        while other.has_room() {
            other.send_json(event.clone());
        }
        let webhook = webhooks.get_mut("w").unwrap();
        assert_eq!(
            webhook.hand_over(&event),
            HandOver::Later,
            "one takes nothing"
        );
        assert!(!webhooks.take_away("w", &other, Duration::ZERO));
        assert!(webhooks.take_away("w", &one, Duration::ZERO));
        let webhook = webhooks.get_mut("w").unwrap();
        assert_eq!(
            webhook.hand_over(&event),
            HandOver::Later,
            "nobody is there"
        );
        assert_eq!(webhook.alone_since, Some(Duration::ZERO));
    }

    fn watch() -> Watch {
        Watch(actix_rt::spawn(async {}))
    }

    #[test]
    fn an_id_is_short_and_plain() {
        assert!(is_id("56db7fb12dcf75604ea7977d"));
        for text in ["", "a/b", "a b", &"a".repeat(65)] {
            assert!(!is_id(text), "{text}");
        }
    }
}
