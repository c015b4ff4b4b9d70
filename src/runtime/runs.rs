//! What is asked of runs, done by the live layer; what runs tell, as messages for the state.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::drafts::Drafts;
use super::effects::{Performer, check};
use super::models::Lists;
use super::paths::{self, Question};
use super::shell::{Purpose, Shell, Told};
use super::{call, lives, programs, surroundings};
use crate::agent::{self, Environment};
use crate::app::Msg;
use crate::app::runs::{RunEffect, RunMsg};
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::domain::run::{Conversation, Cursor, Opening, Refusal, RunId, RunInfo};
use crate::domain::{Agent, SessionKey};
use crate::live::{self, Live, questions};
use crate::store::Store;

/// Between two looks at a run that streams: half a frame.
const GAP: Duration = Duration::from_millis(8);

type Step = ControlFlow<()>;

/// The runs of this salon, and what serves them.
#[derive(Debug)]
pub struct Runs {
    live: Live,
    drafts: Drafts,
    paths: Sender<Question>,
    /// Changes of queues, done one after the other: the order of prompts is the user's.
    post: mpsc::UnboundedSender<RunEffect>,
    viewers: HashMap<RunId, JoinHandle<()>>,
    /// Runs that are looked at and have nothing to look at yet: they wait for their next prompt.
    awaited: HashMap<RunId, Cursor>,
    lists: Lists,
    happened: mpsc::Sender<Msg>,
    asked: mpsc::UnboundedSender<Arc<RunInfo>>,
    tell: mpsc::UnboundedSender<Told>,
}

/// What runs tell.
#[derive(Debug)]
pub struct News {
    /// Changes of state.
    pub changes: mpsc::UnboundedReceiver<live::Event>,
    /// What is said in conversations that are watched.
    pub happened: mpsc::Receiver<Msg>,
}

impl Runs {
    /// Starts the live layer. No agent is started by that.
    pub fn start(
        store: Arc<Store>,
        environment: &Environment,
        paths: &Paths,
        settings: &Settings,
        tell: &mpsc::UnboundedSender<Told>,
    ) -> (Self, News) {
        let mut options = lives::options(store.clone(), environment, &paths.cache, &settings.server);
        options.limits.runs = settings.limits.runs;
        options.limits.idle = Duration::from_mins(settings.limits.idle_minutes.into());
        let (live, changes) = Live::start(options);
        let (happened, news) = mpsc::channel(2);
        let (asked, questions) = mpsc::unbounded_channel();
        tokio::spawn(questions::relay(live.clone(), store.clone(), questions));
        let (post, letters) = mpsc::unbounded_channel();
        tokio::spawn(deliver(live.clone(), letters, tell.clone()));
        let lists =
            Lists { live: live.clone(), store: store.clone(), tell: tell.clone(), directory: environment.home.clone() };
        let drafts = Drafts::start(store, {
            let tell = tell.clone();
            move |key, text| drop(tell.send(told(RunMsg::Draft { key, text })))
        });
        let paths = paths::start({
            let tell = tell.clone();
            move |query, found| tell.send(told(RunMsg::Paths { query, found })).is_ok()
        });
        let viewers = HashMap::new();
        let runs = Self {
            live,
            drafts,
            paths,
            post,
            viewers,
            awaited: HashMap::new(),
            lists,
            happened,
            asked,
            tell: tell.clone(),
        };
        (runs, News { changes, happened: news })
    }

    /// Ends every agent that salon started. Drafts are on disk afterwards.
    pub async fn end(self) {
        for viewer in self.viewers.into_values() {
            viewer.abort();
        }
        self.live.shutdown().await;
    }

    /// Whether an agent runs now.
    pub fn any_alive(&self) -> bool {
        self.live.runs().iter().any(|info| info.pid.is_some())
    }

