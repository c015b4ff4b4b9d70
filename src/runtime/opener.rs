//! Pages and files in the programs that the platform has for them. Only addresses of web pages and files that salon wrote.

use std::ffi::OsStr;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use ratatui_image::picker::ProtocolType;

use super::shell::Shell;
use super::task_message::TaskMessage;
use super::{attachment, children, env, pictures, terminal};
use crate::app::Msg;
use crate::app::msg::RequestTicket;
use crate::app::picture::PictureView;
use crate::app::reader::link_target::is_web_address;

type Step = ControlFlow<()>;

/// Returns the platform's program that opens pages and files; `None` without a display.
fn program(var: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is_set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "macos") {
        Some("open")
    } else if is_set("WSL_DISTRO_NAME") {
        Some("wslview")
    } else {
        (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")).then_some("xdg-open")
    }
}

impl Shell {
    /// Opens a page in the browser. Without a browser here, as over ssh, its address is copied.
    pub(super) fn open_page(&mut self, address: &str) -> Step {
        if !is_web_address(address) {
            return self.notice("Cannot open the address: it is not one of a web page", true);
        }
        if let Some(program) = program(env::var) {
            return self.open_with(program, OsStr::new(address));
        }
        self.copy(address)?;
        self.notice("No browser on this display: copied the address", false)
    }

    /// Opens a file that salon wrote.
    pub(super) fn open_file(&mut self, file: &Path) -> Step {
        match program(env::var) {
            Some(program) => self.open_with(program, file.as_os_str()),
            None => self.notice(format!("No program can show it on this display: it is in {}", file.display()), false),
        }
    }

    /// Writes the image or document of an entry to a file and opens it.
    pub(super) fn open_attachment(&mut self, ticket: RequestTicket, entry: usize) -> Step {
        let Some(shown) = self.shown_transcript(ticket) else {
            return self.notice("The session no longer exists", true);
        };
        let (messages, state_db) = (self.runner.messages.clone(), self.runner.paths.state_db());
        tokio::task::spawn_blocking(move || {
            let file = attachment::read(&shown, entry, &state_db).and_then(|file| attachment::write(&file));
            let message = file.map_or_else(|error| cannot_open(&error), TaskMessage::Open);
            // An error means that salon is shutting down.
            drop(messages.send(message));
        });
        Step::Continue(())
    }

    /// Draws the image of an entry over the screen. Opens it like any attachment where the terminal cannot draw it.
    pub(super) fn show_image(&mut self, ticket: RequestTicket, entry: usize, resized: bool) -> Step {
        let Some(protocol) = self.picture_protocol() else {
            return self.open_attachment(ticket, entry);
        };
        let Some(shown) = self.shown_transcript(ticket) else {
            return self.notice("The session no longer exists", true);
        };
        let (messages, space) = (self.runner.messages.clone(), terminal::picture_space());
        let state_db = self.runner.paths.state_db();
        tokio::task::spawn_blocking(move || {
            let message = match attachment::read(&shown, entry, &state_db) {
                Ok(file) if file.is_image() => match pictures::encode(&file.bytes, protocol, space) {
                    Ok((encoded, label)) => {
                        TaskMessage::Picture { view: PictureView { ticket, entry, label }, encoded, resized }
                    }
                    Err(error) => failed(&format!("Cannot draw the image: {error}")),
                },
                Ok(file) => attachment::write(&file).map_or_else(|error| cannot_open(&error), TaskMessage::Open),
                Err(error) => cannot_open(&error),
            };
            // An error means that salon is shutting down.
            drop(messages.send(message));
        });
        Step::Continue(())
    }

    fn picture_protocol(&self) -> Option<ProtocolType> {
        let (setting, name) = (self.app.settings.images, self.pictures.terminal.as_deref());
        pictures::protocol(setting, name, program(env::var).is_some())
    }

    /// Starts the opener with one argument, without the terminal. It may outlive salon, as the browser does.
    fn open_with(&mut self, program: &'static str, target: &OsStr) -> Step {
        let mut command = Command::new(program);
        command.arg(target).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        children::prepare(&mut command);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return self.notice(format!("Cannot start {program}: {error}"), true),
        };
        let messages = self.runner.messages.clone();
        // A thread of its own, for which salon does not wait at its end.
        let wait = move || {
            if child.wait().is_ok_and(|status| !status.success()) {
                let text = format!("{program} could not open it");
                // An error means that salon is shutting down.
                drop(messages.send(TaskMessage::Msg(Box::new(Msg::Notice { text, error: true }))));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("opener".into()).spawn(wait) {
            tracing::warn!(%error, "an opener is not waited for");
        }
        self.notice("Opening", false)
    }
}

fn cannot_open(error: &io::Error) -> TaskMessage {
    failed(&format!("Cannot open it: {error}"))
}

fn failed(text: &str) -> TaskMessage {
    TaskMessage::Msg(Box::new(Msg::Notice { text: text.to_owned(), error: true }))
}
