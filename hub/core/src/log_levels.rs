//! Which log lines come out, changed while the hub runs. The binary's logger says how; logs are
//! the process's, so is this.
//!
//! ```
//! use hearth_core::log_levels::LogLevels;
//!
//! let levels = LogLevels::default();
//! levels.changed_by(|directives| directives == "hearth_demo=debug");
//! assert!(levels.change("hearth_demo=debug"));
//! assert!(!levels.change("no filter"));
//! ```

use std::fmt;
use std::sync::OnceLock;

type Change = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The way to the logger's levels. Until it is told how, nothing can be changed.
#[derive(Default)]
pub struct LogLevels(OnceLock<Change>);

impl LogLevels {
    /// Those of this process.
    pub fn of_this_process() -> &'static Self {
        static LEVELS: LogLevels = LogLevels(OnceLock::new());
        &LEVELS
    }

    /// Tells how levels are changed; once. `change` gets directives such as
    /// `warn,hearth_demo=debug`, which count over those of the settings, and says whether they are
    /// in force now.
    pub fn changed_by(&self, change: impl Fn(&str) -> bool + Send + Sync + 'static) {
        // The first logger of a process is the one that logs.
        let _ = self.0.set(Box::new(change));
    }

    /// Puts these directives in the place of those of the last call.
    pub fn change(&self, directives: &str) -> bool {
        self.0.get().is_some_and(|change| change(directives))
    }
}

impl fmt::Debug for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLevels").finish_non_exhaustive()
    }
}
