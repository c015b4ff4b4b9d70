//! A program in a real pseudo-terminal: its screen, its input, and the terminal that it leaves behind.
//!
//! Waits for conditions with a generous deadline, never for a fixed time.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Maximum wait on a machine that is busy with other tests.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// A program and its terminal.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    /// Kept open, so that the terminal's mode can be read after the program has ended.
    _slave: Box<dyn portable_pty::SlavePty + Send>,
}

struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of 80 columns and 24 rows, with only the given environment.
    pub fn start(program: &Path, args: &[&str], dir: &Path, environment: &[(String, String)]) -> Self {
        let size = pty_size(80, 24);
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(dir);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let writer = pair.master.take_writer().expect("a writer");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let shown = Shown { parser: vt100::Parser::new(cells(24), cells(80), 0), bytes: Vec::new() };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        let shared = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                // A failed test has poisoned the lock and reported its failure already.
                let Ok(mut shown) = shared.0.lock() else { return };
                shown.parser.process(&chunk[..count]);
                shown.bytes.extend_from_slice(&chunk[..count]);
                shared.1.notify_all();
            }
        });
        Self { child, master: pair.master, writer, shown, _slave: pair.slave }
    }

    /// Waits until the screen matches; panics with its contents after the deadline.
    pub fn wait_for(&self, what: &str, passes: impl Fn(&vt100::Screen) -> bool) {
        self.wait_until(what, TIMEOUT, |shown| passes(shown.parser.screen()));
    }

    /// Waits until the screen shows a text.
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Waits until the program has written these bytes.
    pub fn wait_for_bytes(&self, bytes: &str) {
        self.wait_until(&format!("{bytes:?}"), TIMEOUT, |shown| {
            shown.bytes.windows(bytes.len()).any(|window| window == bytes.as_bytes())
        });
    }

    /// Waits until the program has written more than this number of bytes.
    pub fn wait_for_more(&self, than: usize) {
        self.wait_until("more output", TIMEOUT, |shown| shown.bytes.len() > than);
    }

    /// Waits until the program has stopped, as after Ctrl-Z.
    pub fn wait_until_stopped(&self) {
        let pid = self.pid();
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let status = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
            if String::from_utf8_lossy(&status.expect("ps").stdout).starts_with('T') {
                return;
            }
            assert!(Instant::now() < deadline, "the program never stopped\n{}", self.contents());
        }
    }

    fn wait_until(&self, what: &str, patience: Duration, passes: impl Fn(&Shown) -> bool) {
        let deadline = Instant::now() + patience;
        let mut shown = self.shown.0.lock().expect("shown");
        while !passes(&shown) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never happened: {what}\n{}", shown.parser.screen().contents());
            shown = self.shown.1.wait_timeout(shown, left).expect("shown").0;
        }
    }

    /// Types bytes.
    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    /// Process of the program.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("a process")
    }

    /// Sends a signal to the program only.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).expect("a process");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, signal).expect("a signal");
    }

    /// Text on the screen.
    pub fn contents(&self) -> String {
        self.shown.0.lock().expect("shown").parser.screen().contents()
    }

    /// The screen.
    pub fn screen(&self) -> vt100::Screen {
        self.shown.0.lock().expect("shown").parser.screen().clone()
    }

    /// Complete output of the program as text.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.shown.0.lock().expect("shown").bytes).into_owned()
    }

    /// Number of bytes written so far.
    pub fn written_len(&self) -> usize {
        self.shown.0.lock().expect("shown").bytes.len()
    }

    /// Changes the size of the terminal.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.shown.0.lock().expect("shown").parser.screen_mut().set_size(cells(rows), cells(columns));
        let size = pty_size(columns, rows);
        self.master.resize(size).expect("another size");
    }

    /// Waits until the program has ended. Returns its exit code.
    pub fn wait(&mut self) -> u32 {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "the program never ended\n{}", self.contents());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Asserts that the terminal is restored: main screen, visible cursor, no mouse, cooked mode.
    pub fn assert_restored(&self) {
        // The last output may still be on its way through the terminal.
        self.wait_for("its own screen, a cursor, no mouse, no bracketed paste", |screen| {
            let mouse = screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None;
            !(screen.alternate_screen() || screen.hide_cursor() || screen.bracketed_paste() || mouse)
        });
        // The keyboard's mode is taken back.
        self.wait_for_bytes("\x1b[<1u");
        // The mode is restored right after the last output.
        self.until("raw mode is left", || {
            let termios = self.master.get_termios().expect("the terminal's mode");
            let flags = format!("{:?}", termios.local_flags);
            ["ICANON", "ECHO |", "ISIG"].iter().all(|flag| format!("{flags} |").contains(flag))
        });
    }

    fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        while !done() {
            assert!(Instant::now() < deadline, "never came: {what}\n{}", self.contents());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

/// A terminal whose cells have 10×20 pixels.
fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: columns * 10, pixel_height: rows * 20 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal is not empty")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A failed test must not leave its program behind. Killing an ended program fails, which is fine.
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}
