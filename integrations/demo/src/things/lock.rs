//! A lock that can also pull its door's latch.

use hearth_core::prelude::*;
use hearth_core::time::Timestamp;

use crate::thing::{Data, Thing, cannot};

const CAN_OPEN: u64 = 1;

/// A lock.
#[derive(Default)]
pub(crate) enum Lock {
    #[default]
    Locked,
    Unlocked,
    /// Unlocked, and the latch is pulled.
    Open,
}

impl Thing for Lock {
    fn state(&self) -> String {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Open => "open",
        }
        .to_owned()
    }

    fn features(&self) -> Option<u64> {
        Some(CAN_OPEN)
    }

    fn restore(&mut self, state: &str, _: &Attributes) {
        *self = match state {
            "unlocked" => Self::Unlocked,
            "open" => Self::Open,
            _ => Self::Locked,
        };
    }

    /// It needs no code; one that is given is ignored.
    fn call(&mut self, service: &str, _: &Data, _: Timestamp) -> Result<(), ServiceError> {
        *self = match service {
            "lock" => Self::Locked,
            "unlock" => Self::Unlocked,
            "open" => Self::Open,
            other => return Err(cannot(other)),
        };
        Ok(())
    }
}
