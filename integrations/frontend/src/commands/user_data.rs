//! `frontend/*_user_data`: what a page keeps for each user, such as language and side bar.

use hearth_core::ids::UserId;
use hearth_core::prelude::*;

use super::Call;
use crate::{Frontend, check_size, failed, read};

pub(crate) async fn get(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let key = call.fields.nullable_text("key")?.flatten();
    call.fields.finish()?;
    let user = user(&call.caller)?.to_string();
    let mut kept = read(&frontend.user_data, &user).await?.unwrap_or_default();
    let value = match key {
        Some(key) => kept.remove(&key).unwrap_or_default(),
        None => Value::Object(kept),
    };
    Ok(json!({"value": value}))
}

pub(crate) async fn set(frontend: &mut Frontend, mut call: Call) -> Result<Value, CommandError> {
    let key = call.fields.text("key")?;
    let value = call.fields.required("value")?;
    call.fields.finish()?;
    let user = user(&call.caller)?.to_string();
    let mut kept = read(&frontend.user_data, &user).await?.unwrap_or_default();
    kept.insert(key, value);
    let limit = frontend.host.hub().settings.frontend.user_data_limit;
    check_size(&kept, limit, "frontend.user_data_limit")?;
    let kept = frontend.user_data.put(&user, &kept).await;
    kept.map_err(failed)?;
    Ok(Value::Null)
}

/// What a user kept goes with them.
pub(crate) async fn user_removed(frontend: &mut Frontend, data: &Value) {
    let user: Option<UserId> = data["user_id"].as_str().and_then(|id| id.parse().ok());
    let Some(user) = user else { return };
    if let Err(error) = frontend.user_data.delete(&user.to_string()).await {
        tracing::error!(%error, "what a removed user kept stays");
    }
}

fn user(caller: &Caller) -> Result<UserId, CommandError> {
    let nobody = || CommandError::failed("Only users keep something");
    caller.user_id().ok_or_else(nobody)
}
