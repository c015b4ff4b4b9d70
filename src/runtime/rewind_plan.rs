//! Plan of a rewind to before a prompt, and its effects. Blocks: not for the event loop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::env;
use super::revert::{self, AgentPrograms};
use super::rewind::{RewindContext, RewindRequest};
use super::runs::Runs;
use super::shell::Shell;
use super::shown_transcript;
use super::task_message::TaskMessage;
use crate::agent::{self, TextLimit};
use crate::app::Msg;
use crate::app::msg::RevertedConversation;
use crate::app::runs::is_open;
use crate::domain::rewind::{
    ConversationRevert, ConversationStart, RewindPlan, RewindTarget, RewoundFile, RewoundFiles,
};
use crate::domain::transcript::EntryKind;
use crate::domain::{Session, SessionKey, SessionState, Time};
use crate::git::Repository;
use crate::index;

/// Number of entries in memory at once, because transcripts can be large.
const CHUNK: usize = 128;

/// The prompt to which an entry belongs.
struct FoundPrompt {
    turn: u32,
    text: String,
    conversation: Result<ConversationStart, String>,
    in_place: Option<Arc<str>>,
}

impl Shell {
    /// Plans a rewind to before the prompt of an entry.
    pub(super) fn plan_rewind(&mut self, key: SessionKey, entry: usize, branch: Option<usize>) {
        let Some(session) = self.session(&key) else { return };
        let (context, messages, now) = (self.rewind_context(), self.runner.messages.clone(), self.clock.now());
        let sessions: Vec<Arc<Session>> = self.own_sessions().map(|session| self.with_run_state(session)).collect();
        tokio::task::spawn_blocking(move || {
            let plan = match &context {
                Ok(context) => {
                    let request = RewindRequest { sessions: &sessions, ..context.dry_run(&session) };
                    plan_on_branch(request, (entry, branch), now)
                }
                Err(reason) => Err(reason.clone()),
            };
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::RewindPlanned(key, plan)))));
        });
    }

    /// Returns a session with the state of salon's own run of it, if a turn of that is open.
    fn with_run_state(&self, session: &Arc<Session>) -> Arc<Session> {
        let is_open = self.app.runs.of_session(&session.key).is_some_and(|info| is_open(&info.phase));
        if is_open {
            Arc::new(Session { state: SessionState::Working, ..(**session).clone() })
        } else {
            session.clone()
        }
    }

    /// Takes the files of a session back.
    pub(super) fn rewind_files(&mut self, key: SessionKey, target: RewindTarget) {
        let Some(session) = self.session(&key) else { return };
        let (context, messages, now) = (self.rewind_context(), self.runner.messages.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            let result = context.and_then(|context| rewind(context.request(&session), &target, now));
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Rewound { key, target, result }))));
        });
    }

    /// Lets the agent take back a conversation within its session, or undo that.
    pub(super) fn revert_conversation(&mut self, key: SessionKey, revert: ConversationRevert, prompt: String) {
        let Some(session) = self.session(&key) else { return };
        let context = self.rewind_context();
        let (messages, now) = (self.runner.messages.clone(), self.clock.now());
        let environment = self.runner.environment.clone();
        tokio::task::spawn_blocking(move || {
            let vars: Vec<_> = env::vars().collect();
            let programs = AgentPrograms { environment: &environment, vars: &vars };
            let result = context.and_then(|context| revert::run(context.request(&session), &revert, programs, now));
            let msg = Msg::ConversationReverted(Box::new(RevertedConversation { key, revert, prompt, result }));
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(msg))));
        });
    }

    /// Everything that a change of a session's files needs. The error is the reason why none is possible.
    pub(super) fn rewind_context(&self) -> Result<RewindContext, String> {
        let server = self.runner.runs.as_ref().and_then(Runs::server_pid);
        let known = server.unwrap_or_else(std::process::id);
        let store = self.runner.store.clone();
        let store = store.ok_or("Taking files back needs state.db, which cannot be used; see salon doctor")?;
        Ok(RewindContext::new(&self.runner.paths, store, Some(known)))
    }
}

/// Takes the files back.
pub(super) fn rewind(request: RewindRequest<'_>, target: &RewindTarget, now: Time) -> Result<RewoundFiles, String> {
    request.run(target, now).map(RewoundFiles::from)
}

/// Returns what a rewind to before the prompt of an entry of a branch would take back, both counted from 0.
pub(super) fn plan_on_branch(
    request: RewindRequest<'_>,
    (entry, branch): (usize, Option<usize>),
    now: Time,
) -> Result<RewindPlan, String> {
    if shown_transcript::is_outdated(request.session, branch, &request.context.state_db) {
        return Err("the agent continues another branch; show that one first".to_owned());
    }
    plan(request, entry, now)
}

