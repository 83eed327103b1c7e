//! Connections that stay open on the strength of a token, and how to close them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hearth_core::ids::UserId;
use parking_lot::Mutex;

use crate::token::TokenId;

type Closer = Box<dyn FnOnce() + Send>;

/// All open connections. One lock: a connection takes it twice in its life.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    open: HashMap<u64, Session>,
}

struct Session {
    token: TokenId,
    user: UserId,
    close: Closer,
}

impl Sessions {
    /// Keeps `close` until the guard is dropped or the token or user is shut out.
    pub(crate) fn add(
        self: &Arc<Self>,
        token: TokenId,
        user: UserId,
        close: Closer,
    ) -> SessionGuard {
        let mut table = self.table.lock();
        table.last += 1;
        let number = table.last;
        table.open.insert(number, Session { token, user, close });
        SessionGuard {
            number,
            sessions: self.clone(),
        }
    }

    /// Closes what was opened with `token`.
    pub(crate) fn close_token(&self, token: TokenId) {
        self.close_where(|session| session.token == token);
    }

    /// Closes what `user` has open, whatever the token.
    pub(crate) fn close_user(&self, user: UserId) {
        self.close_where(|session| session.user == user);
    }

    pub(crate) fn count(&self) -> usize {
        self.table.lock().open.len()
    }

    fn close_where(&self, is_shut_out: impl Fn(&Session) -> bool) {
        let closing: Vec<Session> = {
            let mut table = self.table.lock();
            let shut_out = table.open.extract_if(|_, session| is_shut_out(session));
            shut_out.map(|(_, session)| session).collect()
        };
        // Outside the lock: a closer may drop its own guard.
        for session in closing {
            (session.close)();
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("open", &self.count())
            .finish()
    }
}

/// Keeps a connection listed with [`Auth::open_session`](crate::Auth::open_session); drop it when
/// the connection ends.
#[must_use = "dropping the guard forgets the connection"]
#[derive(Debug)]
pub struct SessionGuard {
    number: u64,
    sessions: Arc<Sessions>,
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        let ended = self.sessions.table.lock().open.remove(&self.number);
        // Its closer is dropped outside the lock, since it may own anything.
        drop(ended);
    }
}
