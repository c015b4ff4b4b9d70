//! Pane layout of the home screen. Part of the state, because a hidden pane can neither have the focus nor needs
//! content.

/// A pane of the home screen, from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The workspaces.
    Workspaces,
    /// The sessions.
    #[default]
    Sessions,
    /// The preview.
    Preview,
}

/// Visibility and width of the preview, as the user chose them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreviewSize {
    /// True if it is shown where it fits.
    pub shown: bool,
    /// Columns added to its usual width.
    pub extra: i16,
}

impl PreviewSize {
    /// Name under which it is saved.
    pub const NAME: &'static str = "preview";

    /// Columns by which a key changes the width.
    pub const STEP: i16 = 4;

    /// No preview.
    pub const HIDDEN: Self = Self { shown: false, extra: 0 };

    /// Formats it for the saved state.
    pub fn to_save(self) -> String {
        format!("{} {}", if self.shown { "shown" } else { "hidden" }, self.extra)
    }

    /// Parses the saved state.
    pub fn parse(saved: &str) -> Option<Self> {
        let (shown, extra) = saved.split_once(' ')?;
        Some(Self { shown: shown == "shown", extra: extra.parse().ok()? })
    }
}

/// Visibility of the outline beside a transcript where there is room, as the user chose it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutlineSetting {
    /// Shown.
    #[default]
    Shown,
    /// Hidden.
    Hidden,
}

impl OutlineSetting {
    /// Name under which it is saved.
    pub const NAME: &'static str = "outline";

    /// Returns the name of the setting in the saved state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Hidden => "hidden",
        }
    }

    /// Parses the saved state.
    pub fn parse(saved: &str) -> Self {
        if saved == Self::Hidden.name() { Self::Hidden } else { Self::Shown }
    }
}

/// Widths of the panes in columns; 0 for a hidden pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panes {
    /// The workspaces.
    pub workspaces: u16,
    /// The sessions.
    pub sessions: u16,
    /// The preview.
    pub preview: u16,
}

/// Minimum screen width with workspaces, in columns.
const WITH_WORKSPACES: u16 = 76;
/// Minimum screen width with a preview, in columns.
pub const WITH_PREVIEW: u16 = 110;

/// Width of the session list with a title of 44 columns and a margin, in columns: the preview is wider only on request.
const ROOM_FOR_TITLES: u16 = 67;
/// Minimum width of the session list beside a preview, in columns.
const MIN_SESSIONS: u16 = 40;
/// Minimum width of a preview, in columns, because transcripts are unreadable below it.
const MIN_PREVIEW: u16 = 28;

impl Panes {
    /// Computes the panes of a screen. One column between two panes is the divider.
    pub fn of(width: u16, preview: PreviewSize) -> Self {
        let workspaces = match width {
            ..WITH_WORKSPACES => 0,
            WITH_WORKSPACES..WITH_PREVIEW => 18,
            _ => (width / 7).clamp(18, 32),
        };
        let rest = width - if workspaces > 0 { workspaces + 1 } else { 0 };
        let preview = if preview.shown && width >= WITH_PREVIEW {
            let usual = (width * 2 / 5).min(rest.saturating_sub(ROOM_FOR_TITLES + 1)).max(MIN_PREVIEW);
            usual.saturating_add_signed(preview.extra).clamp(MIN_PREVIEW, rest - 1 - MIN_SESSIONS)
        } else {
            0
        };
        let sessions = rest - if preview > 0 { preview + 1 } else { 0 };
        Self { workspaces, sessions, preview }
    }

    /// Returns true if a pane is shown.
    pub fn shows(self, pane: Pane) -> bool {
        match pane {
            Pane::Workspaces => self.workspaces > 0,
            Pane::Sessions => true,
            Pane::Preview => self.preview > 0,
        }
    }
}
