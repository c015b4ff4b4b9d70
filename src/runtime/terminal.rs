//! The terminal: taken at the start, given back at the end, whatever the end is.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use ratatui::layout::Size;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::screen::Screen;

/// Mouse buttons and wheel, never motion: with motion the terminal's own selection would be lost.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// How the terminal was before salon took it; `None` while salon does not have it. A panic must find it from anywhere.
static TAKEN: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal while salon has it, and while it is lent.
#[derive(Debug)]
pub struct Terminal {
    cells: ratatui::Terminal<Screen<Stdout>>,
    original: Termios,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal. It is given back when the value is dropped, and at a panic on this thread.
    pub fn take(mouse: bool) -> io::Result<Self> {
        let original = tcgetattr(io::stdin())?;
        let cells = ratatui::Terminal::new(Screen::new(io::stdout(), size()))?;
        restore_on_panic(thread::current().id());
        let mut terminal = Self { cells, original, mouse };
        terminal.enter()?;
        Ok(terminal)
    }

    /// Takes the terminal again after [`leave`](Self::leave).
    pub fn enter(&mut self) -> io::Result<()> {
        let mut raw = self.original.clone();
        raw.make_raw();
        *taken() = Some(self.original.clone());
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let screen = self.cells.backend_mut();
        screen.forget();
        screen.resize(size());
        screen.write(&entering()?)?;
        if self.mouse {
            screen.write(MOUSE_ON.as_bytes())?;
        }
        self.redraw()
    }

    /// Gives the terminal back as it was.
    pub fn leave(&mut self) {
        restore();
        self.cells.backend_mut().forget();
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn capture_mouse(&mut self, capture: bool) -> io::Result<()> {
        self.mouse = capture;
        self.write(if capture { MOUSE_ON } else { MOUSE_OFF }.as_bytes())
    }

    /// Writes what is not a cell.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.cells.backend_mut().write(bytes)
    }

    /// The next frame draws every cell.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.cells.clear()
    }

    /// Asks for the terminal's size, which becomes the next frame's.
    pub fn measure(&mut self) -> Size {
        let size = size();
        self.cells.backend_mut().resize(size);
        size
    }

    /// Draws a frame; writes only what differs from the last one.
    pub fn draw<T>(&mut self, render: impl FnOnce(&mut ratatui::Frame) -> T) -> io::Result<T> {
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

/// Columns and rows; 80×24 where the terminal does not tell.
pub fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        _ => Size::new(80, 24),
    }
}

/// Gives the terminal back, if salon has it. A terminal that is gone cannot be told: failures are logged only.
fn restore() {
    let Some(original) = taken().take() else { return };
    let told = leave(&mut io::stdout());
    if let Err(error) = told {
        tracing::debug!(%error, "the terminal was not told to leave");
    }
    if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, &original) {
        tracing::debug!(%error, "the terminal's mode was not restored");
    }
}

/// Alternate screen, bracketed paste, keys told apart where the terminal can.
fn entering() -> io::Result<Vec<u8>> {
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

/// All of it taken back; also a frame that was begun, and mouse motion, which an agent may leave on.
fn leave(out: &mut impl Write) -> io::Result<()> {
    execute!(
        out,
        EndSynchronizedUpdate,
        PopKeyboardEnhancementFlags,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        ResetColor,
        LeaveAlternateScreen,
        Show
    )
}

fn taken() -> std::sync::MutexGuard<'static, Option<Termios>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic of the interface gives the terminal back before its message is printed. One on another thread is that
/// thread's end only: it is logged, as printing it would garble the screen.
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