    /// What became known of a run, as a message for the state.
    pub fn message(&mut self, event: live::Event) -> Msg {
        match event {
            live::Event::Run(info) => {
                if let Some(cursor) = self.awaited.remove(&info.id) {
                    self.watch(info.id.clone(), cursor);
                }
                // Nobody listens once salon ends.
                self.asked.send(info.clone()).ok();
                Msg::Run(RunMsg::Changed(info))
            }
            live::Event::Gone(run) => Msg::Run(RunMsg::Gone(run)),
            live::Event::Queued(run, prompts) => Msg::Run(RunMsg::Queued(run, prompts)),
            live::Event::Notice { text, error, .. } => Msg::Notice { text, error },
        }
    }

    fn watch(&mut self, run: RunId, cursor: Cursor) {
        let Some(viewer) = self.live.watch(&run) else {
            self.awaited.insert(run, cursor);
            return;
        };
        let task = tokio::spawn(follow(viewer, run.clone(), cursor, self.happened.clone()));
        if let Some(before) = self.viewers.insert(run, task) {
            before.abort();
        }
    }

    fn unwatch(&mut self, run: &RunId) {
        self.awaited.remove(run);
        if let Some(viewer) = self.viewers.remove(run) {
            viewer.abort();
        }
    }

    fn ask(&mut self, effect: RunEffect, home: PathBuf) -> Result<(), Refusal> {
        match effect {
            RunEffect::Begin { ticket, agent, opening, prompt } => {
                let (live, tell) = (self.live.clone(), self.tell.clone());
                tokio::spawn(async move {
                    let result = live.begin(agent, opening, prompt).await;
                    tell.send(told(RunMsg::Begun { ticket, result })).ok();
                });
                Ok(())
            }
            RunEffect::Interrupt(run) => self.live.interrupt(&run),
            RunEffect::Stop(run) => self.live.stop(&run),
            RunEffect::Answer { run, id, answer } => self.live.answer(&run, &id, answer),
            RunEffect::Set(run, setting) => self.live.set(&run, setting),
            RunEffect::GoOn(run) => self.live.go_on(&run),
            effect @ (RunEffect::Submit { .. }
            | RunEffect::EditPrompt(..)
            | RunEffect::CancelPrompt(..)
            | RunEffect::MovePromptUp(..)
            | RunEffect::ReleasePrompt(..)) => self.post.send(effect).map_err(|_| Refusal::UnknownRun),
            RunEffect::Watch(run, cursor) => {
                self.watch(run, cursor);
                Ok(())
            }
            RunEffect::Unwatch(run) => {
                self.unwatch(&run);
                Ok(())
            }
            RunEffect::FindFiles { below, query } => self.complete(Question::Files { below, query }),
            RunEffect::FindDirectories { query } => self.complete(Question::Directories { query, home }),
            RunEffect::KeepDraft { key, text } => {
                self.drafts.keep(key, text);
                Ok(())
            }
            RunEffect::RecallDraft { key } => {
                self.drafts.recall(key);
                Ok(())
            }
            RunEffect::Models { agent, refresh } => {
                tokio::spawn(self.lists.clone().tell(agent, refresh));
                Ok(())
            }
            RunEffect::Agents | RunEffect::Check(_) | RunEffect::EditText(_) | RunEffect::Notify { .. } => Ok(()),
        }
    }

    fn complete(&self, question: Question) -> Result<(), Refusal> {
        self.paths.send(question).map_err(|_| Refusal::UnknownRun)
    }
}

impl Shell {
    /// Does what is asked of a run.
    pub(super) fn ask_run(&mut self, effect: RunEffect) -> Step {
        match effect {
            RunEffect::Check(key) => {
                self.check_run(key);
                Step::Continue(())
            }
            RunEffect::Agents => {
                let path = self.performer.environment.var("PATH");
                let agents = Agent::ALL.into_iter().filter_map(|agent| Some((agent, agent::protocol(agent)?)));
                let told = agents.map(|(agent, protocol)| {
                    let launch = protocol.launch(&Opening::new(Conversation::New { id: None }, PathBuf::new()));
                    (agent, programs::find(&launch.program, path).is_some())
                });
                let told = told.collect();
                self.update(Msg::Run(RunMsg::Agents(told)))
            }
            RunEffect::EditText(text) => self.edit_text(&text),
            RunEffect::Notify { title, body, .. } => {
                let told = call::call(&title, &body, self.app.settings.bell, surroundings::var);
                self.tried(|shell| shell.terminal.write(told.as_bytes()));
                Step::Continue(())
            }
            effect => self.ask_live(effect),
        }
    }

