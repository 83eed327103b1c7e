//! The hub's one clock, one id source and one source of randomness.
//!
//! Everything that needs the time, an id or random bytes takes them from an [`Env`], which is
//! handed in. So a test or a headless lab can run the whole hub on a fixed clock and a seed:
//!
//! ```
//! use hearth_core::env::Env;
//!
//! let lab = Env::deterministic(7, "2026-01-01T00:00:00+00:00".parse().unwrap());
//! let again = Env::deterministic(7, "2026-01-01T00:00:00+00:00".parse().unwrap());
//! assert_eq!(lab.hex::<4>(), again.hex::<4>());
//! assert_eq!(lab.now(), again.now());
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::ids::Ulid;
use crate::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Wall-clock time, UTC, in microseconds. Never steps back between two calls.
    fn now(&self) -> Timestamp;
    /// Time since the clock was made; steady, for measuring spans.
    fn monotonic(&self) -> Duration;
}

/// Gives random bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes`. For secrets this must be the operating system's source.
    fn fill(&self, bytes: &mut [u8]);
}

/// Clock, ids and randomness, handed to everything that needs them. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Env {
    /// The operating system's clock and randomness.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock::default()), Arc::new(SystemRandom))
    }

    /// An environment from parts, for tests that steer the clock.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// The system's clock, and randomness from `seed`: a lab whose ids are the same at every
    /// start. **Not for homes**: whoever knows the seed knows the secrets.
    pub fn seeded(seed: u64) -> Self {
        Self::new(
            Arc::new(SystemClock::default()),
            Arc::new(SeededRandom(Mutex::new(seed))),
        )
    }

    /// Randomness from `seed`, and a clock that starts at `start` and moves one microsecond a
    /// call. **Not for homes**: whoever knows the seed knows the secrets.
    pub fn deterministic(seed: u64, start: Timestamp) -> Self {
        Self::new(
            Arc::new(SteppingClock::new(start)),
            Arc::new(SeededRandom(Mutex::new(seed))),
        )
    }

    /// Wall-clock time in microseconds, UTC.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Steady time since the start.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Fills `bytes` with randomness fit for secrets.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }

    /// `N` random bytes as `2 * N` lower-case hex characters.
    pub fn hex<const N: usize>(&self) -> String {
        let mut bytes = [0u8; N];
        self.fill(&mut bytes);
        to_hex(&bytes)
    }

    /// A new ULID: the time in milliseconds, then 80 random bits.
    pub fn ulid(&self) -> Ulid {
        let mut random = [0u8; 10];
        self.fill(&mut random);
        Ulid::from_parts(self.now().as_millis(), random)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

/// Lower-case hex of `bytes`.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

/// The bytes that hex `text` stands for, or `None` where it is not hex of exactly `N` bytes.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0u8; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

/// The system's wall clock, held back where the system steps it backwards, so that times
/// written by one hub never run against each other.
struct SystemClock {
    started: Instant,
    latest: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            latest: AtomicI64::new(0),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let micros = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        // Held back for a second at most: a clock set back by an hour must not freeze the times.
        let latest = self.latest.fetch_max(micros, Ordering::Relaxed);
        if latest > micros && latest - micros < 1_000_000 {
            return Timestamp::from_micros(latest);
        }
        if latest > micros {
            self.latest.store(micros, Ordering::Relaxed);
        }
        Timestamp::from_micros(micros)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Operating-system randomness, drawn in blocks: one system call serves many ids.
struct SystemRandom;

const BLOCK: usize = 512;

struct RandomBlock {
    bytes: [u8; BLOCK],
    used: usize,
}

thread_local! {
    static RANDOM_BLOCK: std::cell::RefCell<RandomBlock> =
        const { std::cell::RefCell::new(RandomBlock { bytes: [0; BLOCK], used: BLOCK }) };
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > BLOCK / 4 {
            os_random(bytes);
            return;
        }
        RANDOM_BLOCK.with_borrow_mut(|block| {
            if block.used + bytes.len() > BLOCK {
                os_random(&mut block.bytes);
                block.used = 0;
            }
            let taken = &mut block.bytes[block.used..block.used + bytes.len()];
            bytes.copy_from_slice(taken);
            // What was handed out once is wiped, so a later reader of this memory finds nothing.
            taken.fill(0);
            block.used += bytes.len();
        });
    }
}

fn os_random(bytes: &mut [u8]) {
    // A hub without randomness must not go on to make guessable secrets.
    if let Err(error) = getrandom::fill(bytes) {
        tracing::error!(%error, "the operating system gives no randomness; stopping");
        std::process::abort();
    }
}

/// Starts at a given time and moves one microsecond a call.
struct SteppingClock {
    start: i64,
    micros: AtomicI64,
}

impl SteppingClock {
    fn new(start: Timestamp) -> Self {
        Self {
            start: start.as_micros(),
            micros: AtomicI64::new(start.as_micros()),
        }
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.fetch_add(1, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        let micros = self.micros.load(Ordering::Relaxed) - self.start;
        Duration::from_micros(micros.unsigned_abs())
    }
}

/// SplitMix64: small, and the same on every platform.
struct SeededRandom(Mutex<u64>);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_do_not_repeat_across_block_borders() {
        let env = Env::system();
        let ids: std::collections::HashSet<String> = (0..500).map(|_| env.hex::<32>()).collect();
        assert_eq!(ids.len(), 500);
    }

    #[test]
    fn hex_goes_both_ways_and_refuses_other_text() {
        let bytes = [0u8, 1, 0xab, 0xff];
        assert_eq!(to_hex(&bytes), "0001abff");
        assert_eq!(from_hex::<4>("0001ABff"), Some(bytes));
        for bad in ["0001abf", "0001abffff", "0001abfg", "+001abff"] {
            assert_eq!(from_hex::<4>(bad), None, "{bad}");
        }
    }
}
