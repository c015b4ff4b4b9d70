//! Names of the files of recorded sessions. The id of a session is any text, of which a file's name is made.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::agent::jsonl::walk;
use crate::domain::{Agent, SessionKey};

/// Ending of the files.
const ENDING: &str = "jsonl";

/// Returns the file of a session in the folder of all recorded sessions.
pub fn record_of(folder: &Path, key: &SessionKey) -> PathBuf {
    folder.join(key.agent.name()).join(format!("{}.{ENDING}", encode(&key.id)))
}

/// Returns the id of the session that a file records.
pub(super) fn session_id(path: &Path) -> String {
    decode(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// Returns true for the name of a record.
pub(super) fn is_record(path: &Path) -> bool {
    path.extension() == Some(OsStr::new(ENDING))
}

/// Returns the configured agents that have recorded sessions.
pub(super) fn agents(folder: &Path) -> Vec<Agent> {
    let mut names: Vec<String> = walk::subdirectories(folder, &mut Vec::new())
        .iter()
        .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    let agents = names.iter().filter_map(|name| Agent::from_stored(name));
    agents.filter(|agent| matches!(agent, Agent::Configured(_))).collect()
}

/// Replaces what is special in a file's name by `%` and two hexadecimal digits.
fn encode(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            // Writing to a string cannot fail.
            other => drop(write!(name, "%{other:02x}")),
        }
    }
    name
}

fn decode(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, coded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let byte = coded.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &coded[2..] } else { coded };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_file_of_its_own_within_the_folder() {
        let folder = Path::new("/data/sessions");
        for id in ["ses_1", "../../etc/passwd", "a b/ü%41", ".", "agent-x"] {
            let path = record_of(folder, &SessionKey::new(Agent::Goose, id));
            assert_eq!(path.parent(), Some(Path::new("/data/sessions/goose")), "{id}");
            assert_eq!(session_id(&path), id);
        }
    }
}
