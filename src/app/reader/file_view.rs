//! Views of the file that the current entry changes: its content then, and differences.

use super::Reader;
use crate::app::ctx::Ctx;
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::domain::file_history::FileView;
use crate::domain::tool::ToolAction;
use crate::stdx::text;

/// Maximum columns of a path in the dialog.
const MAX_PATH: usize = 60;

impl Reader {
    /// Opens the dialog of the views, or says that there are none.
    pub(super) fn choose_file_view(&self, ctx: &mut Ctx) -> Flow {
        let cursor = self.cursor();
        let is_stored = self.opened.is_some() && cursor < self.clip;
        let tool = self.current().filter(|_| is_stored).and_then(|entry| entry.tool.as_deref());
        let Some(ToolAction::Edit(changes)) = tool.map(|tool| &tool.action) else {
            ctx.notices.info("This entry changes no file");
            return Flow::Stay;
        };
        let Some(change) = changes.first() else { return Flow::Stay };
        let view = |label: &str, view| DialogChoice {
            label: label.to_owned(),
            outcome: DialogOutcome::Open(Effect::EditFileVersion(self.ticket, cursor, view)),
        };
        let choices = vec![
            view("The file as it was after this entry", FileView::Content),
            view("What the session changed in it until here", FileView::ChangesUntil),
            view("What changed in it from here to now", FileView::ChangesSince),
            DialogChoice { label: "Cancel".to_owned(), outcome: DialogOutcome::Cancel },
        ];
        let text = vec![text::ellipsis_before(&text::one_line(&change.path), MAX_PATH)];
        Flow::Push(Layer::Dialog(Dialog { title: "Open in the editor".to_owned(), text, choices, selected: 0 }))
    }
}
