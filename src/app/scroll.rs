//! Scroll positions of lists and texts.

/// Returns the first visible row so that row `at` of `len` is among the `height` visible rows. It is as near to `top`
/// as possible, and no rows stay empty at the end.
pub fn reveal(top: usize, at: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    let top = if at < top { at } else { top.max((at + 1).saturating_sub(height)) };
    top.min(len.saturating_sub(height))
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
