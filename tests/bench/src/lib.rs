//! Benchmarks of Hearth against bare actix servers.
//!
//! The crate holds three things: `bin/bare.rs`, the reference server that does only what any
//! actix server would have to do (parse the same JSON, open and seal the same secretbox, send the
//! same bytes to many sockets); `main.rs`, which runs the hub and the reference in turn under the
//! same load and prints medians and ratios; and `benches/`, which time the pure parts alone.
//!
//! It speaks to the hub through its command line and its sockets only, and must never depend on
//! the hub's crates. The load comes from `hearth-simulate`.
//!
//! Start reading at `main.rs`, then `suites/`. This library is what the reference server and the
//! micro-benchmarks share.

pub mod envelope;
