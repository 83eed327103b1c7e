//! The first visit: who may make the owner, and which steps are done (spec auth §6).
//!
//! A hub that starts with an owner is onboarded. One that starts without has this session to be
//! taken over: on the machine itself, or by whoever reads the code that the hub prints.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::auth::Auth;
use crate::error::AuthError;
use crate::user::{NewUser, User};

/// Letters and digits that nobody takes for another; 32, so that a byte gives one evenly.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// 60 bits: more than can be tried over a network.
const CODE_LETTERS: usize = 12;

/// What a client does before a hub counts as set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnboardingStep {
    /// Making the owner.
    User,
    /// Where the home is, and its units.
    CoreConfig,
    /// Whether to tell somebody about its use; Hearth tells nobody.
    Analytics,
    /// Integrations.
    Integration,
}

impl OnboardingStep {
    /// All of them, in the order of the protocol.
    pub const ALL: [Self; 4] = [
        Self::User,
        Self::CoreConfig,
        Self::Analytics,
        Self::Integration,
    ];

    /// The step as the protocol has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::CoreConfig => "core_config",
            Self::Analytics => "analytics",
            Self::Integration => "integration",
        }
    }
}

/// The code that lets somebody who is not on the hub's machine make the owner. `Debug` shows
/// nothing of it.
#[derive(Clone)]
pub struct OnboardingCode(String);

impl OnboardingCode {
    /// For the person at the hub's machine: three groups of four.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OnboardingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnboardingCode(…)")
    }
}

/// The session in which a hub is taken over; empty where it was before.
#[derive(Default)]
pub(crate) struct Onboarding(Mutex<Option<Session>>);

struct Session {
    code: OnboardingCode,
    /// Those after the owner; that one is done when there is an owner.
    done: Vec<OnboardingStep>,
}

impl Auth {
    /// Begins the session, unless there is an owner. Call it once, before the doors open.
    pub fn begin_onboarding(&self) {
        let mut session = self.inner.onboarding.0.lock();
        if session.is_some() || self.inner.has_owner() {
            return;
        }
        let mut bytes = [0u8; CODE_LETTERS];
        self.inner.env.fill(&mut bytes);
        let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        let groups: Vec<String> = letters
            .chunks(4)
            .map(|four| four.iter().collect())
            .collect();
        *session = Some(Session {
            code: OnboardingCode(groups.join("-")),
            done: Vec::new(),
        });
    }

    /// Whether somebody owns the hub.
    pub fn has_owner(&self) -> bool {
        self.inner.has_owner()
    }

    /// Each step and whether it is done; `None` where the hub was set up before it started.
    pub fn onboarding(&self) -> Option<[(OnboardingStep, bool); 4]> {
        let session = self.inner.onboarding.0.lock();
        let done = &session.as_ref()?.done;
        Some(OnboardingStep::ALL.map(|step| match step {
            OnboardingStep::User => (step, self.inner.has_owner()),
            step => (step, done.contains(&step)),
        }))
    }

    /// The code to show at the hub's machine, while there is no owner.
    pub fn onboarding_code(&self) -> Option<OnboardingCode> {
        if self.inner.has_owner() {
            return None;
        }
        let session = self.inner.onboarding.0.lock();
        session.as_ref().map(|session| session.code.clone())
    }

    /// Whether this is the code, however it is spaced, compared in constant time.
    pub fn is_onboarding_code(&self, given: &str) -> bool {
        let plain = |text: &str| -> Vec<u8> {
            let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
            letters
                .take(CODE_LETTERS + 1)
                .map(|letter| letter.to_ascii_uppercase())
                .collect()
        };
        self.onboarding_code()
            .is_some_and(|code| plain(code.secret()).ct_eq(&plain(given)).into())
    }

    /// Marks a step after the owner's as done; false where it was done already, or where there is
    /// nothing to set up.
    pub fn complete_onboarding(&self, step: OnboardingStep) -> bool {
        let mut session = self.inner.onboarding.0.lock();
        let Some(session) = session.as_mut() else {
            return false;
        };
        let is_new = step != OnboardingStep::User && !session.done.contains(&step);
        if is_new {
            session.done.push(step);
        }
        is_new
    }

    /// Makes the owner of a hub that has none; two who try at once make one.
    ///
    /// # Errors
    /// [`AuthError::OwnerExists`] and those of [`Auth::create_user`].
    pub async fn create_owner(&self, new: NewUser) -> Result<Arc<User>, AuthError> {
        let password = match &new.credentials {
            Some((_, password)) => Some(self.inner.hashing.hash(password).await?),
            None => None,
        };
        self.change(|inner| async move {
            if inner.has_owner() {
                return Err(AuthError::OwnerExists);
            }
            inner.create_user(new.owner(), password).await
        })
        .await
    }
}
