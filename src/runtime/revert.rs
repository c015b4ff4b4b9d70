//! Change of a conversation within its session by the agent's own server, and of the files with it. Blocks: not for the
//! event loop.

use std::path::Path;

use super::resume;
use super::rewind::{RewindContext, RewindRequest};
use crate::agent::protocol::Outgoing;
use crate::agent::{self, Environment, Protocol, TextLimit};
use crate::domain::rewind::{ConversationRevert, RewindTarget, RewoundFiles};
use crate::domain::{Session, Time};
use crate::index;
use crate::live::server_request;

/// Number of entries in memory at once, because transcripts can be large.
const CHUNK: usize = 128;

/// Programs and directories of the agents.
#[derive(Clone, Copy, Debug)]
pub struct AgentPrograms<'a> {
    /// Directories of the agents.
    pub environment: &'a Environment,
    /// Environment variables of the user.
    pub vars: &'a [(String, String)],
}

/// Returns true if the agent of a session can change its conversation within it.
pub(super) fn is_possible(session: &Session) -> bool {
    !session.flags.subagent && protocol(session).is_ok()
}

/// Changes a conversation, and takes the files back first if that is requested. The error says what was done all the same.
pub fn run(
    request: RewindRequest<'_>,
    revert: &ConversationRevert,
    programs: AgentPrograms<'_>,
    now: Time,
) -> Result<RewoundFiles, String> {
    let session = request.session;
    check(request.context, session, programs.environment)?;
    match revert {
        ConversationRevert::From { record, files } => {
            let rewound = match files {
                Some(turn) => {
                    let rewound = RewoundFiles::from(request.run(&RewindTarget::BeforeTurn(*turn), now)?);
                    // Files of two times and a conversation of one would not fit together.
                    if let Some(problem) = rewound.problem {
                        return Err(match &rewound.undo {
                            Some(undo) => format!("{problem}; undo what was done with: {}", command(session, undo)),
                            None => problem,
                        });
                    }
                    rewound
                }
                None => RewoundFiles::default(),
            };
            match send(session, Some(record), programs.vars) {
                Ok(()) => Ok(rewound),
                Err(reason) => Err(match &rewound.undo {
                    Some(undo) => {
                        format!("{reason}; only the files were taken back, undo with: {}", command(session, undo))
                    }
                    None => reason,
                }),
            }
        }
        ConversationRevert::Undo { snapshot } => {
            // The agent accepts the request although there is nothing left, and the files would change alone.
            if !is_reverted(session, &request.context.state_db)? {
                return Err("Nothing is taken back any more: the next prompt deleted it".to_owned());
            }
            send(session, None, programs.vars)?;
            let Some(snapshot) = snapshot else { return Ok(RewoundFiles::default()) };
            request.run(&RewindTarget::Snapshot(snapshot.clone()), now).map(RewoundFiles::from)
        }
    }
}

fn command(session: &Session, snapshot: &str) -> String {
    format!("salon rewind {} --to {snapshot}", session.key)
}

/// Refuses a session that another program may be changing.
fn check(context: &RewindContext, session: &Session, environment: &Environment) -> Result<(), String> {
    context.check_process(&session.key)?;
    // The agent's servers that salon runs do not count as other programs.
    let format = agent::format(session.key.agent);
    let status = resume::live_status(&session.key, environment);
    match status.filter(|status| !format.is_shared(environment, status)) {
        Some(status) => {
            let owner = resume::describe_owner(&session.key, &status);
            Err(format!("open in {owner}; close it first"))
        }
        None => Ok(()),
    }
}

/// Returns true if the transcript has entries that its agent took back.
fn is_reverted(session: &Session, state_db: &Path) -> Result<bool, String> {
    let format = agent::format(session.key.agent);
    let mut reading = index::open_transcript(format, session, Some(state_db))
        .map_err(|error| format!("cannot read {}: {error}", session.path.display()))?;
    let mut end = reading.len();
    // What was taken back is at the end.
    while end > 0 {
        let from = end.saturating_sub(CHUNK);
        if reading.read(from..end, TextLimit::SCREEN).iter().any(|entry| entry.reverted) {
            return Ok(true);
        }
        end = from;
    }
    Ok(false)
}

/// Returns the protocol that takes back a conversation within its session.
fn protocol(session: &Session) -> Result<&'static dyn Protocol, String> {
    let label = session.key.agent.label();
    let cannot = || format!("{label} cannot take back a conversation within its session");
    let protocol = agent::protocol(session.key.agent).ok_or_else(cannot)?;
    if let Some(reason) = agent::format(session.key.agent).resume_refusal(session) {
        return Err(reason);
    }
    request(session, None, protocol).map(|_| protocol).ok_or_else(cannot)
}

fn request(session: &Session, record: Option<&str>, protocol: &dyn Protocol) -> Option<Outgoing> {
    protocol.revert_request(&session.key.id, Path::new(&*session.cwd), record)
}

fn send(session: &Session, record: Option<&str>, vars: &[(String, String)]) -> Result<(), String> {
    let protocol = protocol(session)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let request = |protocol: &dyn Protocol| request(session, record, protocol);
    runtime.map_err(|error| error.to_string())?.block_on(server_request::send(protocol, vars, &request))
}
