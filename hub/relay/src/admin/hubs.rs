//! `hub/…`

use std::time::Duration;

use hearth_core::command::CommandError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::webhooks::{Disable, Named, Rotate};
use super::{id, no_hub, of_store};
use crate::ids::HubId;
use crate::presence::Farewell;
use crate::relay::Relay;
use crate::store::Seq;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    #[serde(default)]
    name: String,
}

pub(super) async fn create(relay: &Relay, wanted: Create) -> Result<Value, CommandError> {
    if wanted.name.len() > 256 {
        return Err(CommandError::invalid("name: expected at most 256 bytes"));
    }
    let created = relay.hubs.create(wanted.name).await;
    let (id, token) = created.map_err(of_store)?;
    Ok(json!({"id": id, "token": token.reveal()}))
}

pub(super) fn list(relay: &Relay) -> Value {
    let hubs = relay.hubs.list();
    let shown = hubs.iter().map(|hub| {
        let position = relay.store.position(hub.id);
        json!({
            "id": hub.id,
            "name": hub.name,
            "created_at": hub.created_at,
            "last_seen": hub.last_seen,
            "connected": relay.presence.is_connected(hub.id),
            "registrations": relay.registrations.index.count_of_hub(hub.id),
            "waiting": position.oldest.is_some(),
            "disabled": hub.disabled,
        })
    });
    shown.collect()
}

pub(super) async fn rotate(relay: &Relay, asked: Rotate) -> Result<Value, CommandError> {
    let id: HubId = id(&asked.id)?;
    let overlap = Duration::from_secs(asked.overlap_s);
    let rotated = relay.hubs.rotate(id, overlap).await.map_err(of_store)?;
    let token = rotated.ok_or_else(no_hub)?;
    Ok(json!({"id": id, "token": token.reveal()}))
}

pub(super) async fn disable(relay: &Relay, asked: Disable) -> Result<Value, CommandError> {
    let id: HubId = id(&asked.id)?;
    let change = relay.hubs.change(id, |hub| hub.disabled = asked.disabled);
    if !change.await.map_err(of_store)? {
        return Err(no_hub());
    }
    if asked.disabled {
        relay.presence.dismiss(id, Farewell::Revoked);
    }
    Ok(json!({"id": id, "disabled": asked.disabled}))
}

pub(super) async fn revoke(relay: &Relay, asked: Named) -> Result<Value, CommandError> {
    let id: HubId = id(&asked.id)?;
    match relay.revoke_hub(id).await.map_err(of_store)? {
        true => Ok(json!({"id": id})),
        false => Err(no_hub()),
    }
}

pub(super) async fn dead_letters(relay: &Relay, asked: Named) -> Result<Value, CommandError> {
    let hub: HubId = id(&asked.id)?;
    let letters = relay.store.buried(hub).await.map_err(of_store)?;
    let shown = letters.iter().map(|letter| {
        json!({
            "seq": letter.seq,
            "delivery_id": letter.delivery.id,
            "webhook_id": letter.delivery.webhook_id,
            "received_at": letter.delivery.received_at,
            "bytes": letter.delivery.message.get().len(),
        })
    });
    Ok(shown.collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    id: String,
    seq: Seq,
}

pub(super) async fn replay(relay: &Relay, asked: Replay) -> Result<Value, CommandError> {
    let hub: HubId = id(&asked.id)?;
    let letters = relay.store.buried(hub).await.map_err(of_store)?;
    let letter = letters.into_iter().find(|letter| letter.seq == asked.seq);
    let unknown = || CommandError::not_found("there is no such dead letter");
    let letter = letter.ok_or_else(unknown)?;
    let replayed = relay.store.replay(hub, asked.seq).await.map_err(of_store)?;
    let place = replayed.ok_or_else(unknown)?;
    relay.presence.notify(place, &letter.delivery);
    Ok(json!({"id": hub, "seq": place.seq}))
}
