//! What ratatui draws on: collects a frame and writes it at once, and nothing at all where nothing changed.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

/// Between these a terminal that knows them shows nothing half drawn; others ignore them.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The terminal's cells, as ratatui's backend.
#[derive(Debug)]
pub struct Screen<W> {
    out: W,
    frame: Vec<u8>,
    size: Size,
    cursor_shown: bool,
    cursor: Option<Position>,
}

impl<W: Write> Screen<W> {
    /// A screen of a size, on which the cursor is hidden.
    pub fn new(out: W, size: Size) -> Self {
        Self { out, frame: Vec::new(), size, cursor_shown: false, cursor: None }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// What is put between two frames: answers to the terminal, the clipboard.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Somebody else had the terminal: nothing is known of the cursor any more.
    pub fn forget(&mut self) {
        self.cursor_shown = false;
        self.cursor = None;
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        // The backend resets colours even where it draws nothing, so it must not see an empty frame.
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        CrosstermBackend::new(&mut self.frame).draw(content)
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

    /// Where salon put it: the terminal is not asked, as its answer would come among the keys.
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
