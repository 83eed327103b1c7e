//! Login flows: a sign-in from its first form to the user that it ends with (spec auth §2).
//!
//! Anybody may open one, so they are few, forgotten after a while, and an address that opens many
//! pushes out its own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_core::time::Timestamp;
use parking_lot::Mutex;

use crate::accounts::PasswordRefused;
use crate::address::{AddressBlock, is_local};
use crate::auth::Auth;
use crate::authorization_code::has_ended;
use crate::client_id::LONGEST_URL;
use crate::user::User;

/// Why somebody who is known may not sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInBlocked {
    /// The user is deactivated.
    #[error("User is not active")]
    Inactive,
    /// The user may come from the home's network only, and comes from elsewhere.
    #[error("User cannot authenticate remotely")]
    Remote,
    /// The user may come from the home's network only, and where they come from is not known.
    #[error("Invalid remote IP")]
    UnknownAddress,
}

/// Why a step of a flow is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefused {
    /// No such flow: finished, forgotten, or never there.
    #[error("Invalid flow specified")]
    UnknownFlow,
    /// Another address than the one that opened it.
    #[error("IP address changed")]
    AddressChanged,
    /// Not this user, or another password.
    #[error("invalid_auth")]
    Wrong,
    /// The right password of somebody who may not come in.
    #[error("Login blocked: {0}")]
    Blocked(SignInBlocked),
}

/// A flow's end: who signed in, and where the flow was to lead.
#[derive(Debug, Clone)]
pub struct LoginDone {
    /// Who signed in, and may.
    pub user: Arc<User>,
    /// Given at the start; not judged yet.
    pub redirect_uri: String,
}

/// The flows that are under way.
#[derive(Default)]
pub(crate) struct LoginFlows(Mutex<HashMap<String, Flow>>);

struct Flow {
    address: IpAddr,
    redirect_uri: String,
    opened_at: Timestamp,
}

impl Auth {
    /// Opens a flow and gives its id, 32 hex characters.
    pub fn open_login(&self, redirect_uri: &str, address: IpAddr) -> String {
        // Nobody is sent to one that is too long, and flows must stay small.
        let redirect_uri = match redirect_uri.len() <= LONGEST_URL {
            true => redirect_uri,
            false => "",
        };
        let now = self.inner.env.now();
        let settings = &self.inner.settings;
        let id = self.inner.env.hex::<16>();
        let mut flows = self.inner.logins.0.lock();
        let neighbours = |flow: &Flow| AddressBlock::of(flow.address) == AddressBlock::of(address);
        if flows.len() >= settings.login_flows {
            flows.retain(|_, flow| !has_ended(flow.opened_at, settings.login_seconds, now));
        }
        if flows.values().filter(|flow| neighbours(flow)).count()
            >= settings.login_flows_per_address
        {
            remove_oldest(&mut flows, neighbours);
        } else if flows.len() >= settings.login_flows {
            let crowd = most_common(flows.values().map(|flow| AddressBlock::of(flow.address)));
            remove_oldest(&mut flows, |flow| {
                Some(AddressBlock::of(flow.address)) == crowd
            });
        }
        flows.insert(
            id.clone(),
            Flow {
                address,
                redirect_uri: redirect_uri.to_owned(),
                opened_at: now,
            },
        );
        id
    }

    /// Whether a flow is under way, for that address.
    ///
    /// # Errors
    /// [`LoginRefused::UnknownFlow`], [`LoginRefused::AddressChanged`].
    pub fn check_login(&self, flow_id: &str, address: IpAddr) -> Result<(), LoginRefused> {
        let mut flows = self.inner.logins.0.lock();
        let flow = flows.get(flow_id).ok_or(LoginRefused::UnknownFlow)?;
        let lasts = self.inner.settings.login_seconds;
        if has_ended(flow.opened_at, lasts, self.inner.env.now()) {
            flows.remove(flow_id);
            return Err(LoginRefused::UnknownFlow);
        }
        if flow.address != address {
            return Err(LoginRefused::AddressChanged);
        }
        Ok(())
    }

    /// Tries a name and a password. When they are right the flow is over, whether the user may
    /// come in or not; when they are wrong it stays open. Takes the time of one hashing.
    ///
    /// # Errors
    /// [`LoginRefused`].
    pub async fn finish_login(
        &self,
        flow_id: &str,
        address: IpAddr,
        username: &str,
        password: &str,
    ) -> Result<LoginDone, LoginRefused> {
        self.check_login(flow_id, address)?;
        let verified = self.verify_password(username, password).await;
        if verified == Err(PasswordRefused::Wrong) {
            return Err(LoginRefused::Wrong);
        }
        let flow = self.inner.logins.0.lock().remove(flow_id);
        // Somebody else may have finished it while the password was hashed.
        let flow = flow.ok_or(LoginRefused::UnknownFlow)?;
        let user = verified.map_err(|_| LoginRefused::Blocked(SignInBlocked::Inactive))?;
        self.may_sign_in(&user, Some(address))
            .map_err(LoginRefused::Blocked)?;
        Ok(LoginDone {
            user,
            redirect_uri: flow.redirect_uri,
        })
    }

    /// Ends a flow without a sign-in.
    ///
    /// # Errors
    /// As [`Auth::check_login`].
    pub fn abort_login(&self, flow_id: &str, address: IpAddr) -> Result<(), LoginRefused> {
        self.check_login(flow_id, address)?;
        self.inner.logins.0.lock().remove(flow_id);
        Ok(())
    }

    /// How many flows are remembered.
    pub fn open_logins(&self) -> usize {
        self.inner.logins.0.lock().len()
    }

    /// Whether a user may get tokens there.
    ///
    /// # Errors
    /// [`SignInBlocked`] says why not.
    pub fn may_sign_in(&self, user: &User, address: Option<IpAddr>) -> Result<(), SignInBlocked> {
        if !user.is_active {
            return Err(SignInBlocked::Inactive);
        }
        match address {
            _ if !user.local_only => Ok(()),
            Some(address) if is_local(address) => Ok(()),
            Some(_) => Err(SignInBlocked::Remote),
            None => Err(SignInBlocked::UnknownAddress),
        }
    }
}

fn most_common(blocks: impl Iterator<Item = AddressBlock>) -> Option<AddressBlock> {
    let mut counts: HashMap<AddressBlock, usize> = HashMap::new();
    for block in blocks {
        *counts.entry(block).or_default() += 1;
    }
    let crowd = counts.into_iter().max_by_key(|(_, count)| *count);
    crowd.map(|(block, _)| block)
}

fn remove_oldest(flows: &mut HashMap<String, Flow>, among: impl Fn(&Flow) -> bool) {
    let candidates = flows.iter().filter(|(_, flow)| among(flow));
    let oldest = candidates.min_by_key(|(_, flow)| flow.opened_at);
    if let Some(id) = oldest.map(|(id, _)| id.clone()) {
        flows.remove(&id);
    }
}
