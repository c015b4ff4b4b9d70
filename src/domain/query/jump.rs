//! Jump targets: pasted ids, resume commands and transcript paths that identify one session.

use std::path::{Path, PathBuf};

use crate::domain::{Agent, Session};

/// Reference to one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jump {
    /// By id, and by agent if the input contains one.
    Id(Option<Agent>, String),
    /// By transcript path; a leading `~` is not expanded yet.
    Path(PathBuf),
}

impl Jump {
    /// Parses pasted text. Returns `None` if the text is a query.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let path = Path::new(text);
        if text.starts_with(['/', '~']) && path.extension().is_some_and(|ending| ending == "jsonl" || ending == "json")
        {
            return Some(Self::Path(path.into()));
        }
        let tokens: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
        if let [word] = tokens[..] {
            return match word.split_once(':') {
                Some((agent, id)) => Agent::from_name(agent).filter(|_| is_id(id)).map(|agent| (Some(agent), id)),
                None => is_id(word).then_some((None, word)),
            }
            .map(|(agent, id)| Self::Id(agent, id.to_owned()));
        }
        command(&tokens)
    }

    /// Returns true if the reference identifies this session; `home` expands `~`.
    pub fn matches(&self, session: &Session, home: &Path) -> bool {
        match self {
            Self::Id(agent, id) => agent.is_none_or(|agent| agent == session.key.agent) && *session.key.id == **id,
            Self::Path(path) => match path.strip_prefix("~") {
                Ok(rest) => home.join(rest) == session.path,
                Err(_) => *path == session.path,
            },
        }
    }
}

/// Parses `cd … && claude --resume=ID`, `codex resume ID`, `opencode -s ID`, `goose session -r --session-id ID` and
/// similar commands.
fn command(tokens: &[&str]) -> Option<Jump> {
    let at = tokens.iter().rposition(|word| Agent::from_name(word).is_some())?;
    let agent = Agent::from_name(tokens[at])?;
    let at_command =
        at == 0 || matches!(tokens[at - 1], "&&" | ";" | "$" | "%" | "with:" | "run:") || tokens[0] == "cd";
    let resumes = |word: &str| matches!(word, "--resume" | "-r" | "resume" | "-s" | "--session" | "--session-id");
    let has_flag = tokens[at + 1..].iter().any(|word| resumes(word.split('=').next().unwrap_or(word)));
    let id = tokens[at + 1..].iter().map(|word| word.rsplit('=').next().unwrap_or(word)).find(|word| is_id(word))?;
    (at_command && has_flag).then(|| Jump::Id(Some(agent), id.to_owned()))
}

/// Returns true for a UUID, `ses_…`, or goose's date and number.
fn is_id(word: &str) -> bool {
    let uuid = word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let opencode = word
        .strip_prefix("ses_")
        .is_some_and(|rest| rest.len() >= 20 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let goose = word.split_once('_').is_some_and(|(day, number)| {
        day.len() == 8 && !number.is_empty() && day.bytes().chain(number.bytes()).all(|byte| byte.is_ascii_digit())
    });
    uuid || opencode || goose
}
