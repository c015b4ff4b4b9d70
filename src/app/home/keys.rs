//! Keys, actions and the mouse on the home screen.

use std::sync::Arc;

use super::workspaces::WorkspaceRow;
use super::{Home, Pane, PreviewSize};
use crate::app::action::{Action, KeyContext};
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::layout::WITH_PREVIEW;
use crate::app::line_editor::list_step;
use crate::app::msg::Target;
use crate::app::sessions::Sessions;
use crate::app::shell_command::ShellCommand;
use crate::config::key::{Key, KeyCode};
use crate::config::settings::ListScope;
use crate::domain::catalog::Sort;
use crate::domain::run::{Phase, RunInfo};

impl Home {
    /// Returns the active key contexts, nearest first.
    pub fn key_contexts(&self) -> &'static [KeyContext] {
        match self.focus {
            Pane::Workspaces | Pane::Sessions => &[KeyContext::List, KeyContext::Move, KeyContext::Everywhere],
            Pane::Preview => &[KeyContext::Reader, KeyContext::Move, KeyContext::List, KeyContext::Everywhere],
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if let Some(reader) = self.focused_preview().filter(|reader| reader.is_typing()) {
            reader.find_key(key, ctx);
            return Flow::Stay;
        }
        if self.message.is_some() {
            self.key_in_message(key, ctx);
            return Flow::Stay;
        }
        if self.filter.typing {
            self.key_in_filter(key, ctx);
            return Flow::Stay;
        }
        ctx.keymap.action(key, self.key_contexts()).map_or(Flow::Stay, Flow::Act)
    }

