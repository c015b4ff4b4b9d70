//! The user's editor.

use std::path::Path;
use std::process::Command;

/// The command that edits a file: `$VISUAL`, else `$EDITOR`, else `vi`; split into words as a shell would.
pub fn command(var: impl Fn(&str) -> Option<String>, file: &Path) -> Result<Command, String> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| Some((name, var(name)?)));
    let (name, line) = named.unwrap_or(("EDITOR", "vi".to_owned()));
    let words = shlex::split(&line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| format!("${name} is no command: {line}"))?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(file);
    Ok(command)
}
