//! Linux: what `/proc` tells.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The process that holds a lock (`flock` or `fcntl`) on a file. Only looks it up in the system's table.
pub fn lock_holder(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    table.lines().find_map(|line| holder(line, metadata.dev(), metadata.ino()))
}

/// `1: FLOCK  ADVISORY  WRITE 2412 08:01:1234 0 EOF`; lines with `->` only wait for it.
fn holder(line: &str, device: u64, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK" | "POSIX" | "OFDLCK", _, _, pid, file, ..] = words[..] else { return None };
    let mut parts = file.split(':');
    let major = u32::from_str_radix(parts.next()?, 16).ok()?;
    let minor = u32::from_str_radix(parts.next()?, 16).ok()?;
    let same = parts.next()?.parse() == Ok(inode);
    // Some file systems (overlays, btrfs) show another device there than `stat` does: a different device only
    // counts where both are real ones.
    let same_device = rustix::fs::makedev(major, minor) == device || major == 0 || rustix::fs::major(device) == 0;
    (same && same_device).then(|| pid.parse().ok())?
}
