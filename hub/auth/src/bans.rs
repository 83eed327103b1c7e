//! Addresses that may not come in at all, because too many sign-ins failed there.
//!
//! A door tells what failed and what succeeded, and asks [`Auth::is_banned`] first of all. Bans
//! outlive the hub; they end by themselves after [`BanSettings::expiry`], or are lifted with
//! [`Auth::remove_ban`]. The hub's own machine and the proxies that it trusts are never banned as a
//! whole: behind them may be anybody.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use hearth_core::ids::UserId;
use hearth_core::time::Timestamp;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::address::{AddressBlock, is_local};
use crate::attempts::Attempts;
use crate::auth::Auth;
use crate::digest::SecretDigest;
use crate::error::AuthError;
use crate::failure_log::FailureLog;
use crate::jwt::claimed_issuer;
use crate::records;
use crate::token::is_refresh_value;

/// How many alarms may wait for who shows them.
const WAITING_ALARMS: usize = 16;

/// When an address is banned, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanSettings {
    /// How many failures within the window lead to a ban; `None`: no number.
    pub threshold: Option<u32>,
    /// How long a ban lasts; `None`: until it is lifted.
    pub expiry: Option<Duration>,
    /// How many bans are kept; beyond it the oldest is lifted.
    pub most: usize,
    /// Who is never banned, besides loopback: the proxies that the hub trusts.
    pub never: Vec<IpNet>,
}

impl Default for BanSettings {
    /// After 30 failures for a day, at most 10,000 at a time.
    ///
    /// The peer's default is no ban, which protects nobody. Thirty is beyond what a family
    /// mistypes within an hour, and with the waits before it takes a guesser ten minutes.
    fn default() -> Self {
        Self {
            threshold: Some(30),
            expiry: Some(Duration::from_secs(24 * 60 * 60)),
            most: 10_000,
            never: Vec::new(),
        }
    }
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Who.
    pub address: AddressBlock,
    /// Since when.
    pub banned_at: Timestamp,
    /// Until when; `None`: until it is lifted.
    pub expires_at: Option<Timestamp>,
    /// How many failures led to it.
    pub failures: u32,
}

impl Ban {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// Something that the people of the house should hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A sign-in failed.
    SignInFailed(IpAddr),
    /// An address was banned.
    Banned(IpAddr),
}

/// A password that is being looked at; see [`Auth::begin_attempt`].
#[must_use = "dropping it says that the password was looked at"]
pub struct Attempt {
    watch: Arc<Watch>,
    block: AddressBlock,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.watch.attempts.end(self.block);
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempt({})", self.block)
    }
}

/// Failures, bans, and who hears of them.
pub(crate) struct Watch {
    settings: BanSettings,
    attempts: Attempts,
    log: FailureLog,
    bans: DashMap<AddressBlock, Ban>,
    /// Whether there is any ban: nearly never, and every request asks.
    any: AtomicBool,
    alarms: broadcast::Sender<Alarm>,
}

impl Watch {
    pub(crate) fn new(settings: BanSettings, attempts: Attempts) -> Self {
        Self {
            settings,
            attempts,
            log: FailureLog::default(),
            bans: DashMap::new(),
            any: AtomicBool::new(false),
            alarms: broadcast::Sender::new(WAITING_ALARMS),
        }
    }

    /// Makes the table say what the store says.
    pub(crate) fn publish(&self, bans: Vec<Ban>) {
        self.bans.clear();
        for ban in bans {
            self.bans.insert(ban.address, ban);
        }
        self.note_size();
    }

    fn note_size(&self) {
        self.any.store(!self.bans.is_empty(), Ordering::Release);
    }

    fn may_be_banned(&self, block: AddressBlock, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        !block.is_loopback()
            && !self
                .settings
                .never
                .iter()
                .any(|network| network.contains(&canonical) || network.contains(&address))
    }

    /// The bans that are over, and the oldest where there are too many.
    fn outlived(&self, now: Timestamp) -> Vec<AddressBlock> {
        let mut left: Vec<(Timestamp, AddressBlock)> = Vec::new();
        let mut outlived = Vec::new();
        for ban in &self.bans {
            match ban.has_expired(now) {
                true => outlived.push(ban.address),
                false => left.push((ban.banned_at, ban.address)),
            }
        }
        left.sort_unstable();
        let too_many = left.len().saturating_sub(self.settings.most.max(1));
        outlived.extend(left.into_iter().take(too_many).map(|(_, block)| block));
        outlived
    }
}

impl Auth {
    /// Whether an address may not come in at all. Costs next to nothing while nobody is banned.
    pub fn is_banned(&self, address: IpAddr) -> bool {
        let watch = &self.inner.watch;
        watch.any.load(Ordering::Acquire)
            && watch
                .bans
                .get(&AddressBlock::of(address))
                .is_some_and(|ban| !ban.has_expired(self.inner.env.now()))
    }

    /// A sign-in failed, or a request came with credentials that open nothing. `what` says which,
    /// for the log, such as `a password`; it must hold no secret. It may come from outside: what
    /// could break a line is taken out.
    ///
    /// Logs one line, within bounds; counts it for the address; bans the address where it was one
    /// too many. Needs a running runtime.
    pub fn note_failure(&self, address: IpAddr, what: &str) {
        let (watch, env) = (&self.inner.watch, &self.inner.env);
        let block = AddressBlock::of(address);
        let failures = watch.attempts.failed(block, env.monotonic());
        watch.log.write(address, what, failures, env.monotonic());
        // Where nobody listens there is nobody to tell.
        let _ = watch.alarms.send(Alarm::SignInFailed(address));
        let is_over = watch
            .settings
            .threshold
            .is_some_and(|most| failures >= most);
        if is_over && watch.may_be_banned(block, address) {
            self.ban(block, address, failures);
        }
    }

