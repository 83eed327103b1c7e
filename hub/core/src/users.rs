//! What the hub's inside asks about users. hearth-auth knows them; here stands only the question.

use std::sync::{Arc, OnceLock};

use crate::ids::{EntityId, UserId};

/// Knows the users; implemented over hearth-auth by the composition root.
pub trait UserDirectory: Send + Sync {
    /// Whether the user is an administrator. False for users that do not exist.
    fn is_admin(&self, user: UserId) -> bool;
    /// Whether the user may control this entity. False for users that do not exist.
    fn may_control(&self, user: UserId, entity: &EntityId) -> bool;
    /// The person who owns the hub and their name.
    fn owner(&self) -> Option<(UserId, String)>;
}

/// The way to the directory. Until one is set there are no users, so nobody may anything.
#[derive(Clone, Default)]
pub struct Users(Arc<OnceLock<Arc<dyn UserDirectory>>>);

impl Users {
    /// Says who knows the users; once, at the start.
    pub fn set(&self, directory: Arc<dyn UserDirectory>) {
        if self.0.set(directory).is_err() {
            tracing::error!("the user directory was set twice; the first one stays");
        }
    }

    /// Whether the user is an administrator.
    pub fn is_admin(&self, user: UserId) -> bool {
        self.0.get().is_some_and(|users| users.is_admin(user))
    }

    /// Whether the user may control this entity.
    pub fn may_control(&self, user: UserId, entity: &EntityId) -> bool {
        self.0
            .get()
            .is_some_and(|users| users.may_control(user, entity))
    }

    /// The person who owns the hub and their name.
    pub fn owner(&self) -> Option<(UserId, String)> {
        self.0.get().and_then(|users| users.owner())
    }
}
