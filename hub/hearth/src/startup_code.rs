//! Gives back the memory that the program's own code and constants took while it started.
//!
//! A start runs through far more code than a hub that idles: reading settings, opening the store,
//! setting up each integration. Those pages stay with the process until somebody needs them. They
//! are in the file, never changed, so the system may have them back; what is run again is found in
//! the system's cache.

use std::fs;

/// Gives back the pages of this program's file that are mapped and can never have been changed.
/// Where that does not work nothing is lost.
pub(crate) fn give_back() {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for line in maps.lines() {
        if let Some(mapping) = constant_mapping(line, &program.to_string_lossy()) {
            give_back_mapping(mapping);
        }
    }
}

/// A line of `/proc/self/maps` that maps code or the constants before it: from, length.
fn constant_mapping(line: &str, program: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let offset = fields.next()?;
    let path = fields.nth(2)?;
    // Read-only pages further on were written to by the loader, before it took the right away.
    let is_constant = permissions == "r-xp"
        || (permissions == "r--p" && offset.bytes().all(|digit| digit == b'0'));
    if path != program || !is_constant {
        return None;
    }
    let from = usize::from_str_radix(from, 16).ok()?;
    let to = usize::from_str_radix(to, 16).ok()?;
    Some((from, to.checked_sub(from)?))
}

#[cfg(target_os = "linux")]
#[allow(
    unsafe_code,
    reason = "the system call has no safe form: it could drop changed pages"
)]
fn give_back_mapping((from, length): (usize, usize)) {
    // SAFETY: the range is a mapping of this program's file as the system just listed it, and it
    // holds code or the constants before it, which nobody ever writes: dropped pages are read from
    // the file again. A failure changes nothing.
    let _ = unsafe {
        libc::madvise(
            std::ptr::with_exposed_provenance_mut(from),
            length,
            libc::MADV_DONTNEED,
        )
    };
}

#[cfg(not(target_os = "linux"))]
fn give_back_mapping(_: (usize, usize)) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_and_the_constants_before_it_are_given_back() {
        for (line, expected) in [
            (
                "1000-3000 r--p 00000000 08:01 7   /opt/hearth",
                Some((0x1000, 0x2000)),
            ),
            (
                "3000-9000 r-xp 00002000 08:01 7   /opt/hearth",
                Some((0x3000, 0x6000)),
            ),
            ("9000-a000 r--p 00008000 08:01 7   /opt/hearth", None),
            ("a000-b000 rw-p 00009000 08:01 7   /opt/hearth", None),
            ("3000-9000 r-xp 00002000 08:01 7   /lib/libc.so", None),
            ("3000-9000 r-xp 00000000 00:00 0", None),
            ("", None),
        ] {
            assert_eq!(constant_mapping(line, "/opt/hearth"), expected, "{line}");
        }
    }

    #[test]
    fn a_program_runs_on_after_it() {
        give_back();
        assert_eq!([1, 2, 3].iter().sum::<i32>(), 6);
    }
}
