//! The last requests of each webhook, for its owner: when, how large, for how many hubs. Nothing of
//! their content, and gone with a restart.

use std::collections::VecDeque;

use dashmap::DashMap;
use hearth_core::time::Timestamp;
use serde::Serialize;

use crate::ids::{DeliveryId, WebhookId};

/// Requests of one webhook that are remembered.
const KEPT: usize = 100;

/// What is remembered of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// When it came.
    pub received_at: Timestamp,
    /// How many hubs it was for.
    pub matched: usize,
    /// For how many of them it was dropped because they got too many.
    pub dropped: usize,
    /// Bytes of its body.
    pub bytes: usize,
    /// Whether it was a repeat.
    pub is_duplicate: bool,
}

/// What came lately.
#[derive(Debug, Default)]
pub struct DeliveryLog(DashMap<WebhookId, VecDeque<LoggedDelivery>>);

impl DeliveryLog {
    pub(crate) fn add(&self, webhook: WebhookId, delivery: LoggedDelivery) {
        let mut log = self.0.entry(webhook).or_default();
        if log.len() == KEPT {
            log.pop_front();
        }
        log.push_back(delivery);
    }

    /// A webhook's last requests, the newest first.
    pub fn of(&self, webhook: WebhookId) -> Vec<LoggedDelivery> {
        let log = self.0.get(&webhook);
        log.map_or_else(Vec::new, |log| log.iter().rev().cloned().collect())
    }

    pub(crate) fn forget(&self, webhook: WebhookId) {
        self.0.remove(&webhook);
    }
}