    /// Pastes into the find line of the preview or into the quick filter.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) -> Flow {
        if let Some(reader) = self.focused_preview().filter(|reader| reader.is_typing()) {
            ctx.effects.extend(reader.paste_in_find(text));
        } else if let Some(message) = &mut self.message {
            if !message.input.fits(text) {
                ctx.notices.error("Only the beginning fits here; r opens the chat for a longer prompt");
            }
            message.input.insert(text);
        } else if self.filter.typing {
            self.filter.input.insert(text);
            self.filter_typed(ctx);
        }
        Flow::Stay
    }

    /// Performs an action. `None` if it is not an action of the home screen.
    pub fn act(&mut self, action: Action, ctx: &mut Ctx) -> Option<Flow> {
        if action != Action::Expand
            && let Some(flow) = self.focused_preview().and_then(|reader| reader.perform(action, ctx))
        {
            return Some(flow);
        }
        match action {
            Action::DeleteView => self.delete_view(ctx),
            Action::CopyList => self.copy_list(ctx),
            // In the workspaces column the list is meant, not a session.
            Action::CopyCommand if self.focus == Pane::Workspaces => self.copy_list(ctx),
            Action::Open if self.focus == Pane::Workspaces => return Some(self.open_workspace()),
            Action::Open | Action::Expand => return Some(self.open(ctx)),
            Action::Scope => self.next_scope(ctx),
            Action::ShowHidden => {
                self.show_hidden = !self.show_hidden;
                self.refresh_pinned(ctx);
            }
            Action::Sort => self.next_sort(ctx),
            Action::Preview => self.toggle_preview(ctx),
            Action::NarrowPreview => self.resize_preview(-PreviewSize::STEP, ctx),
            Action::WidenPreview => self.resize_preview(PreviewSize::STEP, ctx),
            Action::Message => self.write_message(ctx),
            Action::MarkUnseen => self.toggle_unseen(ctx),
            Action::Mark => {
                self.toggle_mark();
                self.follow_selection(ctx);
            }
            Action::MarkAll => self.toggle_all_marks(),
            Action::Filter => {
                self.focus = Pane::Sessions;
                self.filter.typing = true;
            }
            Action::Back if !self.marked.is_empty() => self.marked.clear(),
            Action::Back if self.filter.is_active() => self.clear_filter(ctx),
            Action::Back => self.focus = Pane::Sessions,
            action => {
                let panes = self.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
                if !self.go(action, panes, ctx.sessions) {
                    return None;
                }
                self.follow_selection(ctx);
            }
        }
        Some(Flow::Stay)
    }

    /// Handles a click.
    pub fn click(&mut self, target: &Target, ctx: &mut Ctx) -> Flow {
        match *target {
            Target::Workspace(row) => {
                self.focus = Pane::Workspaces;
                self.choose_workspace(row, ctx);
            }
            Target::Row(row) => return self.click_row(row, ctx),
            Target::Preview => self.focus = Pane::Preview,
            Target::Entry(index) => {
                self.focus = Pane::Preview;
                if let Some(reader) = self.preview.reader_mut() {
                    reader.select(index);
                }
            }
            Target::Border
            | Target::Jump(_)
            | Target::Hint(_)
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Request
            | Target::Subagent(_)
            | Target::Composer
            | Target::Pinned
            | Target::Nothing => {}
        }
        Flow::Stay
    }

    /// Scrolls the pane under the mouse, which need not have the focus.
    pub fn wheel(&mut self, target: &Target, lines: i32, ctx: &mut Ctx) {
        let rows = isize::try_from(lines).unwrap_or_default();
        match target {
            Target::Preview | Target::Entry(_) => {
                if let Some(reader) = self.preview.reader_mut() {
                    reader.scroll(lines);
                }
            }
            Target::Workspace(_) => {
                let row = self.workspaces.at().saturating_add_signed(rows.signum());
                self.choose_workspace(row, ctx);
            }
            Target::Row(_) => {
                self.list.step(rows);
                self.follow_selection(ctx);
            }
            Target::Border
            | Target::Jump(_)
            | Target::Hint(_)
            | Target::Choice(_)
            | Target::Answer(_)
            | Target::Request
            | Target::Subagent(_)
            | Target::Composer
            | Target::Pinned
            | Target::Nothing => {}
        }
    }

    /// Opens the selected view as a search; for a workspace, moves the focus to its sessions.
    fn open_workspace(&mut self) -> Flow {
        match self.workspaces.line(self.workspaces.at()) {
            Some(WorkspaceRow::View(view)) => Flow::Search { query: view.query.clone(), order: view.order },
            Some(WorkspaceRow::Workspace(_) | WorkspaceRow::All) | None => {
                self.focus = Pane::Sessions;
                Flow::Stay
            }
        }
    }

    /// Opens the selected session.
    fn open(&self, ctx: &Ctx) -> Flow {
        let Some(key) = self.list.key() else { return Flow::Stay };
        // A live run of this salon opens as a chat, and so does one without a transcript, or whose prompts wait.
        let has_queue = |info: &Arc<RunInfo>| !ctx.runs.queue(&info.id).is_empty();
        let is_live = |info: &&Arc<RunInfo>| !matches!(info.phase, Phase::Stopped(_)) || has_queue(info);
        let run = ctx.runs.of_session(key).filter(|info| is_live(info) || ctx.sessions.is_unsaved(key));
        run.map_or_else(|| Flow::Open(key.clone()), |info| Flow::GoToRun(info.id.clone()))
    }

    fn choose_workspace(&mut self, row: usize, ctx: &mut Ctx) {
        if self.workspaces.choose(row) {
            self.restart(ctx.sessions);
        }
        self.follow_selection(ctx);
    }

    /// Shows the sessions of a workspace, which may have none.
    pub fn show_workspace(&mut self, workspace: Arc<str>, ctx: &mut Ctx) {
        self.workspaces.select(Some(workspace));
        self.focus = Pane::Sessions;
        self.restart(ctx.sessions);
        self.follow_selection(ctx);
    }

    /// Selects a row on the first click and opens it on the second: a click that only focuses the window must not open
    /// anything.
    fn click_row(&mut self, row: usize, ctx: &mut Ctx) -> Flow {
        let again = self.focus == Pane::Sessions && self.list.at() == Some(row);
        self.focus = Pane::Sessions;
        if again {
            return Flow::Act(Action::Open);
        }
        self.list.choose(row);
        self.follow_selection(ctx);
        Flow::Stay
    }

    /// Handles a key in the quick filter. Enter keeps the query, Esc clears it.
    fn key_in_filter(&mut self, key: Key, ctx: &mut Ctx) {
        if let Some(by) = list_step(key) {
            self.list.step(by);
            return self.follow_selection(ctx);
        }
        match key.code {
            KeyCode::Enter | KeyCode::Tab => {
                self.filter.typing = false;
                self.list.pin_selection();
            }
            KeyCode::Esc => self.clear_filter(ctx),
            _ if key == Key::ctrl('c') => self.clear_filter(ctx),
            KeyCode::Backspace if self.filter.input.is_empty() => self.clear_filter(ctx),
            _ if self.filter.input.key(key) => self.filter_typed(ctx),
            _ => {}
        }
    }

    fn filter_typed(&mut self, ctx: &mut Ctx) {
        let effects = self.filter.request();
        if effects.is_empty() {
            self.refresh_pinned(ctx);
        }
        ctx.effects.extend(effects);
    }

    /// Clears the quick filter; the selected session stays selected.
    fn clear_filter(&mut self, ctx: &mut Ctx) {
        self.filter.clear();
        self.refresh_pinned(ctx);
    }

    /// Recomputes the list; the selected session stays selected.
    fn refresh_pinned(&mut self, ctx: &mut Ctx) {
        self.list.pin_selection();
        self.refresh(ctx.sessions);
        self.follow_selection(ctx);
    }

    fn next_scope(&mut self, ctx: &mut Ctx) {
        let scope = match self.scope() {
            Some(ListScope::All) if self.here.is_none() => {
                ctx.notices.info("Salon was not started in a workspace");
                return;
            }
            Some(ListScope::All) => ListScope::Here,
            Some(ListScope::Here) | None => ListScope::All,
        };
        self.set_scope(scope);
        ctx.effects.push(Effect::SaveState { name: "scope", value: scope.name().to_owned() });
        self.refresh_pinned(ctx);
    }

    fn toggle_preview(&mut self, ctx: &mut Ctx) {
        if ctx.size.0 < WITH_PREVIEW {
            return ctx.notices.info(format!("The preview needs {WITH_PREVIEW} columns"));
        }
        ctx.preview_size.shown = !ctx.preview_size.shown;
        self.preview_resized(ctx);
    }

    fn resize_preview(&mut self, by: i16, ctx: &mut Ctx) {
        let before = self.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        if !before.shows(Pane::Preview) {
            return ctx.notices.info("No preview is shown");
        }
        // The saved width may be beyond the limits of this screen, where it must not go on counting.
        let with_extra = |extra| PreviewSize { extra, ..*ctx.preview_size };
        let usual = self.panes(ctx.size.0, with_extra(0), ctx.sessions).preview.cast_signed();
        let wanted = with_extra(before.preview.cast_signed() - usual + by);
        let after = self.panes(ctx.size.0, wanted, ctx.sessions);
        if after != before {
            *ctx.preview_size = with_extra(after.preview.cast_signed() - usual);
            self.preview_resized(ctx);
        }
    }

    /// Moves the border of the preview to a column, if the drag began there.
    pub fn drag(&mut self, column: u16, ctx: &mut Ctx) {
        let panes = self.panes(ctx.size.0, *ctx.preview_size, ctx.sessions);
        let border = ctx.size.0.saturating_sub(panes.preview + 1);
        let by = i32::from(border) - i32::from(column);
        if self.drags_border && panes.shows(Pane::Preview) && by != 0 {
            self.resize_preview(i16::try_from(by).unwrap_or_default(), ctx);
        }
    }

    fn preview_resized(&mut self, ctx: &mut Ctx) {
        ctx.effects.push(Effect::SaveState { name: PreviewSize::NAME, value: ctx.preview_size.to_save() });
        self.resized(ctx);
    }

    /// Marks the selected session as unseen, or as seen.
    fn toggle_unseen(&mut self, ctx: &mut Ctx) {
        let Some(key) = self.list.key().cloned() else { return ctx.notices.info("No session selected") };
        if !ctx.sessions.unseen.remove(&key) {
            ctx.sessions.unseen.insert(key);
        }
        ctx.effects.push(Effect::SaveState { name: Sessions::UNSEEN, value: ctx.sessions.unseen_to_save() });
        self.refresh_pinned(ctx);
    }

    fn next_sort(&mut self, ctx: &mut Ctx) {
        let now = Sort::ALL.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        self.sort = Sort::ALL[(now + 1) % Sort::ALL.len()];
        ctx.effects.push(Effect::SaveState { name: "sort", value: self.sort.name().to_owned() });
        self.restart(ctx.sessions);
        self.follow_selection(ctx);
    }

    /// Copies the command for the list, or for the saved view that is selected beside it.
    fn copy_list(&self, ctx: &mut Ctx) {
        let command = match self.workspaces.view() {
            Some(view) => ShellCommand::of_search(&view.query, view.order),
            None => ShellCommand::of_list(self),
        };
        command.copy(ctx);
    }
}
