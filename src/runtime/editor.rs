//! The user's editor.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Returns the command that edits a file, at a line if the editor is known: `$VISUAL`, else `$EDITOR`, else `vi`; split
/// like a shell command.
pub(super) fn command(var: impl Fn(&str) -> Option<String>, file: &Path, line: Option<u32>) -> Result<Command, String> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| Some((name, var(name)?)));
    let (name, words) = named.unwrap_or(("EDITOR", "vi".to_owned()));
    let parts = shlex::split(&words).filter(|parts| !parts.is_empty());
    let parts = parts.ok_or_else(|| format!("${name} is not a valid command: {words}"))?;
    let mut command = Command::new(&parts[0]);
    command.args(&parts[1..]).args(position(&parts[0], file, line));
    Ok(command)
}

/// Arguments for a file and a line, from 1.
fn position(editor: &str, file: &Path, line: Option<u32>) -> Vec<OsString> {
    let name = Path::new(editor).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(line) = line else { return vec![file.into()] };
    let with_line = || {
        let mut position = file.as_os_str().to_owned();
        position.push(format!(":{line}"));
        position
    };
    match name {
        "vi" | "vim" | "nvim" | "view" | "nano" | "emacs" | "emacsclient" | "micro" | "kak" | "joe" | "mg" => {
            vec![format!("+{line}").into(), file.into()]
        }
        "code" | "code-insiders" | "codium" | "cursor" | "windsurf" => vec!["--goto".into(), with_line()],
        "hx" | "helix" | "subl" | "zed" | "zeditor" => vec![with_line()],
        _ => vec![file.into()],
    }
}
