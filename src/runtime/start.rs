//! The start of the screen, in the order in which a person waits for it: the terminal, what is cached, a frame; then
//! everything else.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::colours;
use super::effects::Performer;
use super::runs::Runs;
use super::shell::{Shell, Sources, Told};
use super::surroundings::{self, Clock};
use super::terminal::{self, Terminal};
use crate::agent::{Environment, FORMATS};
use crate::app::keys::Keymap;
use crate::app::{App, Msg, Root};
use crate::config::paths::{Paths, create_private_dir};
use crate::config::settings::{Settings, ThemeChoice};
use crate::config::theme::{Background, Themes};
use crate::domain::run::Opening;
use crate::domain::{Agent, Issue, SessionKey, Time};
use crate::index::{Index, Options, Workspaces};
use crate::store::{Store, choices};

/// What the screen is started with.
#[derive(Debug)]
pub struct Start {
    /// The configuration.
    pub settings: Settings,
    /// What is wrong with it.
    pub issues: Vec<Issue>,
    /// Where agents keep their files.
    pub environment: Environment,
    /// Where salon keeps its own.
    pub paths: Paths,
    /// Whether colours are wanted.
    pub coloured: bool,
    /// For shown times.
    pub clock: Clock,
    /// What is done first.
    pub first: Option<First>,
}

/// What is done as soon as it can be.
#[derive(Clone, Debug)]
pub enum First {
    /// A session goes on in the chat, with a prompt or without.
    Chat {
        /// The session.
        key: SessionKey,
        /// The prompt.
        prompt: Option<String>,
    },
    /// A session is followed.
    Follow(SessionKey),
    /// A session begins, with a prompt or without.
    New {
        /// Whose program.
        agent: Agent,
        /// How it begins.
        opening: Opening,
        /// The prompt.
        prompt: Option<String>,
    },
}

/// Runs the screen until it is left. The terminal must be one.
pub fn run(start: Start) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(show(start));
    // What is still read in the background is of no use to anybody any more.
    runtime.shutdown_background();
    ended
}

async fn show(start: Start) -> anyhow::Result<()> {
    // The index reads its cache on a thread of its own while the terminal is taken.
    let (index, found) = Index::start(options(&start));
    let terminal = Terminal::take(start.settings.mouse)?;
    let store = open_store(&start.paths, start.clock.now());
    let recalled = store.as_deref().map_or_else(Vec::new, recall);
    let (app, ask_background) = app(&start, &recalled);
    let (tell, told) = mpsc::unbounded_channel();
    look_for_roots(start.environment.clone(), tell.clone());
    let begin =
        |store: &Arc<Store>| Runs::start(store.clone(), &start.environment, &start.paths, &start.settings, &tell);
    let started = store.as_ref().map(begin);
    let (runs, news) = started.unzip();
    let performer = Performer { environment: start.environment, paths: start.paths, index, store, runs, tell };
    let sources = Sources { found, told, runs: news };
    let mut shell = Shell::new(app, terminal, performer, sources, start.clock)?;
    shell.first = start.first;
    shell.run(ask_background).await;
    shell.end().await;
    Ok(())
}

fn options(start: &Start) -> Options {
    let mut options = Options::new(start.environment.clone(), super::instant);
    options.cache_dir = Some(start.paths.cache.clone());
    options.zone = Some(jiff::tz::TimeZone::system());
    options
}

/// What salon remembers makes it pleasant, not possible: without it everything else goes on.
fn open_store(paths: &Paths, now: Time) -> Option<Arc<Store>> {
    let opened = create_private_dir(&paths.data)
        .map_err(anyhow::Error::from)
        .and_then(|()| Store::open(&paths.state_db(), now).map_err(anyhow::Error::from));
    let opened = opened.inspect_err(|error| tracing::warn!(%error, "state.db cannot be used")).ok()?;
    if let Some(path) = opened.set_aside {
        tracing::warn!(?path, "state.db was damaged; it was set aside, and a new one begun");
    }
    if opened.read_only {
        tracing::warn!("state.db is a newer salon's: nothing is kept in it");
    }
    (!opened.read_only).then(|| Arc::new(opened.store))
}

fn recall(store: &Store) -> Vec<(String, String)> {
    let recalled = store.with(choices::recall);
    recalled.inspect_err(|error| tracing::warn!(%error, "nothing could be recalled")).unwrap_or_default()
}

/// The state at the start, and whether the terminal is to be asked for its background.
fn app(start: &Start, recalled: &[(String, String)]) -> (App, bool) {
    let (keymap, problems) = Keymap::new(&start.settings.keys);
    let (background, ask) = background(&start.settings, recalled);
    let themes = Themes::shipped(colours::depth(start.coloured, surroundings::var), background);
    let here = surroundings::current_dir().map(|dir| Workspaces::default().of(&dir.to_string_lossy().into()));
    let mut app = App::new(start.settings.clone(), keymap, themes, terminal::size().into(), start.clock.now(), here);
    for (name, value) in recalled {
        app.recall(name, value);
    }
    for text in problems.into_iter().chain(start.issues.iter().map(|issue| issue.reason.clone())) {
        app.update(Msg::Notice { text: format!("configuration: {text}"), error: true });
    }
    (app, ask)
}

/// The configured background, else what the environment tells, else what the terminal told the last time; only the
/// last may be wrong by now.
fn background(settings: &Settings, recalled: &[(String, String)]) -> (Background, bool) {
    match settings.theme {
        ThemeChoice::Dark => (Background::Dark, false),
        ThemeChoice::Light => (Background::Light, false),
        ThemeChoice::Auto => {
            let told = surroundings::var("COLORFGBG").and_then(|value| colours::from_variable(&value));
            let recalled = recalled.iter().find(|(name, _)| name == colours::REMEMBERED);
            let recalled = recalled.and_then(|(_, value)| colours::background_from_name(value));
            let ask = told.is_none() && colours::can_be_asked(surroundings::var("TERM").as_deref());
            (told.or(recalled).unwrap_or_default(), ask)
        }
    }
}

/// Where sessions are looked for, for the screen that has none to show.
fn look_for_roots(environment: Environment, tell: mpsc::UnboundedSender<Told>) {
    tokio::task::spawn_blocking(move || {
        let roots = FORMATS.iter().flat_map(|format| format.roots(&environment)).map(|root| {
            let found = root.path.exists();
            Root { agent: root.agent, path: root.path, found }
        });
        // Nobody listens once salon ends.
        drop(tell.send(Told::Msg(Box::new(Msg::Roots(roots.collect())))));
    });
}
