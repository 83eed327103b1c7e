//! `turn_on`, `turn_off`, `toggle` of things of any kind: each domain's own service is called for
//! its entities.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use hearth_core::prelude::*;
use hearth_core::service::CallRequest;

use crate::DOMAIN;

/// Passes a call on, with the same context, to all domains at once; the first error is the
/// call's. Permission is checked by the services that are called.
pub(crate) async fn pass_on(hub: &Hub, call: ServiceCall) -> Result<(), ServiceError> {
    let (entities, data) = hub
        .services
        .targets(call.data)
        .map_err(ServiceError::Invalid)?;
    let mut by_domain: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entity_id in entities {
        let theirs = by_domain.entry(entity_id.domain().to_owned()).or_default();
        theirs.push(entity_id.as_str().into());
    }
    let calls = by_domain.into_iter().filter_map(|(domain, entities)| {
        // Its own entities would bring the call back here for ever.
        if domain == DOMAIN || !hub.services.contains(&domain, &call.service) {
            tracing::warn!(domain, service = %call.service, "things of this domain have no such service");
            return None;
        }
        let mut data = data.clone();
        data.insert("entity_id".to_owned(), Value::Array(entities));
        Some(hub.services.call(CallRequest {
            domain,
            service: call.service.to_string(),
            data,
            context: call.context,
            return_response: false,
        }))
    });
    for outcome in join_all(calls).await {
        outcome?;
    }
    Ok(())
}
