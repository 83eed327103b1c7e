//! Groups: several entities under one id, which is on when one of them is, or all.
//!
//! This crate owns `group.*`: groups from the configuration and those that `group.set` makes until
//! the next start. It knows its members by their states only. That a call to a group reaches its
//! members is the service registry's business, which reads the attribute `entity_id`.
//!
//! Start reading at [`factory`]; `group.rs` is one group, `kinds.rs` says what "on" means for
//! members of a domain, `groups.rs` holds them all.

mod group;
mod groups;
mod kinds;

use futures_util::future::LocalBoxFuture;
use hearth_core::collection::Misconfigured;
use hearth_core::prelude::*;

use groups::Groups;

/// Makes the group integration.
pub fn factory() -> Factory {
    Factory::new(Manifest::new(DOMAIN, "Group"), |_| {
        Box::<GroupIntegration>::default()
    })
}

/// Checks the section `group` of a configuration file.
pub fn check(section: &Value) -> Result<(), Misconfigured> {
    group::configured(section).map(|_| ())
}

const DOMAIN: &str = "group";

/// The groups, once it has started.
#[derive(Default)]
struct GroupIntegration(Option<Groups>);

impl Integration for GroupIntegration {
    fn start(&mut self, host: Host) -> LocalBoxFuture<'_, Result<(), StartError>> {
        Box::pin(async move {
            self.0 = Some(Groups::open(host).await?);
            Ok(())
        })
    }

    fn on_event(&mut self, _: SubscriptionId, event: Arc<Event>) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let (Some(groups), Some(member)) = (&mut self.0, event.entity_id()) {
                groups.member_changed(member, event.context).await;
            }
        })
    }

    fn on_lagged(&mut self, _: SubscriptionId, _: u64) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(groups) = &mut self.0 {
                groups.look_again().await;
            }
        })
    }

    fn call_service(
        &mut self,
        call: ServiceCall,
    ) -> LocalBoxFuture<'_, Result<Option<Value>, ServiceError>> {
        Box::pin(async move {
            let groups = self.0.as_mut().ok_or(ServiceError::Unknown)?;
            match &*call.service {
                "set" => groups.set(&call).await?,
                "remove" => groups.remove(&call).await,
                _ => groups.reload(call.context).await?,
            }
            Ok(None)
        })
    }
}
