//! Startup of the screen, in the order that the user waits for: terminal, cached sessions, first frame, everything
//! else.
#![expect(clippy::disallowed_methods, reason = "the saved choices are read before the loop starts")]

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::effect_runner::EffectRunner;
use super::env::{self, Clock};
use super::runs::{RunServices, Runs};
use super::serve::{self, ServeConnection};
use super::shell::{EventSources, Shell};
use super::startup_action::StartupAction;
use super::store_writer::{StoreWriter, WriterMessage};
use super::task_message::TaskMessage;
use super::terminal::{self, Terminal};
use super::work_tree_reader;
use super::{colours, extract, state_db, trash};
use crate::agent::sqlite::COPY_KIND;
use crate::agent::{Environment, FORMATS, Format, SourceRoot};
use crate::app::home::sections::Calendar;
use crate::app::keys::Keymap;
use crate::app::runs::RunMsg;
use crate::app::{App, Msg, RootStatus};
use crate::config::paths::Paths;
use crate::config::settings::{Settings, ThemeChoice};
use crate::config::theme::{Background, Themes};
use crate::domain::{Issue, Time};
use crate::git::Git;
use crate::index::{Index, IndexOptions, Workspaces};
use crate::remote::Remotes;
use crate::serve::ConnectError;
use crate::stdx::temp;
use crate::store::{self, Store, preferences};

/// Options of the screen.
#[derive(Debug)]
pub struct StartOptions {
    /// Configuration.
    pub settings: Settings,
    /// Problems in the configuration.
    pub issues: Vec<Issue>,
    /// Roots of agent files, and environment variables.
    pub environment: Environment,
    /// Directories of salon's own files.
    pub paths: Paths,
    /// Path of the configuration file, which need not exist.
    pub config_file: PathBuf,
    /// True if colours are enabled.
    pub coloured: bool,
    /// Clock for displayed times.
    pub clock: Clock,
    /// Action to run at startup.
    pub startup_action: Option<StartupAction>,
}

/// Runs the screen until the user quits. Requires a terminal.
pub fn run(start: StartOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run_screen(start));
    // Pending background reads are of no use after the screen has ended.
    runtime.shutdown_background();
    ended
}

async fn run_screen(start: StartOptions) -> anyhow::Result<()> {
    // The index reads its cache on a thread while the terminal is set up.
    let (index, index_events) = Index::start(options(&start));
    let clock = start.clock;
    let options = super::remotes::options(&start.paths, Arc::new(move || clock.now()));
    let (remotes, remote) = Remotes::start(&start.settings.sources, &options);
    let terminal = Terminal::take(start.settings.mouse)?;
    let (store, problem) = open_store(&start.paths, start.clock.now());
    let saved = store.as_deref().map_or_else(Vec::new, load_choices);
    let (app, ask_background) = app(&start, &saved, problem);
    let (messages, tasks) = mpsc::unbounded_channel();
    report_roots(start.environment.clone(), messages.clone());
    tokio::task::spawn_blocking(|| temp::remove_abandoned(&[extract::VIEW_KIND, COPY_KIND]));
    if let Some(store) = store.clone() {
        let before = Time::from_millis(
            start.clock.now().millis() - i64::from(start.settings.limits.trash_days) * trash::DAY_MILLIS,
        );
        tokio::task::spawn_blocking(move || trash::purge(&store, before));
    }
    super::worktree_effects::schedule_clean_up(messages.clone());
    let writer = store.as_ref().map(|store| start_writer(store, messages.clone()));
    let server = if store.is_some() { connect_server(&start, &messages).await } else { None };
    let start_runs = |(store, writer): (&Arc<Store>, &StoreWriter)| {
        let StartOptions { environment, paths, settings, .. } = &start;
        let services = RunServices { store, writer, environment, paths, settings, messages: &messages };
        match server {
            Some(server) => Runs::of_server(server, services),
            None => Runs::start_here(services, None),
        }
    };
    let (runs, receivers) = store.as_ref().zip(writer.as_ref()).map(start_runs).unzip();
    let StartOptions { environment, paths, config_file, .. } = start;
    let commands = super::user_command::UserCommands::default();
    let to_loop = messages.clone();
    let work_trees = work_tree_reader::start(Git::new(env::vars()), move |directory, summary| {
        to_loop.send(TaskMessage::Msg(Box::new(Msg::WorkTree(directory, summary)))).is_ok()
    });
    let search_parts = super::search_parts::SearchParts::default();
    let runner = EffectRunner {
        environment,
        paths,
        config_file,
        index,
        remotes,
        search_parts,
        store,
        writer,
        runs,
        commands,
        work_trees,
        messages,
    };
    let sources = EventSources { index: index_events, remote, tasks, runs: receivers };
    let mut shell = Shell::new(app, terminal, runner, sources, start.clock)?;
    shell.startup_action = start.startup_action;
    // What the keys of a row do depends on them.
    shell.load_agents();
    shell.run(ask_background).await;
    // The state of the whole interface is part of the future.
    Box::pin(shell.end()).await;
    Ok(())
}

