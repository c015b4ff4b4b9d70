//! Images within transcripts on the event loop: what is loaded, and what the terminal keeps.

use std::ops::ControlFlow;

use super::picture_loader::PictureJob;
use super::pictures::{self, PictureFormat};
use super::shell::Shell;
use super::terminal;
use crate::ui::inline_pictures::{PictureRequest, PictureUpdate};

impl Shell {
    /// Determines whether the terminal draws images, which depends on its name and the size of its cells.
    pub(super) fn choose_picture_format(&mut self) {
        let protocol = pictures::inline_protocol(self.app.settings.images, self.pictures.terminal.as_deref());
        let cell = terminal::picture_space().cell;
        let format = protocol.and_then(|protocol| PictureFormat::inline(protocol, cell));
        let shape = |format: PictureFormat| (format.protocol, format.cell.width, format.cell.height);
        if self.pictures.format.map(shape) != format.map(shape) {
            self.view.inline_pictures().clear();
        }
        self.pictures.format = format;
        self.view.inline_pictures().enable(format.is_some());
    }

    /// Starts to load what the last frame lacked, and frees the terminal's memory.
    pub(super) fn load_pictures(&mut self) {
        for id in self.view.inline_pictures().take_removed() {
            if let Err(error) = self.terminal.write(pictures::deletion(id).as_bytes()) {
                tracing::debug!(%error, "an image stays in the terminal");
            }
        }
        for request in self.view.inline_pictures().take_requests() {
            let Some(format) = self.pictures.format else { return };
            let shown = match &request {
                PictureRequest::Load { owner, .. } => {
                    let shown = self.shown_transcript(owner.ticket).filter(|shown| !shown.session.is_remote());
                    // Files of other machines are not here: the label stays.
                    let Some(shown) = shown else { continue };
                    Some((shown, self.runner.paths.state_db()))
                }
                PictureRequest::Encode { .. } => None,
            };
            self.pictures.send(PictureJob { request, shown, format }, &self.runner.messages);
        }
    }

    /// Applies a loaded image.
    pub(super) fn picture_loaded(&mut self, update: PictureUpdate) -> ControlFlow<()> {
        self.view.inline_pictures().apply(update);
        self.frames.request();
        ControlFlow::Continue(())
    }

    /// Deletes all images from the terminal, before another program uses it or at the end.
    pub(super) fn remove_pictures(&mut self) {
        self.view.inline_pictures().clear();
        self.load_pictures();
    }
}
