//! The `hearth` binary and its processes, as the operating system sees them.

use std::path::{Path, PathBuf};

/// The path of the binary under test: `HEARTH_BIN`, else the one built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("HEARTH_BIN") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "HEARTH_BIN is {}, which is not a file",
            path.display()
        );
        return path;
    }
    // <target>/<profile>/deps/<test>: the same profile first, then the others.
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("a target dir");
    let target = profile.parent().expect("a target dir");
    let candidates = [
        profile.join("hearth"),
        target.join("ci/hearth"),
        target.join("debug/hearth"),
    ];
    candidates
        .iter()
        .find(|path| path.is_file())
        .cloned()
        .unwrap_or_else(|| {
            panic!(
                "no hearth binary: build one with `cargo build -p hearth`, or name one with \
                 HEARTH_BIN (looked for {candidates:?})"
            )
        })
}

/// Resident memory of a process in MiB (Linux).
pub fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("VmRSS");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    kib / 1024
}
