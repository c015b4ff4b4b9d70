//! Linux implementation, based on `/proc`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::stdx::files::{self, SizeLimit};

/// Fields of `/proc/PID/stat` after the program's name, the process state first. `None` if the process is gone or a
/// zombie.
fn living_stat(pid: u32) -> Option<Vec<String>> {
    let stat = read_text(&format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, including parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<String> = fields.split_ascii_whitespace().map(str::to_owned).collect();
    fields.first().is_some_and(|state| state != "Z" && state != "X").then_some(fields)
}

/// Returns the start time in clock ticks since boot, which identifies a process together with its id. `None` if it is
/// gone or a zombie.
pub fn start_time(pid: u32) -> Option<String> {
    // The state is field 3, the start time field 22.
    living_stat(pid)?.into_iter().nth(19)
}

/// Returns the living members of a process group, without zombies.
pub fn group_members(group: u32) -> Vec<u32> {
    let group = group.to_string();
    // The process group is field 5.
    let is_member = |pid: &u32| living_stat(*pid).is_some_and(|fields| fields.get(2) == Some(&group));
    processes().filter(is_member).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns true if a process was started with this environment variable, and with this value if there is one. False if
/// that cannot be read.
pub fn has_variable(pid: u32, name: &str, value: Option<&str>) -> bool {
    let environment = files::read(Path::new(&format!("/proc/{pid}/environ")), SizeLimit::TABLE).unwrap_or_default();
    let matches = |variable: &[u8]| {
        let given = variable.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        given.is_some_and(|given| value.is_none_or(|value| given == value.as_bytes()))
    };
    environment.split(|byte| *byte == 0).any(matches)
}

/// Returns the living processes that were started as `program`; see [`is_program`].
pub fn programs(program: &str) -> Vec<u32> {
    // Few are, so that their state is read last.
    processes().filter(|pid| is_program(*pid, program) && start_time(*pid).is_some()).collect()
}

/// Returns the command line of a process. Empty if it cannot be read.
pub fn arguments(pid: u32) -> Vec<String> {
    let line = files::read(Path::new(&format!("/proc/{pid}/cmdline")), SizeLimit::TABLE).unwrap_or_default();
    let args = line.split(|byte| *byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned());
    args.filter(|arg| !arg.is_empty()).collect()
}

/// Returns the working directory of a process.
pub fn directory(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// Returns the processes whose working directory is a directory or below it, as far as it can be read. `None` if
/// processes cannot be listed.
pub fn with_directory_in(path: &Path) -> Option<Vec<u32>> {
    std::fs::read_dir("/proc").ok()?;
    Some(processes().filter(|pid| directory(*pid).is_some_and(|cwd| cwd.starts_with(path))).collect())
}

/// Returns the start time in ms since 1970, to the second.
pub fn started_at(pid: u32) -> Option<i64> {
    /// Clock ticks per second that `/proc` counts in, on every architecture that Linux still supports.
    const TICKS_PER_SECOND: i64 = 100;
    let ticks: i64 = start_time(pid)?.parse().ok()?;
    let stat = read_text("/proc/stat").ok()?;
    let boot: i64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some((boot + ticks / TICKS_PER_SECOND) * 1000)
}

/// Returns the resident memory of a process in bytes.
pub fn resident_memory(pid: u32) -> Option<u64> {
    let status = read_text(&format!("/proc/{pid}/status")).ok()?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(size.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? << 10)
}

/// Returns true if a process has a file open. False if its open files cannot be read.
pub fn has_open(pid: u32, path: &Path) -> bool {
    let Ok(wanted) = std::fs::metadata(path) else { return false };
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut metadata = files.filter_map(|file| std::fs::metadata(file.path()).ok());
    metadata.any(|file| (file.dev(), file.ino()) == (wanted.dev(), wanted.ino()))
}

/// Returns a number that differs for each process with the same id, across reboots too. `None` if the process is gone
/// or a zombie.
pub fn identity(pid: u32) -> Option<u64> {
    let start = start_time(pid)?;
    let boot = read_text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let bytes = boot.trim().bytes().chain(start.bytes());
    Some(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}

/// Returns true if a process was started as `program`, by its name or through an interpreter. False if uncertain.
pub fn is_program(pid: u32, program: &str) -> bool {
    let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    let wanted = name(program);
    let mut first = [0; MAX_PROGRAM_BYTES];
    let line = files::first_bytes(format!("/proc/{pid}/cmdline"), &mut first).unwrap_or_default();
    let mut args = line.split(|byte| *byte == 0).take(3);
    wanted.is_some() && args.any(|word| name(&String::from_utf8_lossy(word)) == wanted)
}

/// Returns the process that has a `flock` on a file, without affecting the lock.
pub fn lock_holder(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    let file = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = read_text("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        // Format: `1: FLOCK  ADVISORY  WRITE 4711 fe:01:123 0 EOF`; a waiting one has `->` in front.
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields[..] {
            [_, "FLOCK", _, _, pid, place, ..] if place == file => pid.parse().ok(),
            _ => None,
        }
    })
}

/// Maximum bytes of a command line in which the program is looked for; the paths of an interpreter and its script fit.
const MAX_PROGRAM_BYTES: usize = 8 << 10;

fn read_text(path: &str) -> std::io::Result<String> {
    files::read_text(Path::new(path), SizeLimit::TABLE)
}
