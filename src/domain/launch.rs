//! How an agent's own program is started on a session.

use std::path::PathBuf;

/// A program to start: an argument list, never a shell line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name or path of the program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it is started; empty where the session's directory is unknown.
    pub cwd: PathBuf,
}

impl Launch {
    /// A line for a person to paste into a POSIX shell: `cd 'dir' && program args`.
    pub fn shell_line(&self) -> String {
        let mut words = vec![quote(&self.program)];
        words.extend(self.args.iter().map(|arg| quote(arg)));
        let line = words.join(" ");
        if self.cwd.as_os_str().is_empty() {
            return line;
        }
        format!("cd {} && {line}", quote(&self.cwd.to_string_lossy()))
    }
}

/// Quotes one word for a POSIX shell, only where it needs it.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
