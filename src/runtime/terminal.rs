//! Terminal set-up and restoration, in every way that salon can end.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::layout::Size;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::pictures::PictureSpace;
use super::screen::FrameWriter;
use super::{colours, env};

/// Mouse buttons, the wheel, and motion while a button is pressed, for the border that is dragged.
const MOUSE_ON: &str = "\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l";

/// Pushes the window's title on the terminal's stack, and restores it from there. Terminals without a stack ignore both.
const SAVE_TITLE: &str = "\x1b[22;0t";
const RESTORE_TITLE: &str = "\x1b[23;0t";

/// Terminal mode before salon took it; `None` while released. Global, because a panic hook must reach it.
static ORIGINAL_MODE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal, also while another program uses it.
#[derive(Debug)]
pub(super) struct Terminal {
    cells: ratatui::Terminal<FrameWriter<Stdout>>,
    original: Termios,
    mouse: bool,
    /// Title of the window as last set; empty if another program may have changed it.
    title: String,
}

impl Terminal {
    /// Takes the terminal. It is restored on drop and on a panic of this thread.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        let original = tcgetattr(io::stdin())?;
        // Otherwise the decoder of keys takes Ctrl-J for Enter, as in a cooked terminal.
        enable_raw_mode()?;
        let hyperlinks = colours::supports_osc(env::var("TERM").as_deref());
        let cells = ratatui::Terminal::new(FrameWriter::new(io::stdout(), size(), hyperlinks))?;
        restore_on_panic(thread::current().id());
        let mut terminal = Self { cells, original, mouse, title: String::new() };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Takes the terminal again after [`leave`](Self::leave).
    pub(super) fn enter(&mut self) -> io::Result<()> {
        let mut raw = self.original.clone();
        raw.make_raw();
        *original_mode() = Some(self.original.clone());
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let screen = self.cells.backend_mut();
        screen.reset_cursor();
        screen.resize(size());
        screen.write(&enter_sequence()?)?;
        screen.write(SAVE_TITLE.as_bytes())?;
        self.title.clear();
        let screen = self.cells.backend_mut();
        if self.mouse {
            screen.write(MOUSE_ON.as_bytes())?;
        }
        self.redraw()
    }

    /// Restores the terminal.
    pub(super) fn leave(&mut self) {
        restore();
        self.cells.backend_mut().reset_cursor();
    }

    /// Enables or disables mouse capture.
    pub(super) fn capture_mouse(&mut self, capture: bool) -> io::Result<()> {
        self.mouse = capture;
        self.write(if capture { MOUSE_ON } else { MOUSE_OFF }.as_bytes())
    }

    /// Writes bytes that are not cells.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.cells.backend_mut().write(bytes)
    }

    /// Sets the title of the window, if it changed.
    pub(super) fn set_title(&mut self, title: String) -> io::Result<()> {
        if self.title == title {
            return Ok(());
        }
        let mut bytes = Vec::new();
        queue!(bytes, SetTitle(&title))?;
        self.title = title;
        self.write(&bytes)
    }

    /// Makes the next frame draw every cell.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.cells.clear()
    }

    /// Measures the terminal for the next frame.
    pub(super) fn measure(&mut self) -> Size {
        let size = size();
        self.cells.backend_mut().resize(size);
        size
    }

    /// Draws a frame. Writes only the difference to the previous one.
    pub(super) fn draw<T>(&mut self, render: impl FnOnce(&mut ratatui::Frame) -> T) -> io::Result<T> {
        let mut drawn = None;
        self.cells.draw(|frame| drawn = Some(render(frame)))?;
        drawn.ok_or_else(|| io::Error::other("a frame was not drawn"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Returns columns and rows; 80×24 if unknown.
pub(super) fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        _ => Size::new(80, 24),
    }
}

/// Returns the space for an image on the terminal.
pub(super) fn picture_space() -> PictureSpace {
    let pixels = tcgetwinsize(io::stdout()).map(|size| Size::new(size.ws_xpixel, size.ws_ypixel));
    PictureSpace::new(size(), pixels.unwrap_or_default())
}

/// Restores the terminal, if salon has it. Failures are only logged, because the terminal may be gone.
fn restore() {
    let Some(original) = original_mode().take() else { return };
    let result = leave(&mut io::stdout());
    if let Err(error) = result {
        tracing::debug!(%error, "the terminal modes were not reset");
    }
    if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, &original) {
        tracing::debug!(%error, "the terminal's mode was not restored");
    }
}

/// Returns the sequences for the alternate screen, bracketed paste, focus events and key disambiguation.
fn enter_sequence() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        PushKeyboardEnhancementFlags(KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES),
        Hide,
        Clear(ClearType::All)
    )?;
    Ok(bytes)
}

/// Reverts all modes, including an unfinished frame and mouse motion that an agent may have enabled.
fn leave(out: &mut impl Write) -> io::Result<()> {
    execute!(
        out,
        EndSynchronizedUpdate,
        PopKeyboardEnhancementFlags,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        Print(RESTORE_TITLE),
        LeaveAlternateScreen,
        Show
    )
}

fn original_mode() -> std::sync::MutexGuard<'static, Option<Termios>> {
    ORIGINAL_MODE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the terminal before the message of a panic is printed. A panic on another thread is only logged, because
/// printing would garble the screen.
fn restore_on_panic(interface: ThreadId) {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == interface {
            restore();
            before(info);
        } else {
            tracing::error!("{info}");
        }
    }));
}
