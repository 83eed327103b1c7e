//! The list of notifications: as many as the settings allow, the oldest gives way.

use std::collections::VecDeque;

use hearth_core::time::Timestamp;
use serde::Serialize;

/// Longest message, in characters: a long page.
const MESSAGE_MAX: usize = 16 * 1024;
/// Longest title and id, in characters.
const TITLE_MAX: usize = 255;

/// A notification as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Notification {
    pub(crate) notification_id: String,
    pub(crate) message: String,
    pub(crate) title: Option<String>,
    pub(crate) created_at: Timestamp,
}

impl Notification {
    /// The same with texts of no more than the longest length.
    pub(crate) fn cut(mut self) -> Self {
        cut(&mut self.notification_id, TITLE_MAX);
        cut(&mut self.message, MESSAGE_MAX);
        if let Some(title) = &mut self.title {
            cut(title, TITLE_MAX);
        }
        self
    }
}

fn cut(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}

/// Notifications in the order in which they came.
pub(crate) struct Notifications {
    all: VecDeque<Notification>,
    limit: usize,
}

/// What became of one that was put.
pub(crate) struct Put {
    /// Whether none had its id.
    pub(crate) is_new: bool,
    /// The oldest, where it had to give way.
    pub(crate) dropped: Option<Notification>,
}

impl Notifications {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            all: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Notification> {
        self.all.iter()
    }

    /// Adds one, or puts it in the place of the one with its id.
    pub(crate) fn put(&mut self, new: Notification) -> Put {
        let known = self
            .all
            .iter_mut()
            .find(|one| one.notification_id == new.notification_id);
        if let Some(known) = known {
            *known = new;
            return Put {
                is_new: false,
                dropped: None,
            };
        }
        let dropped = (self.all.len() >= self.limit)
            .then(|| self.all.pop_front())
            .flatten();
        self.all.push_back(new);
        Put {
            is_new: true,
            dropped,
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Notification> {
        let index = self.all.iter().position(|one| one.notification_id == id)?;
        self.all.remove(index)
    }

    pub(crate) fn remove_all(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.all).into()
    }
}
