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
const WITH_PREVIEW: u16 = 110;

impl Panes {
    /// Computes the panes of a screen. One column between two panes is the divider.
    pub fn of(width: u16, preview_wanted: bool) -> Self {
        let with_preview = preview_wanted && width >= WITH_PREVIEW;
        let workspaces = match width {
            ..WITH_WORKSPACES => 0,
            WITH_WORKSPACES..WITH_PREVIEW => 18,
            _ => (width / 6).clamp(20, 32),
        };
        let rest = width - if workspaces > 0 { workspaces + 1 } else { 0 };
        let preview = if with_preview { rest / 2 } else { 0 };
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
