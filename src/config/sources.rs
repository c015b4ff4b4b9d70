//! The table `sources` of the configuration: other machines and containers.

use toml::{Table, Value};

use crate::domain::Agent;
use crate::domain::query::filter::LOCAL_HOST;
use crate::domain::remote::{ContainerEngine, RemoteSource, RemoteTransport};

/// Settings that name a machine or container, for messages.
const WAYS: &str = "ssh, docker, podman, kubectl, compose, devcontainer, command";

/// Settings besides those.
const SETTINGS: [&str; 2] = ["program", "directory"];

/// Reads a source. The error is the reason why it cannot be used.
pub fn read(name: &str, value: &Value) -> Result<RemoteSource, String> {
    check_name(name)?;
    let table = value.as_table().ok_or("must be a table such as { ssh = \"me@box\" }")?;
    if let Some(unknown) = table.keys().find(|key| !SETTINGS.contains(&key.as_str()) && !is_transport(key)) {
        return Err(format!("{unknown} is not a setting of a source; use one of {WAYS}"));
    }
    let ways: Vec<_> = table.keys().filter(|key| is_transport(key)).collect();
    let [way] = ways.as_slice() else {
        return Err(format!("needs exactly one of {WAYS}"));
    };
    let transport = transport(way, table)?;
    let program = table.get("program").map(target).transpose()?;
    Ok(RemoteSource { name: name.into(), transport, program, control_socket: None })
}

/// Checks a name, which is written before the ids of its sessions.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.bytes().all(is_plain) {
        return Err("a name has lower-case letters, digits, -, _ and . only".to_owned());
    }
    if name == LOCAL_HOST || Agent::from_name(name).is_some() {
        return Err(format!("\"{name}\" has another meaning; choose another name"));
    }
    Ok(())
}

fn is_transport(key: &str) -> bool {
    ["ssh", "compose", "devcontainer", "command"].contains(&key) || engine(key).is_some()
}

fn engine(key: &str) -> Option<ContainerEngine> {
    ContainerEngine::ALL.into_iter().find(|engine| engine.program() == key)
}

fn transport(way: &str, table: &Table) -> Result<RemoteTransport, String> {
    let Some(value) = table.get(way) else { return Err(format!("needs {way}")) };
    if let Some(engine) = engine(way) {
        return Ok(RemoteTransport::Container(engine, target(value)?));
    }
    if way == "ssh" {
        return Ok(RemoteTransport::Ssh(target(value)?));
    }
    if way == "compose" {
        let directory = table.get("directory").ok_or("compose needs directory, the folder of its project")?;
        return Ok(RemoteTransport::Compose { directory: folder(directory)?, service: target(value)? });
    }
    if way == "devcontainer" {
        return Ok(RemoteTransport::Devcontainer(folder(value)?));
    }
    let words = value.as_array().ok_or("command must be a list of words, because no shell splits it")?;
    let words: Vec<String> = words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect();
    if words.first().is_none_or(String::is_empty) {
        return Err("command needs a program".to_owned());
    }
    Ok(RemoteTransport::Command(words))
}

/// Reads a folder of this machine.
fn folder(value: &Value) -> Result<String, String> {
    let text = target(value)?;
    if text.starts_with('/') { Ok(text) } else { Err(format!("{value} is not an absolute path")) }
}

/// Reads a word that becomes an argument: one that looks like an option would be taken as one.
fn target(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not a string"))?;
    if text.is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
        return Err(format!("{value} is not a destination"));
    }
    Ok(text.to_owned())
}