/// Connects to the server that owns the runs: a running one, or one that is started if the configuration asks for it.
async fn connect_server(
    start: &StartOptions,
    messages: &mpsc::UnboundedSender<TaskMessage>,
) -> Option<ServeConnection> {
    let connected = if start.settings.serve.background {
        serve::connect_or_start(&start.paths, &start.config_file).await
    } else {
        serve::connect(&start.paths).await
    };
    match connected {
        Ok(connection) => Some(connection),
        Err(ConnectError::NotRunning) => None,
        Err(error) => {
            let text = format!("{error}.");
            // An error means that salon is shutting down.
            messages.send(TaskMessage::Msg(Box::new(Msg::Notice { text, error: true }))).ok();
            None
        }
    }
}

fn options(start: &StartOptions) -> IndexOptions {
    let mut options = IndexOptions::new(start.environment.clone(), super::instant);
    options.cache_dir = Some(start.paths.cache.clone());
    options.state_db = Some(start.paths.state_db());
    options.process = Some(std::process::id());
    options.zone = Some(jiff::tz::TimeZone::system());
    options
}

/// Opens `state.db`. Without it everything except runs and saved choices still works.
/// Returns the problem too, which is shown.
fn open_store(paths: &Paths, now: Time) -> (Option<Arc<Store>>, Option<Issue>) {
    let (store, problem) = match state_db::open(paths, now) {
        Err(reason) => (None, Some(format!("{reason}; no agent runs and nothing is saved"))),
        Ok(opened) => (Some(Arc::new(opened.store)), opened.set_aside.map(|aside| store::replacement_notice(&aside))),
    };
    if let Some(problem) = &problem {
        tracing::warn!("state.db {problem}");
    }
    (store, problem.map(|problem| Issue::new(paths.state_db(), problem)))
}

fn start_writer(store: &Arc<Store>, messages: mpsc::UnboundedSender<TaskMessage>) -> StoreWriter {
    StoreWriter::start(store, move |message| {
        let message = match message {
            WriterMessage::Draft { key, text } => TaskMessage::of_run(RunMsg::Draft { key, text }),
            WriterMessage::Annotated => TaskMessage::UserDataSaved,
            WriterMessage::Failed(reason) => {
                let text = format!("Choices and drafts are not saved yet: {reason}");
                TaskMessage::Msg(Box::new(Msg::Notice { text, error: true }))
            }
        };
        // An error means that salon is shutting down.
        drop(messages.send(message));
    })
}

fn load_choices(store: &Store) -> Vec<(String, String)> {
    let saved = store.with(preferences::load_all);
    saved.inspect_err(|error| tracing::warn!(%error, "the saved state could not be read")).unwrap_or_default()
}

/// Creates the initial app state. The flag is true if the terminal must be queried for its background.
fn app(start: &StartOptions, saved: &[(String, String)], problem: Option<Issue>) -> (App, bool) {
    // The configuration has reported unknown actions.
    let (keymap, _) = Keymap::new(&start.settings.keys);
    let (background, ask) = background(&start.settings, saved);
    let themes = Themes::shipped(colours::depth(start.coloured, env::var), background);
    let here = env::current_dir().map(|dir| Workspaces::default().of(&dir.to_string_lossy().into()));
    let mut app = App::new(start.settings.clone(), keymap, themes, terminal::size().into(), start.clock.now(), here);
    app.user_home = start.environment.home.to_string_lossy().into_owned();
    app.stack.home.calendar = Calendar::new(start.clock.now(), jiff::tz::TimeZone::system());
    for (name, value) in saved {
        app.restore_state(name, value);
    }
    app.report_config_issues(problem.into_iter().chain(start.issues.iter().cloned()).collect());
    (app, ask)
}

/// Returns the configured background, else that of the environment, else the saved one. Only the saved one may be
/// outdated.
fn background(settings: &Settings, saved: &[(String, String)]) -> (Background, bool) {
    match settings.theme {
        ThemeChoice::Dark => (Background::Dark, false),
        ThemeChoice::Light => (Background::Light, false),
        ThemeChoice::Auto => {
            let from_env = env::var("COLORFGBG").and_then(|value| colours::from_variable(&value));
            let remembered = saved.iter().find(|(name, _)| name == colours::BACKGROUND_KEY);
            let remembered = remembered.and_then(|(_, value)| colours::background_from_name(value));
            let ask = from_env.is_none() && colours::supports_osc(env::var("TERM").as_deref());
            (from_env.or(remembered).unwrap_or_default(), ask)
        }
    }
}

/// Reports the roots that are searched for sessions, for an empty screen.
fn report_roots(environment: Environment, messages: mpsc::UnboundedSender<TaskMessage>) {
    tokio::task::spawn_blocking(move || {
        let status = |(format, root): (&&dyn Format, SourceRoot)| RootStatus {
            agent: root.agent,
            found: root.path.exists(),
            retention_days: format.retention_days(&root),
            can_rename: format.can_rename(),
            path: root.path,
        };
        let roots =
            FORMATS.iter().flat_map(|format| format.roots(&environment).into_iter().map(move |root| (format, root)));
        // The user has not named an archive as a place of sessions.
        let roots = roots.filter(|(_, root)| root.origin.is_none()).map(status);
        // An error means that salon is shutting down.
        drop(messages.send(TaskMessage::Msg(Box::new(Msg::Roots(roots.collect())))));
    });
}