    fn ask_live(&mut self, effect: RunEffect) -> Step {
        let home = self.performer.environment.home.clone();
        let Some(runs) = &mut self.performer.runs else {
            return match effect {
                RunEffect::Begin { ticket, .. } => {
                    let refusal = Refusal::NotKept("state.db cannot be used, and nothing is run without it".to_owned());
                    self.update(Msg::Run(RunMsg::Begun { ticket, result: Err(refusal) }))
                }
                _ => Step::Continue(()),
            };
        };
        match runs.ask(effect, home) {
            Ok(()) => Step::Continue(()),
            Err(refusal) => self.notice(refusal.to_string(), true),
        }
    }

    fn check_run(&mut self, key: SessionKey) {
        let Some(session) = self.session(&key) else { return };
        let Performer { environment, paths, tell, store, .. } = &self.performer;
        let (environment, kept, tell, store) = (environment.clone(), paths.kept(), tell.clone(), store.clone());
        tokio::task::spawn_blocking(move || {
            let check = check(&session, &environment, &kept, store.as_deref());
            // Nobody listens once salon ends.
            tell.send(told(RunMsg::Checked { key, check })).ok();
        });
    }

    /// Lets the user change a text in the editor; its file is read and removed when the editor is left.
    fn edit_text(&mut self, text: &str) -> Step {
        let made = tempfile::Builder::new().prefix("salon-").suffix(".md").tempfile().and_then(|file| {
            std::fs::write(file.path(), text)?;
            file.into_temp_path().keep().map_err(|error| error.error)
        });
        match made {
            Ok(file) => self.edit_for(&file, Purpose::EditText(file.clone())),
            Err(error) => self.notice(format!("nothing to edit could be made: {error}"), true),
        }
    }
}

/// What the editor left of a text.
pub fn edited(file: &std::path::Path) -> Result<String, std::io::Error> {
    let text = std::fs::read_to_string(file);
    std::fs::remove_file(file)?;
    // An editor ends the last line, which the user did not ask for.
    text.map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// Tells what happens in a run, at the pace at which it is taken.
async fn follow(mut viewer: live::Viewer, run: RunId, mut cursor: Cursor, happened: mpsc::Sender<Msg>) {
    let mut first = true;
    while let Some(replay) = viewer.since(cursor).await {
        let news = std::mem::take(&mut first) || replay.cursor != cursor;
        cursor = replay.cursor;
        if news && happened.send(Msg::Run(RunMsg::Happened(run.clone(), replay))).await.is_err() {
            return;
        }
        tokio::time::sleep(GAP).await;
        if !viewer.changed().await {
            return;
        }
    }
}

/// Changes queues, one change after the other.
async fn deliver(live: Live, mut letters: mpsc::UnboundedReceiver<RunEffect>, tell: mpsc::UnboundedSender<Told>) {
    while let Some(letter) = letters.recv().await {
        let done = match letter {
            RunEffect::Submit { run, text } => {
                let refused = live.submit(&run, text.clone()).await.err();
                tell.send(told(RunMsg::Submitted { run, text, refused })).ok();
                Ok(())
            }
            RunEffect::EditPrompt(_, prompt, text) => live.edit_prompt(prompt, text).await,
            RunEffect::CancelPrompt(_, prompt) => live.cancel_prompt(prompt).await,
            RunEffect::MovePromptUp(_, prompt) => live.move_prompt_up(prompt).await,
            RunEffect::ReleasePrompt(_, prompt) => live.release_prompt(prompt).await,
            _ => Ok(()),
        };
        if let Err(refusal) = done {
            let notice = Msg::Notice { text: refusal.to_string(), error: true };
            tell.send(Told::Msg(Box::new(notice))).ok();
        }
    }
}

fn told(msg: RunMsg) -> Told {
    Told::Msg(Box::new(Msg::Run(msg)))
}
