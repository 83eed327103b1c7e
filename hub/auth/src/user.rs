//! Users and the groups that they are in (spec auth §5).

use std::fmt;
use std::sync::LazyLock;

use hearth_core::ids::UserId;
use hearth_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::AuthError;
use crate::permission::{Access, EntityFacts, Policy};

/// Longest name of a user, user name or token, in characters.
const LONGEST_NAME: usize = 255;

/// The groups that there are. A user's rights are those of all its groups together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GroupId {
    /// `system-admin`: every access to every entity, and the administration of the hub.
    #[serde(rename = "system-admin")]
    Admin,
    /// `system-users`: every access to every entity.
    #[serde(rename = "system-users")]
    Users,
    /// `system-read-only`: reads every entity.
    #[serde(rename = "system-read-only")]
    ReadOnly,
}

impl GroupId {
    /// The id as the protocols have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "system-admin",
            Self::Users => "system-users",
            Self::ReadOnly => "system-read-only",
        }
    }

    /// The group with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        [Self::Admin, Self::Users, Self::ReadOnly]
            .into_iter()
            .find(|group| group.as_str() == id)
    }

    /// What its members may do.
    pub fn policy(self) -> &'static Policy {
        static EVERYTHING: Policy = Policy::EVERYTHING;
        static READ_ONLY: LazyLock<Policy> = LazyLock::new(Policy::read_only);
        match self {
            Self::Admin | Self::Users => &EVERYTHING,
            Self::ReadOnly => &READ_ONLY,
        }
    }
}

/// A person, or a part of the hub that acts under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// 32 hex characters.
    pub id: UserId,
    /// What people call them.
    pub name: String,
    /// What they sign in with, trimmed and case-folded; none without a password.
    pub username: Option<String>,
    /// May do anything; there is always one.
    pub is_owner: bool,
    /// Whether they may come in at all.
    pub is_active: bool,
    /// Made by the hub, for itself.
    pub system_generated: bool,
    /// May come in from local addresses only.
    pub local_only: bool,
    /// In no particular order.
    pub groups: Vec<GroupId>,
    /// When it was made; lists are in this order.
    pub created_at: Timestamp,
}

impl User {
    /// An owner, or an active member of `system-admin`.
    pub fn is_admin(&self) -> bool {
        self.is_active && (self.is_owner || self.groups.contains(&GroupId::Admin))
    }

    /// Whether they may do this with that entity.
    pub fn may(&self, access: Access, entity: &EntityFacts<'_>) -> bool {
        self.any_policy(|policy| policy.allows(entity, access))
    }

    /// Whether they may do this with every entity.
    pub fn may_all(&self, access: Access) -> bool {
        self.any_policy(|policy| policy.allows_all(access))
    }

    fn any_policy(&self, allows: impl Fn(&Policy) -> bool) -> bool {
        self.is_active && (self.is_owner || self.groups.iter().any(|group| allows(group.policy())))
    }
}

/// A user to be made with [`Auth::create_user`](crate::Auth::create_user). The first person
/// becomes the owner whatever is said here.
#[derive(Clone)]
pub struct NewUser {
    pub(crate) name: String,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) is_owner: bool,
    pub(crate) system_generated: bool,
    pub(crate) local_only: bool,
    pub(crate) groups: Vec<GroupId>,
}

impl NewUser {
    /// An ordinary person, in the group `system-users`.
    pub fn person(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            credentials: None,
            is_owner: false,
            system_generated: false,
            local_only: false,
            groups: vec![GroupId::Users],
        }
    }

    /// A part of the hub that acts under its own name, with these groups' rights.
    pub fn system(name: impl Into<String>, groups: Vec<GroupId>) -> Self {
        Self {
            system_generated: true,
            groups,
            ..Self::person(name)
        }
    }

    /// Who signs in with this name and password.
    #[must_use]
    pub fn with_password(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// With other groups.
    #[must_use]
    pub fn in_groups(mut self, groups: Vec<GroupId>) -> Self {
        self.groups = groups;
        self
    }

    /// Another owner; also an administrator.
    #[must_use]
    pub fn owner(mut self) -> Self {
        self.is_owner = true;
        self
    }

    /// May come in from local addresses only.
    #[must_use]
    pub fn local_only(mut self) -> Self {
        self.local_only = true;
        self
    }
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("name", &self.name)
            .field("username", &self.credentials.as_ref().map(|(name, _)| name))
            .field("is_owner", &self.is_owner)
            .field("system_generated", &self.system_generated)
            .field("local_only", &self.local_only)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// What to change of a user; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct UserUpdate {
    /// What people call them.
    pub name: Option<String>,
    /// Whether they may come in; turning it off closes their connections.
    pub is_active: Option<bool>,
    /// May come in from local addresses only.
    pub local_only: Option<bool>,
    /// All groups, instead of the ones before.
    pub groups: Option<Vec<GroupId>>,
}

/// A user name as it is kept and compared: trimmed and case-folded, so that ` PAUL ` is paul.
pub(crate) fn fold_username(text: &str) -> String {
    // Upper, then lower, letter by letter: so ß and ẞ meet as ss, ς and σ as σ.
    text.trim()
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The trimmed text, if it can be shown in a list and kept in a log line.
pub(crate) fn checked_name(field: &'static str, text: &str) -> Result<String, AuthError> {
    checked_text(field, text, LONGEST_NAME)
}

/// As [`checked_name`], with another limit in characters.
pub(crate) fn checked_text(
    field: &'static str,
    text: &str,
    longest: usize,
) -> Result<String, AuthError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
        return Err(AuthError::InvalidText { field, longest });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_trimmed_and_case_folded() {
        for (given, kept) in [
            (" PAUL ", "paul"),
            ("paul", "paul"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            ("ÅSA", "åsa"),
        ] {
            assert_eq!(fold_username(given), kept, "{given}");
        }
    }

    #[test]
    fn names_are_neither_empty_nor_long_nor_able_to_break_a_log_line() {
        let long = "x".repeat(256);
        for bad in ["", "  ", "a\nb", "a\u{1b}[2Jb", &long] {
            assert!(checked_name("name", bad).is_err(), "{bad:?}");
        }
        assert_eq!(checked_name("name", " Paul ").ok().as_deref(), Some("Paul"));
        assert!(checked_name("name", &"ü".repeat(255)).is_ok());
    }

    #[test]
    fn group_ids_go_both_ways() {
        for group in [GroupId::Admin, GroupId::Users, GroupId::ReadOnly] {
            assert_eq!(GroupId::from_id(group.as_str()), Some(group));
        }
        assert_eq!(GroupId::from_id("system-owners"), None);
    }

    #[test]
    fn an_inactive_owner_may_nothing() {
        let mut user = User {
            id: hearth_core::ids::UserId::generate(&hearth_core::env::Env::system()),
            name: "Paul".into(),
            username: None,
            is_owner: true,
            is_active: true,
            system_generated: false,
            local_only: false,
            groups: vec![],
            created_at: Timestamp::default(),
        };
        assert!(user.is_admin() && user.may_all(Access::Edit));
        user.is_active = false;
        assert!(!user.is_admin() && !user.may_all(Access::Read));
    }

    #[test]
    fn a_new_user_hides_its_password_in_debug_output() {
        let text = format!(
            "{:?}",
            NewUser::person("Paul").with_password("paul", "hunter22")
        );
        assert!(text.contains("paul") && !text.contains("hunter22"));
    }
}
