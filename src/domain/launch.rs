//! Command lines that start an agent's own program on a session.

use std::borrow::Cow;
use std::path::PathBuf;

use super::Session;
use crate::stdx::exact;

/// Environment variable that marks every descendant of an agent with the salon process that started it. It proves that
/// a process belongs to a recorded group whose leader has ended, and that a process is not the user's own.
pub const OWNER_VARIABLE: &str = "SALON_OWNER";

/// Program with its argument list; never a shell command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Name or path of the program.
    pub program: String,
    /// Arguments.
    pub args: Vec<String>,
    /// Working directory; empty if the session's directory is unknown.
    pub cwd: PathBuf,
}

impl Launch {
    /// Creates the command line that resumes a session by its id: the program, `args`, the id, and `extra` arguments. The
    /// id is joined to a last option by `=`, so that it cannot be parsed as an option.
    pub fn resume(program: &str, args: &[&str], session: &Session, extra: &[String]) -> Self {
        let mut args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let id = &session.key.id;
        match args.last_mut().filter(|last| last.starts_with("--")) {
            Some(option) => option.extend(["=", id]),
            None => args.push(id.to_string()),
        }
        args.extend_from_slice(extra);
        Self { program: program.to_owned(), args, cwd: PathBuf::from(&*session.cwd) }
    }

    /// Formats the command for pasting into a POSIX shell: `cd 'dir' && program args`.
    pub fn shell_line(&self) -> String {
        let mut parts = vec![quote(&self.program)];
        parts.extend(self.args.iter().map(|arg| quote(arg)));
        let line = parts.join(" ");
        if self.cwd.as_os_str().is_empty() {
            return line;
        }
        format!("cd {} && {line}", quote(&self.cwd.to_string_lossy()))
    }
}

/// Quotes one word for a shell if it contains special characters. Characters that a terminal or a reader could mistake
/// are written as escapes in `$'…'`.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.chars().any(needs_escape) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let escape = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if needs_escape(c) => c.to_string().bytes().map(|byte| format!("\\x{byte:02x}")).collect(),
        c => c.to_string(),
    };
    format!("$'{}'", word.chars().map(escape).collect::<String>())
}

/// True for controls and invisible characters. A space is neither.
fn needs_escape(c: char) -> bool {
    c == '\n' || (c != ' ' && matches!(exact::visible(c.encode_utf8(&mut [0; 4])), Cow::Owned(_)))
}
