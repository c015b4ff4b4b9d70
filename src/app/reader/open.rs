//! Opening of what the current entry names: a sub-agent's session, files, web pages.

use std::path::Path;

use super::link_target::{LinkTarget, targets};
use super::{Fold, Reader};
use crate::app::ctx::Ctx;
use crate::app::dialog::{Dialog, DialogChoice, DialogOutcome};
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layer::Layer;

impl Reader {
    /// Unfolds the current entry. If it is unfolded, offers the files and pages that it names; folds it if there are none.
    pub(super) fn expand(&mut self, ctx: &mut Ctx) -> Flow {
        let index = self.cursor();
        let Some(entry) = self.current() else { return Flow::Stay };
        let targets = if self.folds.of(index, entry) == Fold::Full { targets(entry) } else { Vec::new() };
        if targets.is_empty() {
            self.toggle_fold();
            return Flow::Stay;
        }
        let directory = self.directory(ctx);
        let choice = |target: LinkTarget| DialogChoice { label: target.label(), outcome: outcome(target, &directory) };
        let fold = DialogChoice { label: "Fold the entry".to_owned(), outcome: DialogOutcome::FoldEntry };
        let choices = targets.into_iter().map(choice).chain([fold]).collect();
        Flow::Push(Layer::Dialog(Dialog { title: "Open".to_owned(), text: Vec::new(), choices, selected: 0 }))
    }

    /// Directory of the session; empty if it is unknown.
    fn directory(&self, ctx: &Ctx) -> String {
        let of_session = ctx.sessions.catalog.get(&self.key).map(|session| session.cwd.to_string());
        let of_run = || {
            ctx.runs
                .iter()
                .find(|info| info.session.as_ref() == Some(&self.key))
                .map(|info| info.cwd.display().to_string())
        };
        of_session.filter(|directory| !directory.is_empty()).or_else(of_run).unwrap_or_default()
    }
}

fn outcome(target: LinkTarget, directory: &str) -> DialogOutcome {
    DialogOutcome::Open(match target {
        LinkTarget::File { path, line } => Effect::EditFile { path: Path::new(directory).join(path), line },
        LinkTarget::Page(address) => Effect::OpenPage(address),
    })
}
