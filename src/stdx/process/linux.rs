//! Linux: everything is read from `/proc`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// When a process started, in clock ticks since boot: with its id, an identity. None for one that is gone or a zombie.
pub fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // Of the fields from 3 on, the state was the first and field 22 is the start.
    fields.nth(18).filter(|_| state != "Z" && state != "X").map(str::to_owned)
}

/// The process that holds a `flock` on a file, without disturbing it.
pub fn lock_holder(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    let file = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        // `1: FLOCK  ADVISORY  WRITE 4711 fe:01:123 0 EOF`; one that waits has `->` in front.
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place == file => pid.parse().ok(),
            _ => None,
        }
    })
}
