//! The requests of a phase: number in, bytes to send out.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use crate::phone::{VARIANTS, message, registration, sensor_registrations};
use crate::routes::Routes;
use crate::{Kind, Mix, Phone, Secret, Target};

/// Where phones register.
const REGISTRATIONS: &str = "/api/mobile_app/registrations";

/// One request to send.
pub(crate) struct Job<'a> {
    pub(crate) kind: Kind,
    /// The sender, once it is registered.
    pub(crate) phone: Option<&'a Phone>,
    pub(crate) request: Cow<'a, [u8]>,
    /// Whether a sealed answer is to be opened: done for the first message of each phone.
    pub(crate) thorough: bool,
    /// The ways to the hub, where there are several; `request` is then the body only.
    pub(crate) routes: Option<&'a Mutex<Routes>>,
}

/// The numbered requests of a phase.
pub(crate) enum Jobs {
    /// One registration a phone.
    Register {
        target: Target,
        token: Secret,
        label: String,
        encrypted: bool,
        devices: usize,
    },
    /// Two sensors a phone.
    RegisterSensors {
        target: Target,
        phones: Arc<Vec<Phone>>,
    },
    /// Messages without end, put together beforehand.
    Messages(Messages),
}

impl Jobs {
    /// How many requests there are, if not without end.
    pub(crate) fn count(&self) -> Option<u64> {
        match self {
            Self::Register { devices, .. } => Some(*devices as u64),
            Self::RegisterSensors { phones, .. } => Some(2 * phones.len() as u64),
            Self::Messages(_) => None,
        }
    }

    /// Request number `number`, or `None` after the last.
    pub(crate) fn get(&self, number: u64) -> Option<Job<'_>> {
        let index = usize::try_from(number).ok()?;
        match self {
            Self::Register {
                target,
                token,
                label,
                encrypted,
                devices,
            } => (index < *devices).then(|| {
                let body = registration(label, index, *encrypted);
                Job {
                    kind: Kind::Register,
                    phone: None,
                    request: target
                        .post(REGISTRATIONS, Some(token), &body)
                        .into_vec()
                        .into(),
                    thorough: true,
                    routes: None,
                }
            }),
            Self::RegisterSensors { target, phones } => {
                let phone = phones.get(index / 2)?;
                let command = &sensor_registrations()[index % 2];
                let request = target.post(&webhook_path(phone), None, &phone.body(command));
                Some(Job {
                    kind: Kind::RegisterSensor,
                    phone: Some(phone),
                    request: request.into_vec().into(),
                    thorough: true,
                    routes: None,
                })
            }
            Self::Messages(messages) => messages.get(index),
        }
    }
}

/// Two requests for each phone and kind, kept as they go over the wire.
pub(crate) struct Messages {
    phones: Arc<Vec<Phone>>,
    kinds: &'static [Kind],
    /// Phone by phone, within it kind by kind, within it variant by variant.
    requests: Vec<Box<[u8]>>,
    /// Phone by phone, where they have several ways; requests are then bodies only.
    routes: Vec<Mutex<Routes>>,
}

impl Messages {
    /// Puts all requests together.
    pub(crate) fn new(target: &Target, phones: Arc<Vec<Phone>>, mix: Mix) -> Self {
        let requests = requests(&phones, mix, |phone, body| {
            target.post(&webhook_path(phone), None, &body)
        });
        Self {
            phones,
            kinds: mix.kinds(),
            requests,
            routes: Vec::new(),
        }
    }

    /// The same, that go through the relay where that works.
    pub(crate) fn via_relay(instance_url: &str, phones: Arc<Vec<Phone>>, mix: Mix) -> Self {
        let routes = phones.iter().map(|phone| phone.routes(instance_url));
        Self {
            routes: routes.map(Mutex::new).collect(),
            requests: requests(&phones, mix, |_, body| body.into_boxed_slice()),
            kinds: mix.kinds(),
            phones,
        }
    }

    /// The phones take turns; a phone takes turns with its kinds, and with each kind's variants.
    fn get(&self, index: usize) -> Option<Job<'_>> {
        let (round, number) = (
            index.checked_div(self.phones.len())?,
            index % self.phones.len(),
        );
        let turn = (number + round) % self.kinds.len();
        let variant = (number + round) / self.kinds.len() % VARIANTS;
        let request = &self.requests[(number * self.kinds.len() + turn) * VARIANTS + variant];
        Some(Job {
            kind: self.kinds[turn],
            phone: Some(&self.phones[number]),
            request: Cow::Borrowed(request),
            thorough: round == 0,
            routes: self.routes.get(number),
        })
    }
}

fn requests(
    phones: &[Phone],
    mix: Mix,
    request: impl Fn(&Phone, Vec<u8>) -> Box<[u8]>,
) -> Vec<Box<[u8]>> {
    let kinds = mix.kinds();
    let mut requests = Vec::with_capacity(phones.len() * kinds.len() * VARIANTS);
    for (number, phone) in phones.iter().enumerate() {
        for kind in kinds {
            for variant in 0..VARIANTS {
                let body = phone.body(&message(*kind, number, variant));
                requests.push(request(phone, body));
            }
        }
    }
    requests
}

fn webhook_path(phone: &Phone) -> String {
    format!("/api/webhook/{}", phone.webhook_id())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_phone_sends_every_kind_in_every_variant() {
        let target = Target::parse("http://hub").unwrap();
        let phones: Vec<Phone> = (0..3)
            .map(|number| Phone::new(format!("phone{number}"), None).unwrap())
            .collect();
        let messages = Messages::new(&target, Arc::new(phones), Mix::All);
        let rounds = messages.kinds.len() * VARIANTS;
        let sent: BTreeSet<Vec<u8>> = (0..3 * rounds)
            .map(|index| messages.get(index).unwrap().request.into_owned())
            .collect();
        assert_eq!(sent.len(), 3 * rounds);
    }
}
