//! Discarding of changes: of the hunk of the cursor, or of the selected file. Each can be undone.

use super::{ChangesContent, ChangesScreen};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::ticket::RequestTicket;
use crate::domain::changes::{FileDiffStatus, Restoration};

impl ChangesScreen {
    /// Requests that the hunk of the cursor is discarded. The only hunk of a file is the whole change of it.
    pub(super) fn discard_hunk(&mut self, ctx: &mut Ctx) {
        let Some((_, file)) = self.selected() else { return };
        if file.hunks.len() < 2 || file.status != FileDiffStatus::Modified {
            return self.discard_file(ctx);
        }
        let restoration = self.hunk().map(|hunk| Restoration::Hunk(file.clone(), hunk.clone()));
        self.request(restoration.filter(|_| self.base().is_some()), ctx);
    }

    /// Requests that all changes of the selected file are discarded.
    pub(super) fn discard_file(&mut self, ctx: &mut Ctx) {
        let restoration = self.selected().zip(self.base());
        let restoration = restoration.map(|((_, file), base)| Restoration::File(file.clone(), base));
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
            return ctx.notices.info("Only changes of the worktree can be discarded (tab)");
        };
        if self.restoring.is_some() {
            return;
        }
        let ticket = ctx.tickets.issue();
        self.restoring = Some((ticket, matches!(restoration, Restoration::Snapshot(_))));
        ctx.effects.push(Effect::RestoreFiles { ticket, key: self.key.clone(), restoration });
    }

    /// Returns true if changes can be discarded.
    pub fn can_discard(&self) -> bool {
        self.base().is_some()
    }

    /// Commit to which the files can be taken back; `None` unless they were compared with one.
    fn base(&self) -> Option<String> {
        match &self.content {
            ChangesContent::Loaded(changes) => changes.base.clone(),
            ChangesContent::Loading | ChangesContent::Failed(_) => None,
        }
    }
}
