//! A pasted id, resume command or transcript path: where the user wants to go, rather than what to look for.

use std::path::{Path, PathBuf};

use crate::domain::{Agent, Session};

/// Names one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jump {
    /// By its id, and its agent where that was said.
    Id(Option<Agent>, String),
    /// By its file; a leading `~` is still to be expanded.
    Path(PathBuf),
}

impl Jump {
    /// Recognises what was pasted; `None` where it is something to look for.
    pub fn recognise(text: &str) -> Option<Self> {
        let text = text.trim();
        let path = Path::new(text);
        if text.starts_with(['/', '~']) && path.extension().is_some_and(|ending| ending == "jsonl" || ending == "json")
        {
            return Some(Self::Path(path.into()));
        }
        let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
        if let [word] = words[..] {
            return match word.split_once(':') {
                Some((agent, id)) => Agent::from_name(agent).filter(|_| is_id(id)).map(|agent| (Some(agent), id)),
                None => is_id(word).then_some((None, word)),
            }
            .map(|(agent, id)| Self::Id(agent, id.to_owned()));
        }
        command(&words)
    }

    /// Whether it names that session; `home` expands `~`.
    pub fn names(&self, session: &Session, home: &Path) -> bool {
        match self {
            Self::Id(agent, id) => agent.is_none_or(|agent| agent == session.key.agent) && *session.key.id == **id,
            Self::Path(path) => match path.strip_prefix("~") {
                Ok(rest) => home.join(rest) == session.path,
                Err(_) => *path == session.path,
            },
        }
    }
}

/// `cd … && claude --resume ID`, `codex resume ID`, `opencode -s ID`, `goose session -r --session-id ID` …
fn command(words: &[&str]) -> Option<Jump> {
    let at = words.iter().rposition(|word| Agent::from_name(word).is_some())?;
    let agent = Agent::from_name(words[at])?;
    let begins = at == 0 || matches!(words[at - 1], "&&" | ";" | "$" | "%" | "with:" | "run:") || words[0] == "cd";
    let resumes = |word: &str| matches!(word, "--resume" | "-r" | "resume" | "-s" | "--session" | "--session-id");
    let asked = words[at + 1..].iter().any(|word| resumes(word.split('=').next().unwrap_or(word)));
    let id = words[at + 1..].iter().map(|word| word.rsplit('=').next().unwrap_or(word)).find(|word| is_id(word))?;
    (begins && asked).then(|| Jump::Id(Some(agent), id.to_owned()))
}

/// A UUID, `ses_…`, or goose's date and number.
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