/// Returns what a rewind to before the prompt of an entry, counted from 0, would take back.
pub fn plan(request: RewindRequest<'_>, entry: usize, now: Time) -> Result<RewindPlan, String> {
    let (session, context) = (request.session, request.context);
    let FoundPrompt { turn, text, conversation, in_place } =
        find_prompt(session, &context.state_db, WantedPrompt::OfEntry(entry))?;
    let request = RewindRequest { dry_run: true, ..request };
    let file = |file: crate::git::restore::FileRestoration| RewoundFile {
        path: file.path.to_string_lossy().into_owned(),
        is_deleted: !file.exists,
    };
    let rewind = request.run(&RewindTarget::BeforeTurn(turn), now);
    let others = rewind.as_ref().map_or_else(|_| Vec::new(), |rewind| rewind.others.clone());
    let files = rewind.map(|rewind| rewind.files.into_iter().map(file).collect());
    let cwd = Path::new(&*session.cwd);
    let root = Repository::open(&context.git, cwd).map_or_else(|_| PathBuf::from(cwd), |repository| repository.root);
    let root = root.to_string_lossy().into_owned();
    Ok(RewindPlan { turn, prompt: text, files, conversation, in_place, root, others })
}

/// Returns the record of the prompt of a turn, counted from 1, from which the agent can take back the conversation within
/// the session.
pub fn record_before(session: &Session, state_db: &Path, turn: u32) -> Result<Arc<str>, String> {
    let found = find_prompt(session, state_db, WantedPrompt::OfTurn(turn))?;
    if found.turn != turn {
        return Err(format!("there is no turn {turn}"));
    }
    let label = session.key.agent.label();
    found.in_place.ok_or_else(|| format!("{label} cannot take back a conversation within its session"))
}

/// Returns the beginning of a conversation that continues from before the prompt of a turn, counted from 1.
pub fn start_before(session: &Session, state_db: &Path, turn: u32) -> Result<ConversationStart, String> {
    let found = find_prompt(session, state_db, WantedPrompt::OfTurn(turn))?;
    if found.turn == turn { found.conversation } else { Err(format!("there is no turn {turn}")) }
}

/// A prompt of a session.
#[derive(Clone, Copy)]
enum WantedPrompt {
    /// The entry with this index, or the last prompt before it.
    OfEntry(usize),
    /// The prompt of a turn, from 1.
    OfTurn(u32),
}

fn find_prompt(session: &Session, state_db: &Path, wanted: WantedPrompt) -> Result<FoundPrompt, String> {
    let format = agent::format(session.key.agent);
    let mut reading = index::open_transcript(format, session, Some(state_db))
        .map_err(|error| format!("cannot read {}: {error}", session.path.display()))?;
    let (mut from, mut turn, mut found) = (0, 0, None);
    let (end, last) = match wanted {
        WantedPrompt::OfEntry(entry) => (reading.len().min(entry.saturating_add(1)), u32::MAX),
        WantedPrompt::OfTurn(turn) => (reading.len(), turn),
    };
    while from < end && turn < last {
        let entries = reading.read(from..end.min(from + CHUNK), TextLimit::SCREEN);
        if entries.is_empty() {
            break;
        }
        let is_prompt = |kind: EntryKind, sent: bool| kind == EntryKind::Prompt && !sent;
        let prompts = entries.iter().enumerate().filter(|(_, entry)| is_prompt(entry.kind, entry.sender.is_some()));
        for (at, prompt) in prompts.take((last - turn) as usize) {
            found = Some((from + at, prompt.text.clone()));
            turn += 1;
        }
        from += entries.len();
    }
    let (at, text) = found.ok_or("there is no prompt before this entry")?;
    let in_place = reading.record_id(at).filter(|_| revert::is_possible(session)).map(Arc::from);
    if turn == 1 {
        return Ok(FoundPrompt { turn, text, conversation: Ok(ConversationStart::New), in_place });
    }
    let label = session.key.agent.label();
    let point = format.fork_cut().and_then(|cut| agent::fork_record(cut, at, &mut *reading));
    let conversation = point.map(|point| ConversationStart::Fork(point.into()));
    let conversation = conversation.ok_or_else(|| format!("{label} cannot fork a session before this prompt"));
    Ok(FoundPrompt { turn, text, conversation, in_place })
}
