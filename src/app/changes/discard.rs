//! Discarding of changes: of the hunk of the cursor, or of the selected file. Each can be undone.

use std::collections::BTreeSet;

use super::{ChangesContent, ChangesScreen};
use crate::app::action::Action;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::ticket::RequestTicket;
use crate::domain::changes::{ComparedStates, FileDiffStatus, Restoration};
use crate::stdx::text::first_chars;

/// Characters of the id of a session in notices, as above a hunk.
const SHOWN_ID_CHARS: usize = 8;

impl ChangesScreen {
    /// Requests that the hunk of the cursor is discarded. The only hunk of a file is the whole change of it, unless the
    /// file may have changed since.
    pub(super) fn discard_hunk(&mut self, ctx: &mut Ctx) {
        let Some((_, file)) = self.selected() else { return };
        let is_of_turn = self.base().is_some_and(|(_, until)| until.is_some());
        let is_only = if is_of_turn { file.hunks.is_empty() } else { file.hunks.len() < 2 };
        if is_only || file.status != FileDiffStatus::Modified {
            return self.discard_file(ctx);
        }
        let restoration = self
            .hunk()
            .zip(self.base())
            .map(|(hunk, (base, until))| Restoration::Hunk(file.clone(), hunk.clone(), ComparedStates { base, until }));
        self.request(restoration, ctx);
    }

    /// Requests that all changes of the selected file are discarded; those of other sessions only once they were named.
    pub(super) fn discard_whole_file(&mut self, ctx: &mut Ctx) {
        if let Some((path, others)) = self.changes_of_others().filter(|(path, _)| self.warned.as_ref() != Some(path)) {
            let key = ctx.keymap.hint(Action::DiscardFile).unwrap_or_default();
            ctx.notices.info(format!("{path} has changes of {others} too · {key} again discards all of them"));
            self.warned = Some(path);
            return;
        }
        self.discard_file(ctx);
    }

    /// Returns the selected file if other sessions changed parts of it, with their names.
    fn changes_of_others(&self) -> Option<(String, String)> {
        let (_, file) = self.selected()?;
        let authors = file.hunks.iter().flat_map(|hunk| &hunk.authors).map(|author| &author.session);
        let others: BTreeSet<String> = authors
            .filter(|session| **session != self.key)
            .map(|session| format!("{} {}", session.agent.label(), first_chars(&session.id, SHOWN_ID_CHARS)))
            .collect();
        let names = others.into_iter().collect::<Vec<_>>().join(", ");
        // The only hunk has its authors above it.
        (self.can_discard() && file.hunks.len() > 1 && !names.is_empty()).then(|| (file.path.clone(), names))
    }

    fn discard_file(&mut self, ctx: &mut Ctx) {
        let restoration = self.selected().zip(self.base()).map(|((_, file), (base, until))| match until {
            Some(until) => Restoration::FileOfTurn(file.clone(), base, until),
            None => Restoration::File(file.clone(), base),
        });
        self.request(restoration, ctx);
    }

    /// Requests that the files are as they were before the last discarded change.
    pub(super) fn undo_discard(&mut self, ctx: &mut Ctx) {
        match self.undo.last().cloned() {
            Some(snapshot) => self.request(Some(Restoration::Snapshot(snapshot)), ctx),
            None => ctx.notices.info("Nothing to undo"),
        }
    }

    /// Applies the result of a request, and reads the changes again.
    pub fn restored(&mut self, ticket: RequestTicket, result: Result<String, String>, ctx: &mut Ctx) {
        let Some((_, is_undo)) = self.restoring.take_if(|(wanted, _)| *wanted == ticket) else { return };
        match result {
            Ok(_) if is_undo => {
                self.undo.pop();
                ctx.notices.info("Brought back");
            }
            Ok(before) => {
                self.undo.push(before);
                ctx.notices.info("Discarded · u undoes");
            }
            Err(reason) => ctx.notices.error(reason),
        }
        self.reload(ctx);
    }

    fn request(&mut self, restoration: Option<Restoration>, ctx: &mut Ctx) {
        let Some(restoration) = restoration else {
            return ctx.notices.info("Only changes of files can be discarded, not edits of a transcript (tab)");
        };
        if self.restoring.is_some() {
            return;
        }
        self.warned = None;
        let ticket = ctx.tickets.issue();
        self.restoring = Some((ticket, matches!(restoration, Restoration::Snapshot(_))));
        ctx.effects.push(Effect::RestoreFiles { ticket, key: self.key.clone(), restoration });
    }

    /// Returns true if changes can be discarded.
    pub fn can_discard(&self) -> bool {
        self.base().is_some()
    }

    /// Commit to which the files can be taken back, with the snapshot that was compared with it, if any; `None` unless
    /// files were compared.
    fn base(&self) -> Option<(String, Option<String>)> {
        match &self.content {
            ChangesContent::Loaded(changes) => Some((changes.base.clone()?, changes.until.clone())),
            ChangesContent::Loading | ChangesContent::Failed(_) => None,
        }
    }
}
