//! The start of the screen, in the order in which a person waits for it: the terminal, what is cached, a frame; then
//! everything else.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::colours::{self, Depth};
use super::effects::Performer;
use super::shell::{Shell, Told};
use super::surroundings::{self, Clock};
use super::terminal::Terminal;
use crate::agent::Environment;
use crate::app::keys::Keymap;
use crate::app::{App, Msg};
use crate::config::paths::Paths;
use crate::config::settings::{Settings, ThemeChoice};
use crate::config::theme::{Background, Themes};
use crate::domain::Issue;
use crate::index::{self, Options, Refresh, Workspaces};

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
    /// For shown times.
    pub clock: Clock,
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
    let terminal = Terminal::take(Depth::detect(surroundings::var), start.settings.mouse)?;
    let (tell, told) = mpsc::unbounded_channel();
    let app = app(&start);
    find(&start, tell.clone());
    let performer = Performer { environment: start.environment, paths: start.paths, tell };
    let mut shell = Shell::new(app, terminal, performer, told, start.clock)?;
    shell.run().await;
    Ok(())
}

fn app(start: &Start) -> App {
    let (keymap, problems) = Keymap::new(&start.settings.keys);
    let mut themes = Themes::default();
    themes.background = background(&start.settings);
    let here = surroundings::current_dir().map(|dir| Workspaces::default().of(&dir.to_string_lossy().into()));
    let mut app = App::new(start.settings.clone(), keymap, themes, (80, 24), start.clock.now(), here);
    for text in problems.into_iter().chain(start.issues.iter().map(|issue| issue.reason.clone())) {
        app.update(Msg::Notice { text, error: true });
    }
    app
}

fn background(settings: &Settings) -> Background {
    match settings.theme {
        ThemeChoice::Dark => Background::Dark,
        ThemeChoice::Light => Background::Light,
        ThemeChoice::Auto => {
            surroundings::var("COLORFGBG").and_then(|value| colours::from_variable(&value)).unwrap_or_default()
        }
    }
}

fn find(start: &Start, tell: mpsc::UnboundedSender<Told>) {
    let mut options = Options::new(start.environment.clone(), super::instant);
    options.cache_dir = Some(start.paths.cache.clone());
    tokio::task::spawn_blocking(move || {
        let collected = index::collect(&options, Refresh::Changed);
        let change = crate::domain::catalog::Change {
            sessions: collected.catalog.iter().map(Arc::clone).collect(),
            ..Default::default()
        };
        drop(tell.send(Told::Msg(Box::new(Msg::Catalog(change)))));
    });
}
