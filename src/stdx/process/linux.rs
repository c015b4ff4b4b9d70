//! Linux implementation, based on `/proc`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Returns the start time in clock ticks since boot, which identifies a process together with its id. `None` if it is
/// gone or a zombie.
pub fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, including parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    // The state is field 3, so the start time (field 22) is the 19th after it.
    fields.nth(18).filter(|_| state != "Z" && state != "X").map(str::to_owned)
}

/// Returns a number that differs for each process with the same id, across reboots too. `None` if the process is gone
/// or a zombie.
pub fn identity(pid: u32) -> Option<u64> {
    let start = start_time(pid)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let bytes = boot.trim().bytes().chain(start.bytes());
    Some(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}

/// Returns true if a process was started as `program`, by its name or through an interpreter. False if uncertain.
pub fn is_program(pid: u32, program: &str) -> bool {
    let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    let wanted = name(program);
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut args = line.split(|byte| *byte == 0).take(3);
    wanted.is_some() && args.any(|word| name(&String::from_utf8_lossy(word)) == wanted)
}

/// Returns the process that has a `flock` on a file, without affecting the lock.
pub fn lock_holder(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    let file = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        // Format: `1: FLOCK  ADVISORY  WRITE 4711 fe:01:123 0 EOF`; a waiting one has `->` in front.
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place == file => pid.parse().ok(),
            _ => None,
        }
    })
}
