//! State that screens share, borrowed for one update.

use std::collections::BTreeSet;

use super::approvals::ApprovalQueue;
use super::effect::Effect;
use super::keys::Keymap;
use super::layout::{OutlineSetting, PreviewSize};
use super::msg::LayoutFeedback;
use super::notices::Notices;
use super::pending_quit::PendingQuit;
use super::reader::DiffView;
use super::runs::RunTable;
use super::search::SearchHistory;
use super::secret_display::SecretDisplay;
use super::sessions::Sessions;
use super::ticket::Tickets;
use crate::config::settings::Settings;
use crate::config::theme::Themes;
use crate::domain::Time;
use crate::domain::catalog::IndexProgress;
use crate::domain::run::RunId;

/// State that screens share, and the effects of the update.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// The user's configuration.
    pub settings: &'a Settings,
    /// The active key map.
    pub keymap: &'a Keymap,
    /// The themes.
    pub themes: &'a mut Themes,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Current time.
    pub now: Time,
    /// True if the terminal has the focus.
    pub focused: bool,
    /// Results of the layout of the last frame.
    pub layout: &'a LayoutFeedback,
    /// Progress of the text index.
    pub index_progress: IndexProgress,
    /// All sessions and their states.
    pub sessions: &'a mut Sessions,
    /// The runs of this salon.
    pub runs: &'a mut RunTable,
    /// Approvals that wait for the user.
    pub approvals: &'a mut ApprovalQueue,
    /// Past queries.
    pub search_history: &'a mut SearchHistory,
    /// Past queries in transcripts.
    pub find_history: &'a mut SearchHistory,
    /// Notices in the status line.
    pub notices: &'a mut Notices,
    /// Runs whose notifications are off.
    pub muted: &'a mut BTreeSet<RunId>,
    /// Visibility and width of previews.
    pub preview_size: &'a mut PreviewSize,
    /// Visibility of the outline beside transcripts.
    pub outline: &'a mut OutlineSetting,
    /// Arrangement of diffs.
    pub diff_view: &'a mut DiffView,
    /// Display of secrets.
    pub secrets: &'a mut SecretDisplay,
    /// True if the mouse is captured.
    pub mouse: &'a mut bool,
    /// Quit that waits for runs.
    pub quitting: &'a mut Option<PendingQuit>,
    /// Counter for tickets.
    pub tickets: &'a mut Tickets,
    /// Effects of the update so far.
    pub effects: Vec<Effect>,
}
