//! Remarks on changes: writing them, and the prompt that sends them.

use std::path::Path;

use super::remark_input::{RemarkInput, RemarkTarget, ReviewPreview};
use super::{ChangesContent, ChangesScreen};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::line_editor::LineEditor;
use crate::app::scroll::Scroll;
use crate::config::key::{Key, KeyCode};
use crate::domain::changes::FileDiff;
use crate::domain::remark::{self, PlacedRemark, Remark, RemarkEdit, RemarkSnippet, RemarkState, ReviewPrompt};
use crate::domain::{SessionKey, SessionState};

impl ChangesScreen {
    /// Returns the remarks on a file.
    pub fn remarks_on<'a>(&'a self, file: &FileDiff) -> impl Iterator<Item = &'a PlacedRemark> {
        let path = self.absolute(file);
        self.remarks.iter().filter(move |placed| placed.remark.path == path)
    }

    /// Counts the remarks in a state.
    pub fn count(&self, state: RemarkState) -> usize {
        self.remarks.iter().filter(|placed| placed.state() == state).count()
    }

    /// Starts to write a remark on the selected lines, or to change the one at the cursor.
    pub(super) fn write_remark(&mut self, ctx: &mut Ctx) {
        if let Some(known) = self.remark_at_cursor() {
            let (target, text) = (RemarkTarget::Known(known.remark.id), known.remark.text.clone());
            self.input = Some(RemarkInput { target, input: LineEditor::from(text.as_str()) });
            return;
        }
        let Some((first, last)) = self.selected_lines() else {
            return ctx.notices.info("No line here: remark on the file instead");
        };
        let snippet = self.hunk().map(|hunk| RemarkSnippet::of(hunk.numbered(), first, last));
        self.start_remark(snippet.unwrap_or_default(), ctx);
    }

    /// Starts to write a remark on the selected file.
    pub(super) fn write_file_remark(&mut self, ctx: &mut Ctx) {
        self.start_remark(RemarkSnippet::default(), ctx);
    }

    fn start_remark(&mut self, snippet: RemarkSnippet, ctx: &Ctx) {
        let Some((_, file)) = self.selected() else { return };
        let remark = Remark {
            id: 0,
            session: self.key.clone(),
            path: self.absolute(file),
            snippet,
            text: String::new(),
            created: ctx.now,
            sent: None,
            digest: String::new(),
        };
        self.input = Some(RemarkInput { target: RemarkTarget::New(Box::new(remark)), input: LineEditor::default() });
    }

    /// Removes the remark at the cursor.
    pub(super) fn remove_remark(&mut self, ctx: &mut Ctx) {
        match self.remark_at_cursor().map(|known| known.remark.id) {
            Some(id) => self.edit_remarks(RemarkEdit::Remove(id), ctx),
            None => ctx.notices.info("No remark here"),
        }
    }

    /// Handles a key while a remark is written: Enter saves, Esc cancels.
    pub(super) fn key_in_remark(&mut self, key: Key, ctx: &mut Ctx) {
        let Some(written) = &mut self.input else { return };
        match key.code {
            KeyCode::Esc => self.input = None,
            _ if key == Key::ctrl('c') => self.input = None,
            KeyCode::Enter => self.save_remark(ctx),
            _ => _ = written.input.key(key),
        }
    }

    /// Inserts pasted text into the remark.
    pub fn paste(&mut self, text: &str) -> Flow {
        if let Some(written) = &mut self.input {
            written.input.insert(text);
        }
        Flow::Stay
    }

    fn save_remark(&mut self, ctx: &mut Ctx) {
        let Some(written) = self.input.take() else { return };
        let text = written.input.text().trim().to_owned();
        let edit = match &written.target {
            RemarkTarget::Known(id) if text.is_empty() => RemarkEdit::Remove(*id),
            RemarkTarget::Known(id) => RemarkEdit::SetText(*id, text),
            RemarkTarget::New(_) if text.is_empty() => return,
            RemarkTarget::New(remark) => RemarkEdit::Add(Remark { text, ..(**remark).clone() }),
        };
        // Until the remark is saved, its text can come back.
        self.saving = Some(written);
        self.mark = None;
        self.edit_remarks(edit, ctx);
    }

    fn edit_remarks(&self, edit: RemarkEdit, ctx: &mut Ctx) {
        ctx.effects.push(Effect::EditRemarks { key: self.key.clone(), edit });
    }

    /// Stores the remarks after a change. A remark that could not be saved is still there to be written.
    pub fn remarks_changed(&mut self, result: Result<Vec<PlacedRemark>, String>, ctx: &mut Ctx) {
        let saving = self.saving.take();
        match result {
            Ok(remarks) => {
                self.remarks = remarks;
                self.revision += 1;
            }
            Err(reason) => {
                ctx.notices.error(format!("Not saved: {reason}"));
                self.input = self.input.take().or(saving);
            }
        }
    }

    /// Shows the prompt that contains the remarks that were not sent.
    pub(super) fn preview_review(&mut self, ctx: &mut Ctx) {
        let drafts: Vec<_> = self.remarks.iter().filter(|placed| placed.state() == RemarkState::Draft).collect();
        if drafts.is_empty() {
            return ctx.notices.info("No remarks to send");
        }
        let remarks = drafts.iter().map(|placed| placed.remark.id).collect();
        self.review =
            Some(ReviewPreview { text: remark::prompt(&drafts, self.root()), scroll: Scroll::default(), remarks });
    }

    /// Replaces the prompt by the text from the editor.
    pub fn edited(&mut self, text: String, ctx: &mut Ctx) {
        let Some(review) = &mut self.review else { return };
        if text.trim().is_empty() {
            self.review = None;
            return ctx.notices.info("Nothing was sent; the remarks stay");
        }
        review.text = text;
    }

    /// Sends the previewed prompt.
    pub(super) fn send_review(&mut self, ctx: &mut Ctx) -> Flow {
        let key = &self.key;
        if !ctx.runs.agents().iter().any(|(agent, _)| *agent == key.agent) {
            ctx.notices.info(format!("Salon cannot run {}", key.agent.label()));
            return Flow::Stay;
        }
        let is_elsewhere = |key: &SessionKey| {
            let session = ctx.sessions.catalog.get(key);
            session.is_some_and(|session| ctx.sessions.state(session) != SessionState::Past)
        };
        if ctx.runs.of_session(key).is_none() && is_elsewhere(key) {
            ctx.notices.info("Not sent: the session is open in another program");
            return Flow::Stay;
        }
        let Some(ReviewPreview { text, remarks, .. }) = self.review.take() else { return Flow::Stay };
        Flow::SendReview(ReviewPrompt { key: key.clone(), text, remarks })
    }

    /// Returns the remark whose row is that of the cursor.
    fn remark_at_cursor(&self) -> Option<&PlacedRemark> {
        let (_, id) = self.rows.remarks.iter().rfind(|(row, _)| *row == self.cursor)?;
        self.remarks.iter().find(|placed| placed.remark.id == *id)
    }

    /// Returns the absolute path of a file.
    fn absolute(&self, file: &FileDiff) -> String {
        Path::new(self.root()).join(&file.path).to_string_lossy().into_owned()
    }

    fn root(&self) -> &str {
        match &self.content {
            ChangesContent::Loaded(changes) => &changes.root,
            ChangesContent::Loading | ChangesContent::Failed(_) => "",
        }
    }
}
