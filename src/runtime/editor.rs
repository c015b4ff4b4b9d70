//! The user's editor.

use std::path::Path;
use std::process::Command;

/// Returns the command that edits a file: `$VISUAL`, else `$EDITOR`, else `vi`; split like a shell command.
pub(super) fn command(var: impl Fn(&str) -> Option<String>, file: &Path) -> Result<Command, String> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| Some((name, var(name)?)));
    let (name, line) = named.unwrap_or(("EDITOR", "vi".to_owned()));
    let parts = shlex::split(&line).filter(|parts| !parts.is_empty());
    let parts = parts.ok_or_else(|| format!("${name} is not a valid command: {line}"))?;
    let mut command = Command::new(&parts[0]);
    command.args(&parts[1..]).arg(file);
    Ok(command)
}
