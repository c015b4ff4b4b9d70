//! How far a list is scrolled.

/// The first row to show so that row `at` of `len` is among the `height` rows on the screen: as near as possible to
/// the `top` there is now, and never with empty lines where rows could be.
pub fn reveal(top: usize, at: usize, height: usize, len: usize) -> usize {
    let height = height.max(1);
    let top = if at < top { at } else { top.max((at + 1).saturating_sub(height)) };
    top.min(len.saturating_sub(height))
}

/// A scrolled text without a selection. What it holds and how much of it fits is known where it is drawn and told
/// afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// First line on the screen.
    pub top: usize,
    height: usize,
    len: usize,
}

impl Scroll {
    /// Tells how many lines there are and how many fit.
    pub fn fit(&mut self, height: usize, len: usize) {
        (self.height, self.len) = (height, len);
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// Lines that fit.
    pub fn height(self) -> usize {
        self.height
    }

    /// Scrolls by a number of lines.
    pub fn by(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines).min(self.len.saturating_sub(self.height));
    }
}
