//! The bundled history: files in the agents' own formats, with placeholders for what differs on each start.
//!
//! A bundle contains several files. A line `== PATH` begins a file; the lines up to the next one are its content.
//! Placeholders, where N is a number of seconds before now: `@iso:N@` (RFC 3339), `@ms:N@` and `@s:N@` (since 1970),
//! `@home@` (the temporary home), `@pid@` and `@start@` (the process that counts as the open sessions' agent).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::config::paths::create_private_dir;
use crate::domain::Time;

/// Bundles, one per agent.
const BUNDLES: [&str; 6] = [
    include_str!("../../../assets/demo/claude.txt"),
    include_str!("../../../assets/demo/codex.txt"),
    include_str!("../../../assets/demo/gemini.txt"),
    include_str!("../../../assets/demo/goose.txt"),
    include_str!("../../../assets/demo/opencode.txt"),
    include_str!("../../../assets/demo/qwen.txt"),
];

/// Beginning of the line that names a file.
const HEADER: &str = "== ";

/// Values of the placeholders.
#[derive(Debug)]
pub(super) struct Placeholders<'a> {
    /// The temporary home.
    pub home: &'a Path,
    /// Current time.
    pub now: Time,
    /// Pid of the process that has sessions open; 0 if there is none.
    pub pid: u32,
    /// Start time of that process, as the system states it.
    pub start: &'a str,
}

/// Writes all files of all bundles below the home.
pub(super) fn unpack(values: &Placeholders) -> io::Result<()> {
    for bundle in BUNDLES {
        for (path, content) in files(bundle) {
            write(path, content, values)?;
        }
    }
    Ok(())
}

/// Splits a bundle into paths and contents.
fn files(bundle: &str) -> impl Iterator<Item = (&str, &str)> {
    let rest = bundle.strip_prefix(HEADER).unwrap_or(bundle);
    rest.split("\n== ").filter_map(|file| file.split_once('\n'))
}

fn write(path: &str, content: &str, values: &Placeholders) -> io::Result<()> {
    let (path, _) = fill(path, values);
    let (mut content, age) = fill(content, values);
    if !content.ends_with('\n') {
        content.push('\n');
    }
    let path = values.home.join(path);
    if let Some(dir) = path.parent() {
        create_private_dir(dir)?;
    }
    let mut file = File::create(path)?;
    file.write_all(content.as_bytes())?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(values.now.millis()).unwrap_or(0));
    file.set_modified(now.checked_sub(age).unwrap_or(now))
}

/// Replaces the placeholders. Also returns the age of the latest time in the text.
fn fill(text: &str, values: &Placeholders) -> (String, Duration) {
    let (mut filled, mut youngest) = (String::with_capacity(text.len()), None::<u64>);
    let mut rest = text;
    while let Some((before, name, after)) = next_placeholder(rest) {
        let value = match name.split_once(':') {
            Some((unit, seconds)) => seconds.parse().ok().and_then(|seconds| {
                youngest = Some(youngest.map_or(seconds, |youngest| youngest.min(seconds)));
                moment(unit, seconds, values.now)
            }),
            None => constant(name, values),
        };
        filled.push_str(before);
        match value {
            Some(value) => filled.push_str(&value),
            // An at sign of a text.
            None => filled.extend(['@'].into_iter().chain(name.chars()).chain(['@'])),
        }
        rest = after;
    }
    filled.push_str(rest);
    (filled, Duration::from_secs(youngest.unwrap_or(0)))
}

/// Finds the next `@name@`: text before it, name, text after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('@')?;
        let len = text[at + 1..].find(|c: char| !c.is_ascii_alphanumeric() && c != ':')?;
        let end = at + 1 + len;
        if len > 0 && text[end..].starts_with('@') {
            return Some((&text[..at], &text[at + 1..end], &text[end + 1..]));
        }
        from = end;
    }
}

fn moment(unit: &str, seconds: u64, now: Time) -> Option<String> {
    let at = Time::from_millis(now.millis() - i64::try_from(seconds).ok()?.checked_mul(1000)?);
    match unit {
        "iso" => Some(at.rfc3339()),
        "ms" => Some(at.millis().to_string()),
        "s" => Some((at.millis() / 1000).to_string()),
        _ => None,
    }
}

fn constant(name: &str, values: &Placeholders) -> Option<String> {
    match name {
        "home" => Some(values.home.to_string_lossy().into_owned()),
        "pid" => Some(values.pid.to_string()),
        "start" => Some(values.start.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Placeholders<'static> {
        let now = Time::parse("2026-03-19T12:00:00Z").expect("a time");
        Placeholders { home: Path::new("/demo"), now, pid: 7, start: "99" }
    }

    #[test]
    fn placeholders_are_replaced_and_other_at_signs_stay() {
        let (text, age) = fill("@iso:3600@ @ms:90@ @s:60@ @home@/x @pid@ @start@ a@b.example @T a@b@c", &values());
        let times = "2026-03-19T11:00:00.000Z 1773921510000 1773921540";
        assert_eq!(text, format!("{times} /demo/x 7 99 a@b.example @T a@b@c"));
        assert_eq!(age, Duration::from_mins(1));
    }

    #[test]
    fn every_bundle_consists_of_files() {
        for bundle in BUNDLES {
            assert!(bundle.starts_with(HEADER));
            assert!(files(bundle).all(|(path, content)| !path.starts_with('/') && !content.is_empty()));
        }
    }
}