    /// As [`Auth::note_failure`], for a wrong password of this user. Only their own right one makes
    /// it forgotten.
    pub fn note_wrong_password(&self, address: IpAddr, what: &str, username: &str) {
        if let Some(user) = self.find_user_by_username(username) {
            let (attempts, now) = (&self.inner.watch.attempts, self.inner.env.monotonic());
            attempts.aimed_at(AddressBlock::of(address), user.id, now);
        }
        self.note_failure(address, what);
    }

    /// As [`Auth::note_failure`], for a token of any kind that opened nothing. One that has the form
    /// of a token is counted once an address, however often it is sent: it cannot be guessed, and a
    /// phone whose token was revoked must not get its household banned. So is the lack of a token
    /// (an empty one) within the home: any page on the internet can make a browser there ask.
    pub fn note_bad_token(&self, address: IpAddr, what: &str, token: &str) {
        let guesses_nothing = match token {
            "" => is_local(address),
            token => is_refresh_value(token) || claimed_issuer(token).is_ok(),
        };
        if guesses_nothing {
            let watch = &self.inner.watch;
            let now = self.inner.env.monotonic();
            let credential = SecretDigest::of(token).short();
            if watch
                .attempts
                .is_repeated(AddressBlock::of(address), credential, now)
            {
                tracing::debug!(%address, what, "a token that is no longer good, or none, again");
                return;
            }
        }
        self.note_failure(address, what);
    }

    /// Someone at this address has shown a right password, of `who`, or a good token (`None`): the
    /// failures there are forgotten, but for wrong passwords of others. A ban stays.
    pub fn note_success(&self, address: IpAddr, who: Option<UserId>) {
        let attempts = &self.inner.watch.attempts;
        attempts.succeeded(AddressBlock::of(address), who);
    }

    /// Asks whether a password from this address may be looked at. Hold what is returned until it was,
    /// and was told to [`Auth::note_failure`] or [`Auth::note_success`].
    ///
    /// # Errors
    /// How long the address has to wait first, since it failed too often. The door refuses it
    /// without looking.
    pub fn begin_attempt(&self, address: IpAddr) -> Result<Attempt, Duration> {
        let watch = Arc::clone(&self.inner.watch);
        let block = AddressBlock::of(address);
        watch.attempts.begin(block, self.inner.env.monotonic())?;
        Ok(Attempt { watch, block })
    }

    /// Failures and bans from now on. Who is too slow misses the oldest.
    pub fn alarms(&self) -> broadcast::Receiver<Alarm> {
        self.inner.watch.alarms.subscribe()
    }

    /// The bans that hold, oldest first.
    pub fn bans(&self) -> Vec<Ban> {
        let now = self.inner.env.now();
        let bans = self.inner.watch.bans.iter();
        let mut bans: Vec<Ban> = bans
            .filter(|ban| !ban.has_expired(now))
            .map(|ban| ban.value().clone())
            .collect();
        bans.sort_by_key(|ban| (ban.banned_at, ban.address));
        bans
    }

    /// Lifts a ban and forgets the failures that led to it.
    ///
    /// # Errors
    /// [`AuthError::NotBanned`], [`AuthError::Store`].
    pub async fn remove_ban(&self, block: AddressBlock) -> Result<(), AuthError> {
        self.change(move |inner| async move {
            let watch = &inner.watch;
            if !watch.bans.contains_key(&block) {
                return Err(AuthError::NotBanned);
            }
            let mut batch = inner.store.batch();
            records::delete_ban(&mut batch, block);
            batch.commit().await?;
            watch.bans.remove(&block);
            watch.note_size();
            watch.attempts.forget(block);
            tracing::info!(address = %block, "a ban was lifted");
            Ok(())
        })
        .await
    }

    /// Bans at once; the store follows.
    fn ban(&self, block: AddressBlock, address: IpAddr, failures: u32) {
        let (watch, now) = (&self.inner.watch, self.inner.env.now());
        let expires_at = watch.settings.expiry.map(|lasts| {
            let micros = i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX);
            Timestamp::from_micros(now.as_micros().saturating_add(micros))
        });
        let ban = Ban {
            address: block,
            banned_at: now,
            expires_at,
            failures,
        };
        let before = watch.bans.insert(block, ban.clone());
        watch.note_size();
        if before.is_some_and(|before| !before.has_expired(now)) {
            // Requests that were on their way already.
            return;
        }
        let until = expires_at.map_or_else(|| "it is lifted".to_owned(), |end| end.to_string());
        tracing::warn!(address = %block, failures, until, "too many failed sign-ins: banned");
        let _ = watch.alarms.send(Alarm::Banned(address));
        let auth = self.clone();
        tokio::spawn(async move {
            if let Err(error) = auth.keep_ban(ban).await {
                tracing::error!(%error, "a ban could not be stored; it ends with the hub");
            }
        });
    }

    async fn keep_ban(&self, ban: Ban) -> Result<(), AuthError> {
        self.change(|inner| async move {
            let watch = Arc::clone(&inner.watch);
            if !watch.bans.contains_key(&ban.address) {
                // Lifted in the meantime.
                return Ok(());
            }
            let outlived = watch.outlived(inner.env.now());
            let mut batch = inner.store.batch();
            records::put_ban(&mut batch, &ban)?;
            for block in &outlived {
                records::delete_ban(&mut batch, *block);
            }
            batch.commit().await?;
            for block in &outlived {
                watch.bans.remove(block);
            }
            watch.note_size();
            Ok(())
        })
        .await
    }
}
