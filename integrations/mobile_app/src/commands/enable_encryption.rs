use serde_json::json;

use super::{Command, is_json};
use crate::answer::Answer;
use crate::crypto::{self, Secret};
use crate::phone::{Phone, not_available};
use crate::record::Record;
use crate::registration::{Done, Settled, store};

/// Gives the phone a secret, in clear; from its next message on everything is sealed.
pub(super) struct EnableEncryption;

impl<'a> Command<'a> for EnableEncryption {
    fn parse(data: &'a str) -> Option<Self> {
        is_json(data).then_some(Self)
    }

    fn apply(self, phone: &mut Phone) -> Done {
        if phone.record.supports_encryption {
            return Done::Now(Answer::refused(
                "encryption_already_enabled",
                "Encryption already enabled",
            ));
        }
        if !crypto::is_available() {
            return Done::Now(not_available());
        }
        let secret = Secret::generate(&phone.hub.env);
        let body = json!({"secret": secret.to_hex()}).to_string();
        let record = Record {
            secret: Some(secret),
            supports_encryption: true,
            ..Record::clone(&phone.record)
        };
        let stored = store(phone, record, |_| Ok(()));
        Done::Durably(Box::pin(async move {
            match stored.await {
                Ok(record) => Settled {
                    record: Some(record),
                    answer: Answer::clear(200, body),
                },
                Err(error) => Settled::failed(&error),
            }
        }))
    }
}
