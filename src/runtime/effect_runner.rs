//! Resources that effects need.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::runs::Runs;
use super::search_parts::SearchParts;
use super::store_writer::StoreWriter;
use super::task_message::TaskMessage;
use super::terminal_owner::Purpose;
use super::user_command::UserCommands;
use super::{colours, edited_text};
use crate::agent::Environment;
use crate::app::Msg;
use crate::app::runs::RunMsg;
use crate::config::paths::Paths;
use crate::config::theme::Background;
use crate::index::Index;
use crate::remote::Remotes;
use crate::store::Store;

/// Resources that effects need.
#[derive(Debug)]
pub(super) struct EffectRunner {
    /// Roots of agent files, and environment variables.
    pub environment: Environment,
    /// Directories of salon's own files.
    pub paths: Paths,
    /// Path of the configuration file, which need not exist.
    pub config_file: PathBuf,
    /// Session index.
    pub index: Index,
    /// Other machines and containers.
    pub remotes: Remotes,
    /// Combined answers of a search.
    pub search_parts: SearchParts,
    /// Handle of `state.db`; `None` if it cannot be used.
    pub store: Option<Arc<Store>>,
    /// Writer of choices and drafts; `None` without a store.
    pub writer: Option<StoreWriter>,
    /// Live runs; `None` if `state.db` cannot be used.
    pub runs: Option<Runs>,
    /// Running commands of the user.
    pub commands: UserCommands,
    /// Reader of the states of work trees.
    pub work_trees: std::sync::mpsc::Sender<Vec<Arc<str>>>,
    /// Channel to the event loop.
    pub messages: mpsc::UnboundedSender<TaskMessage>,
}

impl EffectRunner {
    /// Returns the message for the app state after a foreground program has ended. A text that cannot be used is moved to
    /// the directory `kept`.
    pub(super) fn foreground_message(purpose: Purpose, failure: Option<&str>, kept: &Path) -> Msg {
        match purpose {
            Purpose::Resume(key) => Msg::Returned { key, failure: failure.map(str::to_owned) },
            Purpose::EditText(file) => match (edited_text::read(&file, kept), failure) {
                (Ok(text), None) => Msg::Run(RunMsg::Edited(text)),
                (Ok(_), Some(failure)) => Msg::Notice { text: format!("The editor {failure}"), error: true },
                (Err(text), _) => Msg::Notice { text, error: true },
            },
            Purpose::Connect(host) => match failure {
                Some(failure) => {
                    Msg::Notice { text: format!("{host} is not connected: the program {failure}"), error: true }
                }
                None => Msg::Notice { text: format!("Connecting to {host}"), error: false },
            },
            Purpose::Commands(sequence) => sequence.finish(failure),
            Purpose::Edit(temporary) => {
                if let Some(Err(error)) = temporary.map(std::fs::remove_file) {
                    tracing::warn!(%error, "a temporary file was not removed");
                }
                match failure {
                    Some(failure) => Msg::Notice { text: format!("The editor {failure}"), error: true },
                    None => Msg::Notice { text: "Editor closed".to_owned(), error: false },
                }
            }
        }
    }

    pub(super) fn save_state(&self, name: &str, value: &str) {
        if let Some(writer) = &self.writer {
            writer.save_choice(name.to_owned(), value.to_owned());
        }
    }

    pub(super) fn save_background(&self, background: Background) {
        self.save_state(colours::BACKGROUND_KEY, colours::background_name(background));
    }

    /// Panics on the key named in `SALON_PANIC` in debug builds, so that tests can check the restored terminal.
    pub(super) fn watch_for_panic(&self, msg: &Msg) {
        if cfg!(debug_assertions)
            && let (Msg::Key(key), Some(word)) = (msg, self.environment.var("SALON_PANIC"))
        {
            assert!(key.to_string() != word, "SALON_PANIC: {word} was pressed");
        }
    }
}
