//! Effects on sessions of other machines, and the events of their sources.

use std::path::PathBuf;
use std::sync::Arc;

use super::effects::Step;
use super::runs;
use super::shell::Shell;
use super::task_message::TaskMessage;
use super::terminal_owner::Purpose;
use crate::app::msg::{RequestTicket, ResumeCheck};
use crate::app::runs::{ModelSource, RunMsg};
use crate::app::{Effect, Msg};
use crate::config::paths::create_private_dir;
use crate::domain::git_menu::command_line;
use crate::domain::remote::RemoteState;
use crate::domain::run::{ModelCatalog, Refusal, RunFailure, RunStart};
use crate::domain::run_request::RunRequest;
use crate::domain::search::{Coverage, SearchRequest, SearchUpdate};
use crate::domain::{Agent, Session, SessionKey, SessionState};
use crate::remote::{RemoteEvent, command};
use crate::serve::index_message::IndexCall;
use crate::serve::message::{Call, Reply};
use crate::stdx::text::one_line;

impl Shell {
    /// Runs an effect that concerns a session of another machine. Returns the effect if it is none.
    #[expect(clippy::result_large_err, reason = "the effect is passed on")]
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
            Effect::FindPositions(RequestTicket(ticket), keys) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::Positions { ticket, keys });
            }
            Effect::FindForkPoint(RequestTicket(ticket), prompt) if remotes.has(ticket) => {
                remotes.transcript(ticket, IndexCall::ForkPoint { ticket, prompt });
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
            Effect::ConnectSource(host) => return Ok(self.connect_source(&host)),
            Effect::CheckResume(key) if key.host.is_some() => return Ok(self.open_there(&key)),
            Effect::CheckContinue(key) if key.host.is_some() => return Ok(self.check_there(key)),
            Effect::StartRun { ticket, agent, start, prompt } if start.host.is_some() => {
                self.start_there(ticket, agent, start, prompt);
            }
            Effect::LoadModels { source: ModelSource { agent, host: Some(host) }, refresh } => {
                self.models_there(agent, host, refresh);
            }
            // The files of the change are on the other machine.
            Effect::LoadChangeContext(id) if id.run.split_host().is_some() => {}
            Effect::Run(request) if request.run().split_host().is_some() => self.request_there(request),
            Effect::WatchRun(run, cursor) if run.split_host().is_some() => {
                let Some((host, run)) = run.split_host() else { return Ok(Step::Continue(())) };
                remotes.call_without_reply(host, Call::Watch { run, cursor });
            }
            Effect::UnwatchRun(run) if run.split_host().is_some() => {
                let Some((host, run)) = run.split_host() else { return Ok(Step::Continue(())) };
                remotes.call_without_reply(host, Call::Unwatch { run });
            }
            Effect::CopyResumeCommand(key) if key.host.is_some() => {
                return Ok(self.copy(&format!("salon resume {key}")));
            }
            effect => return self.work_there(effect).or_else(|effect| self.refuse_remote(effect)),
        }
        Ok(Step::Continue(()))
    }

    /// Gives the terminal to the program that makes a connection possible.
    fn connect_source(&mut self, host: &Arc<str>) -> Step {
        let Some(argv) = self.runner.remotes.source(host).and_then(command::prepare) else {
            return self.notice(format!("{host} cannot be connected from here"), true);
        };
        // Without it ssh cannot create its socket.
        if let Err(error) = create_private_dir(&self.runner.paths.runtime) {
            return self.notice(format!("{}: {error}", self.runner.paths.runtime.display()), true);
        }
        let mut program = std::process::Command::new(&argv[0]);
        program.args(&argv[1..]);
        let line = format!("$ {}\r\n", one_line(&command_line(&argv)));
        self.run_in_foreground((&mut program, Some(&line)), &argv[0], Purpose::Connect(host.clone()))
    }

    /// Checks whether a session can be continued on its machine. What only that machine knows, it refuses itself.
    fn check_there(&mut self, key: SessionKey) -> Step {
        let session = self.session(&key);
        let is_open = session.is_some_and(|session| session.state != SessionState::Past);
        let open_elsewhere = key.host.as_ref().filter(|_| is_open).map(|host| format!("a program on {host}"));
        self.update(Msg::Run(RunMsg::Checked { key, check: ResumeCheck { open_elsewhere, ..ResumeCheck::default() } }))
    }

    /// Starts a run in the background process of another machine.
    fn start_there(&mut self, ticket: RequestTicket, agent: Agent, start: RunStart, prompt: Option<String>) {
        let Some(host) = start.host.clone() else { return };
        let reply = self.runner.remotes.call(&host, Call::OpenRun { agent, start, prompt });
        let messages = self.runner.messages.clone();
        tokio::spawn(async move {
            let result = match reply.await {
                Ok(Reply::Run(run)) => Ok(run.on(&host)),
                Ok(_) => Err(Refusal::Failed(RunFailure::Other(format!("{host} sent an unexpected reply")))),
                Err(refusal) => Err(refusal),
            };
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::Started { ticket, result })).ok();
        });
    }

    /// Requests the models of an agent of another machine. Its background process keeps the list for a while.
    fn models_there(&mut self, agent: Agent, host: Arc<str>, refresh: bool) {
        // The settings of a project are read once a session starts there.
        let call = Call::Models { agent, directory: PathBuf::from("/"), refresh };
        let reply = self.runner.remotes.call(&host, call);
        let messages = self.runner.messages.clone();
        tokio::spawn(async move {
            let failed = |reason: String| ModelCatalog { failure: Some(reason), ..ModelCatalog::default() };
            let models = match reply.await {
                Ok(Reply::Models(models)) => models,
                Ok(_) => failed(format!("{host} sent an unexpected reply")),
                Err(refusal) => failed(refusal.to_string()),
            };
            let source = ModelSource { agent, host: Some(host) };
            // An error means that salon is shutting down.
            messages.send(TaskMessage::of_run(RunMsg::Models(source, models))).ok();
        });
    }

    /// Sends a request to a run of another machine.
    fn request_there(&mut self, request: RunRequest) {
        let qualified = request.run().clone();
        let Some((host, run)) = qualified.split_host() else { return };
        let submitted = request.text().map(str::to_owned);
        let reply = self.runner.remotes.call(host, Call::Request(request.with_run(run)));
        let (messages, run) = (self.runner.messages.clone(), qualified.clone());
        tokio::spawn(async move {
            let refused = reply.await.err();
            let message = match (submitted, refused) {
                (Some(text), refused) => TaskMessage::of_run(RunMsg::Submitted { run, text, refused }),
                (None, Some(refusal)) => {
                    TaskMessage::Msg(Box::new(Msg::Notice { text: refusal.to_string(), error: true }))
                }
                (None, None) => return,
            };
            // An error means that salon is shutting down.
            messages.send(message).ok();
        });
    }

    /// Refuses an effect that needs the files of a session of another machine. Returns the effect if it does not.
    #[expect(clippy::result_large_err, reason = "the effect is passed on")]
    fn refuse_remote(&mut self, effect: Effect) -> Result<Step, Effect> {
        let remotes = &self.runner.remotes;
        let refusal = |host: &str| format!("The session is on {host}; this works only in salon there");
        let (ticket, key) = match &effect {
            Effect::EditTranscript(key) | Effect::WriteBrief(key) | Effect::WriteTitle { key, .. } => (None, Some(key)),
            Effect::Export { keys, .. } => (None, keys.iter().find(|key| key.host.is_some())),
            Effect::EditEntry(ticket, _)
            | Effect::EditFileVersion(ticket, ..)
            | Effect::OpenAttachment(ticket, _)
            | Effect::ShowImage(ticket, _) => (Some(*ticket), None),
            Effect::Keep { keys, silent: false, .. } => (None, keys.iter().find(|key| key.host.is_some())),
            _ => return Err(effect),
        };
        if ticket.is_some_and(|ticket| remotes.has(ticket.0)) {
            return Ok(self.notice(refusal("another machine"), true));
        }
        let Some(host) = key.and_then(|key| key.host.clone()) else { return Err(effect) };
        let reason = refusal(&host);
        Ok(match effect {
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

    /// Loads annotations and hidden sessions again, because they changed. The sources search by the annotations.
    pub(super) fn load_user_data(&self) {
        self.runner.index.load_user_data();
        self.runner.remotes.send_annotations();
    }

    /// Returns true if the first connection to a machine is still being made.
    pub(super) fn is_connecting(&self, host: Option<&Arc<str>>) -> bool {
        let Some(host) = host.filter(|host| self.runner.remotes.source(host).is_some()) else { return false };
        let status = self.app.sessions.remotes.get(host);
        status.is_none_or(|status| status.state == RemoteState::Connecting)
    }

    /// Handles an event of a source.
    pub(super) fn handle_remote(&mut self, event: RemoteEvent) -> Step {
        match event {
            RemoteEvent::Sessions { change, .. } => {
                self.runner.index.apply_remote(change);
                Step::Continue(())
            }
            RemoteEvent::State(status) => {
                self.update(Msg::Remote(status))?;
                self.run_startup_action()
            }
            RemoteEvent::Transcript(ticket, event) => self.update(Msg::Transcript(RequestTicket(ticket), event)),
            RemoteEvent::Found { host, query, update } => {
                let update = self.runner.search_parts.combine(Some(&host), &query, update);
                self.search_updated(query, update)
            }
            // A window finds the entry of a snippet when it opens one, and reads copies through their index.
            RemoteEvent::SnippetsLocated { .. } | RemoteEvent::Copies(_) => Step::Continue(()),
            RemoteEvent::Live(event) => self.update(runs::remote_message(event)),
            RemoteEvent::Replay(run, replay) => self.update(Msg::Run(RunMsg::Events(run, replay))),
        }
    }

    /// Applies a combined update of a search.
    pub(super) fn search_updated(&mut self, query: String, update: Option<SearchUpdate>) -> Step {
        let Some(update) = update else { return Step::Continue(()) };
        let missing = self.runner.search_parts.missing();
        self.update(Msg::SearchMissing(missing))?;
        self.update(Msg::SearchUpdate { query, update })
    }

    /// Passes the terminal to a session's agent on its machine.
    fn open_there(&mut self, key: &SessionKey) -> Step {
        let Some(source) = key.host.as_deref().and_then(|host| self.runner.remotes.source(host)) else {
            return self.notice("The machine of the session is not configured any more", true);
        };
        let id = SessionKey { host: None, ..key.clone() }.to_string();
        let Some(argv) = command::interactive(source, &["resume".to_owned(), id]) else {
            return self.notice("This source has its own command, which only lists and reads", true);
        };
        let mut command = std::process::Command::new(&argv[0]);
        command.args(&argv[1..]);
        self.run_in_foreground((&mut command, None), &argv[0], Purpose::Resume(key.clone()))
    }

    /// Returns the sessions of this machine.
    pub(super) fn own_sessions(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.app.sessions.catalog.iter().filter(|session| !session.is_remote())
    }
}
