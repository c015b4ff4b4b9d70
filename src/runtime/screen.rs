//! Backend of ratatui: buffers a frame and writes it in one go, or not at all if nothing changed.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

use crate::ui::widgets::hyperlink::Hyperlink;

/// Delimiters of a synchronised update: the terminal shows no partial frame. Terminals without support ignore them.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// End of a hyperlink (OSC 8).
const END_HYPERLINK: &[u8] = b"\x1b]8;;\x1b\\";

/// Frame buffer in front of the terminal output. `hyperlinks` is false for a terminal that would print them.
#[derive(Debug)]
pub(super) struct FrameWriter<W> {
    out: W,
    frame: Vec<u8>,
    size: Size,
    cursor_shown: bool,
    cursor: Option<Position>,
    hyperlinks: bool,
}

impl<W: Write> FrameWriter<W> {
    /// Creates a backend with a hidden cursor.
    pub(super) fn new(out: W, size: Size, hyperlinks: bool) -> Self {
        Self { out, frame: Vec::new(), size, cursor_shown: false, cursor: None, hyperlinks }
    }

    /// Sets the size of the terminal.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Writes bytes between two frames: queries, clipboard.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Resets the known cursor state after another program used the terminal.
    pub(super) fn reset_cursor(&mut self) {
        self.cursor_shown = false;
        self.cursor = None;
    }
}

/// Returns true for a cell on whose width terminals disagree: an emoji, or a letter of a script with clusters.
fn has_disputed_width(symbol: &str) -> bool {
    let is_agreed = |c: char| matches!(c, '\0'..='\u{8ff}' | '\u{1e00}'..='\u{25ff}' | '\u{2e80}'..='\u{d7ff}');
    !symbol.chars().all(is_agreed)
}

impl<W: Write> Backend for FrameWriter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        // The backend resets colours even for an empty frame, so it must not see one.
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        while let Some((_, _, first)) = content.peek() {
            let underline = first.underline_color;
            let hyperlink = Hyperlink::of_cell(underline).filter(|_| self.hyperlinks);
            if let Some(Hyperlink { number, address }) = &hyperlink {
                write!(self.frame, "\x1b]8;id={number};{address}\x1b\\")?;
            }
            // Each run starts with a cursor position. Terminals differ in where a run ends whose last cell is disputed.
            let mut is_disputed = false;
            let run = std::iter::from_fn(|| {
                let cell = content.next_if(|cell| !is_disputed && cell.2.underline_color == underline)?;
                is_disputed = has_disputed_width(cell.2.symbol());
                Some(cell)
            });
            CrosstermBackend::new(&mut self.frame).draw(run)?;
            if hyperlink.is_some() {
                self.frame.extend_from_slice(END_HYPERLINK);
            }
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.cursor_shown) {
            CrosstermBackend::new(&mut self.frame).hide_cursor()?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.cursor_shown, true) {
            CrosstermBackend::new(&mut self.frame).show_cursor()?;
        }
        Ok(())
    }

    /// Returns the position set by salon. The terminal is not queried, because its reply would arrive as key events.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor.replace(position) != Some(position) {
            CrosstermBackend::new(&mut self.frame).set_cursor_position(position)?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        CrosstermBackend::new(&mut self.frame).clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = [BEGIN, &self.frame, END].concat();
        self.frame.clear();
        self.write(&frame)
    }
}
