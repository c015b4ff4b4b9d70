//! Effects on sessions of other machines, and the events of their sources.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::shell::Shell;
use super::terminal_owner::Purpose;
use crate::app::msg::RequestTicket;
use crate::app::{Effect, Msg};
use crate::domain::search::{Coverage, SearchRequest, SearchUpdate};
use crate::domain::{Session, SessionKey};
use crate::remote::{RemoteEvent, command};
use crate::serve::index_message::IndexCall;

type Step = ControlFlow<()>;

/// Program in which a session of another machine is opened.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Its agent's own program.
    Agent,
    /// The chat of salon there.
    Chat,
}

impl Shell {
    /// Runs an effect that concerns a session of another machine. Returns the effect if it is none.
    pub(super) fn run_remote_effect(&mut self, effect: Effect) -> Result<Step, Effect> {
        let remotes = &mut self.runner.remotes;
        if remotes.is_empty() {
            return Err(effect);
        }
        match effect {
            Effect::OpenTranscript(ticket, key) if key.host.is_some() => remotes.open(ticket.0, key),
            Effect::CloseTranscript(RequestTicket(ticket)) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Close { ticket });
            }
            Effect::ReadEntries(RequestTicket(ticket), range) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Read { ticket, range });
            }
            Effect::FindInTranscript(RequestTicket(ticket), query) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Find { ticket, query });
            }
            Effect::Locate(RequestTicket(ticket), location) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Locate { ticket, location });
            }
            Effect::ShowBranch(RequestTicket(ticket), branch) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::ShowBranch { ticket, branch });
            }
            Effect::ReadOutline(RequestTicket(ticket)) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Outline { ticket });
            }
            Effect::Search(request) => return Ok(self.search_everywhere(&request)),
            Effect::Rescan => {
                remotes.retry();
                self.runner.index.rescan();
            }
            Effect::CheckResume(key) if key.host.is_some() => return Ok(self.open_there(&key, Place::Agent)),
            Effect::CheckContinue(key) if key.host.is_some() => return Ok(self.open_there(&key, Place::Chat)),
            Effect::CopyResumeCommand(key) if key.host.is_some() => {
                return Ok(self.copy(&format!("salon resume {key}")));
            }
            effect => return self.refuse_remote(effect),
        }
        Ok(Step::Continue(()))
    }

    /// Refuses an effect that needs the files of a session of another machine. Returns the effect if it does not.
    fn refuse_remote(&mut self, effect: Effect) -> Result<Step, Effect> {
        let remotes = &self.runner.remotes;
        let refusal = |host: &str| format!("The session is on {host}; this works only in salon there");
        let (ticket, key) = match &effect {
            Effect::EditTranscript(key)
            | Effect::WriteBrief(key)
            | Effect::WriteTitle { key, .. }
            | Effect::RestoreFiles { key, .. }
            | Effect::LoadChanges { key, .. } => (None, Some(key)),
            Effect::Trash { keys, .. } | Effect::Export { keys, .. } => {
                (None, keys.iter().find(|key| key.host.is_some()))
            }
            Effect::EditEntry(ticket, _)
            | Effect::EditFileVersion(ticket, ..)
            | Effect::FindForkPoint(ticket, _)
            | Effect::OpenAttachment(ticket, _) => (Some(*ticket), None),
            Effect::Keep { keys, silent: false, .. } => (None, keys.iter().find(|key| key.host.is_some())),
            _ => return Err(effect),
        };
        if ticket.is_some_and(|ticket| remotes.has(ticket.0)) {
            return Ok(self.notice(refusal("another machine"), true));
        }
        let Some(host) = key.and_then(|key| key.host.clone()) else { return Err(effect) };
        let reason = refusal(&host);
        Ok(match effect {
            Effect::LoadChanges { ticket, .. } => self.update(Msg::ChangesLoaded(ticket, Err(reason))),
            Effect::RestoreFiles { ticket, .. } => self.update(Msg::FilesRestored(ticket, Err(reason))),
            Effect::WriteBrief(key) => self.update(Msg::BriefWritten { key, brief: Err(reason) }),
            // The name is kept here.
            Effect::WriteTitle { .. } => Step::Continue(()),
            _ => self.notice(reason, true),
        })
    }

    /// Searches this machine and the remote sources.
    fn search_everywhere(&mut self, request: &SearchRequest) -> Step {
        let now = self.clock.now();
        let names: Vec<Arc<str>> = self.app.sessions.remotes.keys().cloned().collect();
        let within = |host: Option<&Arc<str>>| {
            let keys = request.within.as_ref()?;
            Some(keys.iter().filter(|key| key.host.as_ref() == host).cloned().collect::<Vec<SessionKey>>())
        };
        let takes_part = |host: Option<&Arc<str>>| within(host).is_none_or(|keys| !keys.is_empty());
        let origins = std::iter::once(None).chain(names.iter().map(Some)).filter(|host| takes_part(*host));
        let origins: Vec<_> = origins.map(Option::<&Arc<str>>::cloned).collect();
        self.runner.search_parts.begin(&request.query, origins.iter().cloned(), request.within.is_none());
        for origin in origins {
            let request = SearchRequest { within: within(origin.as_ref()), ..request.clone() };
            match origin {
                None => self.runner.index.search(request, now),
                Some(host) => self.runner.remotes.index(Some(&host), &IndexCall::Search { request, now }),
            }
        }
        // The sessions of sources that are no longer configured cannot be searched.
        if !self.runner.search_parts.is_running() {
            let coverage = Coverage { complete: true, ..Coverage::default() };
            let update = SearchUpdate { coverage, ..SearchUpdate::default() };
            return self.search_updated(request.query.clone(), Some(update));
        }
        Step::Continue(())
    }

    /// Handles an event of a source.
    pub(super) fn handle_remote(&mut self, event: RemoteEvent) -> Step {
        match event {
            RemoteEvent::Sessions { change, .. } => {
                self.runner.index.apply_remote(change);
                Step::Continue(())
            }
            RemoteEvent::State(status) => self.update(Msg::Remote(status)),
            RemoteEvent::Transcript(ticket, event) => self.update(Msg::Transcript(RequestTicket(ticket), event)),
            RemoteEvent::Found { host, query, update } => {
                let update = self.runner.search_parts.combine(Some(host), &query, update);
                self.search_updated(query, update)
            }
            // Runs there are shown as the states of their sessions.
            RemoteEvent::Live(..) | RemoteEvent::Replay(..) => Step::Continue(()),
        }
    }

    /// Applies a combined update of a search.
    pub(super) fn search_updated(&mut self, query: String, update: Option<SearchUpdate>) -> Step {
        let Some(update) = update else { return Step::Continue(()) };
        let missing = self.runner.search_parts.missing();
        self.update(Msg::SearchMissing(missing))?;
        self.update(Msg::SearchUpdate { query, update })
    }

    /// Passes the terminal to a session's agent, or to salon's chat, on its machine.
    fn open_there(&mut self, key: &SessionKey, place: Place) -> Step {
        let Some(source) = key.host.as_deref().and_then(|host| self.runner.remotes.source(host)) else {
            return self.notice("The machine of the session is not configured any more", true);
        };
        let id = SessionKey { host: None, ..key.clone() }.to_string();
        let argv = match place {
            Place::Chat => command::chat(source, &id),
            Place::Agent => command::interactive(source, &["resume".to_owned(), id]),
        };
        let Some(argv) = argv else {
            return self.notice("This source is reached by a command of its own, which only lists and reads", true);
        };
        let mut command = std::process::Command::new(&argv[0]);
        command.args(&argv[1..]);
        self.run_in_foreground(&mut command, &argv[0], Purpose::Resume(key.clone()))
    }

    /// Returns the sessions of this machine.
    pub(super) fn own_sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.app.sessions.catalog.iter().filter(|session| !session.is_remote())
    }
}
