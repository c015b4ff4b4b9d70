//! Scroll positions of lists and texts.

use super::action::Action;

/// Returns the first visible row so that row `at` of `len` is among the `height` visible rows. It is as near to `top`
/// as possible, and no rows stay empty at the end.
pub fn reveal(top: usize, at: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    let top = if at < top { at } else { top.max((at + 1).saturating_sub(height)) };
    top.min(len.saturating_sub(height))
}

/// Returns the number of rows by which an action moves in a list with `height` visible rows.
pub fn steps(action: Action, height: usize) -> Option<isize> {
    let page = isize::try_from(height).unwrap_or(isize::MAX).max(2);
    Some(match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::HalfDown => page / 2,
        Action::HalfUp => -(page / 2),
        Action::PageDown => page - 1,
        Action::PageUp => 1 - page,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => return None,
    })
}

/// Scroll position of a text without a selection. Length and height come from the layout of the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// First line on the screen.
    pub top: usize,
    height: usize,
    len: usize,
}

impl Scroll {
    /// Sets the visible height and the total number of lines.
    pub fn fit(&mut self, height: usize, len: usize) {
        (self.height, self.len) = (height, len);
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// Returns the visible height.
    pub fn height(self) -> usize {
        self.height
    }

    /// Scrolls by a number of lines.
    pub fn by(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines).min(self.len.saturating_sub(self.height));
    }
}
