//! Which panes there is room for. Known to the state because a pane without room can neither have the focus nor
//! needs its content.

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

/// The widths of the panes in columns; 0 where a pane is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panes {
    /// The workspaces.
    pub workspaces: u16,
    /// The sessions.
    pub sessions: u16,
    /// The preview.
    pub preview: u16,
}

/// Narrower screens show no workspaces.
const WITH_WORKSPACES: u16 = 76;
/// Narrower screens show no preview.
const WITH_PREVIEW: u16 = 110;

impl Panes {
    /// The panes of a screen. One column between two panes belongs to the line that divides them.
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

    /// Whether a pane is shown.
    pub fn shows(self, pane: Pane) -> bool {
        match pane {
            Pane::Workspaces => self.workspaces > 0,
            Pane::Sessions => true,
            Pane::Preview => self.preview > 0,
        }
    }
}
