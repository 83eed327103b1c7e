//! What one user's phones may take of the courier, so that they leave something for others': room
//! for what waits, and posts under way.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use hearth_core::ids::UserId;
use hearth_core::settings::PushSettings;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module's guide.
pub(super) struct Shares {
    all: Share,
    of_users: HashMap<UserId, Share>,
    settings: PushSettings,
}

#[derive(Clone)]
struct Share {
    /// Counts what waits: each holds a clone.
    room: Rc<()>,
    posts: Arc<Semaphore>,
}

/// Counts a notification among those that wait, as long as it lives.
#[derive(Default)]
pub(super) struct Room {
    _of_all: Rc<()>,
    _of_user: Rc<()>,
}

/// A post under way, as long as it lives.
pub(super) struct Turn {
    _of_user: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Share {
    fn new(posts: usize) -> Self {
        Self {
            room: Rc::default(),
            posts: Arc::new(Semaphore::new(posts.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    fn waiting(&self) -> usize {
        // One count is the share's own.
        Rc::strong_count(&self.room) - 1
    }

    fn is_in_use(&self) -> bool {
        self.waiting() > 0 || Arc::strong_count(&self.posts) > 1
    }
}

impl Shares {
    pub(super) fn new(settings: PushSettings) -> Self {
        Self {
            all: Share::new(settings.posts),
            of_users: HashMap::new(),
            settings,
        }
    }

    /// Room for one more notification to a phone of `user`; `None` where too many wait. What goes
    /// on its way at once may pass those that wait: there may be as many of it again.
    pub(super) fn room(&mut self, user: UserId, goes_at_once: bool) -> Option<Room> {
        let times = if goes_at_once { 2 } else { 1 };
        let (total, own) = (self.settings.queue_total, self.settings.queue_per_user);
        let fits = |share: &Share, limit: usize| {
            let limit = limit.max(1).saturating_mul(times);
            share.waiting() < limit
        };
        if !fits(&self.all, total) || !fits(self.of(user), own) {
            return None;
        }
        Some(self.room_for_kept(user))
    }

    /// Room for one that was kept before: it has its place already.
    pub(super) fn room_for_kept(&mut self, user: UserId) -> Room {
        Room {
            _of_all: Rc::clone(&self.all.room),
            _of_user: Rc::clone(&self.of(user).room),
        }
    }

    /// Waits until a push service may be asked for a phone of `user`: first for those of the user,
    /// who take no place of others meanwhile.
    pub(super) fn turn(&mut self, user: UserId) -> impl Future<Output = Turn> + use<> {
        let (own, all) = (
            Arc::clone(&self.of(user).posts),
            Arc::clone(&self.all.posts),
        );
        async move {
            // They are never closed.
            Turn {
                _of_user: own.acquire_owned().await.ok(),
                _of_all: all.acquire_owned().await.ok(),
            }
        }
    }

    /// Forgets users who have nothing here now.
    pub(super) fn tidy(&mut self) {
        self.of_users.retain(|_, share| share.is_in_use());
    }

    fn of(&mut self, user: UserId) -> &Share {
        let posts = self.settings.posts_per_user;
        let share = self.of_users.entry(user);
        share.or_insert_with(|| Share::new(posts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use hearth_core::env::Env;
    use hearth_core::time::Timestamp;

    fn shares() -> (Shares, UserId, UserId) {
        let env = Env::deterministic(1, Timestamp::from_micros(0));
        let settings = PushSettings {
            queue_total: 4,
            queue_per_user: 3,
            posts: 3,
            posts_per_user: 2,
            ..PushSettings::default()
        };
        let shares = Shares::new(settings);
        (shares, UserId::generate(&env), UserId::generate(&env))
    }

    #[test]
    fn one_user_leaves_room_for_others() {
        let (mut shares, ann, bob) = shares();
        let mut of_ann: Vec<Room> = (0..3).filter_map(|_| shares.room(ann, false)).collect();
        assert_eq!(of_ann.len(), 3);
        assert!(shares.room(ann, false).is_none());
        assert!(shares.room(ann, true).is_some());
        let of_bob = shares.room(bob, false);
        assert!(of_bob.is_some());
        of_ann.pop();
        assert!(shares.room(bob, false).is_some());
        drop((of_ann, of_bob));
        shares.tidy();
        assert!(shares.of_users.is_empty());
    }

    #[test]
    fn posts_of_one_user_leave_some_for_others() {
        let (mut shares, ann, bob) = shares();
        let turns: Vec<Turn> = (0..2)
            .filter_map(|_| shares.turn(ann).now_or_never())
            .collect();
        assert_eq!(turns.len(), 2);
        let mut third = Box::pin(shares.turn(ann));
        assert!((&mut third).now_or_never().is_none());
        assert!(shares.turn(bob).now_or_never().is_some());
        drop(turns);
        assert!(third.now_or_never().is_some());
    }
}
