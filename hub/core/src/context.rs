//! Why something happened: one call has one context through all that it causes.

use serde::{Deserialize, Serialize};

use crate::env::Env;
use crate::ids::{ContextId, UserId};

/// Why something happened: which call, whose, and what it came from.
///
/// One call has one context through all nested calls (spec state-machine §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Names this context.
    pub id: ContextId,
    /// The context that caused this one.
    #[serde(default)]
    pub parent_id: Option<ContextId>,
    /// The user on whose behalf it happened.
    #[serde(default)]
    pub user_id: Option<UserId>,
}

impl Context {
    /// A fresh context without a user.
    pub fn new(env: &Env) -> Self {
        Self {
            id: env.ulid(),
            parent_id: None,
            user_id: None,
        }
    }

    /// A fresh context of `user`.
    pub fn of_user(env: &Env, user: UserId) -> Self {
        Self {
            user_id: Some(user),
            ..Self::new(env)
        }
    }

    /// A fresh context whose parent is `cause`, without a user.
    pub fn caused_by(env: &Env, cause: &Context) -> Self {
        Self {
            parent_id: Some(cause.id),
            ..Self::new(env)
        }
    }

    /// Appends `{"id":…,"parent_id":…,"user_id":…}`.
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"id\":\"");
        self.id.write_text(out);
        match self.parent_id {
            Some(parent) => {
                out.push_str("\",\"parent_id\":\"");
                parent.write_text(out);
                out.push_str("\",\"user_id\":");
            }
            None => out.push_str("\",\"parent_id\":null,\"user_id\":"),
        }
        match self.user_id {
            Some(user) => {
                out.push('"');
                user.write_text(out);
                out.push_str("\"}");
            }
            None => out.push_str("null}"),
        }
    }
}
