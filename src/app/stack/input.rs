//! Keys, pastes and the mouse, passed to the topmost screen.

use super::Stack;
use crate::app::approvals::ApprovalScope;
use crate::app::ctx::Ctx;
use crate::app::flow::Flow;
use crate::app::layer::Layer;
use crate::app::msg::{Mouse, Target};
use crate::app::text_overlays::closes_outside;
use crate::config::key::Key;

/// Rows per wheel event.
const WHEEL: i32 = 3;

impl Stack {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) {
        ctx.notices.dismiss_current();
        let flow = match self.layers.last_mut() {
            None => self.home.key(key, ctx),
            Some(Layer::Reader(reader)) => reader.key(key, ctx),
            Some(Layer::Chat(chat)) => chat.key(key, ctx),
            Some(Layer::Search(search)) => search.key(key, ctx),
            Some(Layer::Help(help)) => help.key(key, ctx),
            Some(Layer::Palette(palette)) => palette.key(key),
            Some(Layer::Dialog(dialog)) => dialog.key(key, ctx),
            Some(Layer::Issues(issues)) => issues.key(key, ctx),
            Some(Layer::Backends(backends)) => backends.key(key, ctx),
            Some(Layer::Inbox(inbox)) => inbox.key(key, ctx),
            Some(Layer::Picker(picker)) => picker.key(key, ctx),
            Some(Layer::NewSession(new)) => new.key(key, ctx),
            Some(Layer::Annotate(form)) => form.key(key, ctx),
            Some(Layer::Note(form)) => form.key(key, ctx),
            Some(Layer::Stats(page)) => page.key(key, ctx),
            Some(Layer::Changes(changes)) => changes.key(key, ctx),
            Some(Layer::Export(form)) => form.key(key, ctx),
            Some(Layer::Picture(picture)) => picture.key(key, ctx),
            Some(Layer::Trash(page)) => page.key(key, ctx),
        };
        self.perform(flow, ctx);
    }

    /// Handles pasted text.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) {
        // Terminals send the line breaks of a paste as carriage returns.
        let text = &text.replace("\r\n", "\n").replace('\r', "\n");
        let flow = match self.layers.last_mut() {
            None => self.home.paste(text, ctx),
            Some(Layer::Reader(reader)) => reader.paste(text, ctx),
            Some(Layer::Chat(chat)) => chat.paste(text, ctx),
            Some(Layer::Search(search)) => search.paste(text, ctx),
            Some(Layer::Palette(palette)) => palette.paste(text),
            Some(Layer::Inbox(inbox)) => inbox.paste(text, ctx),
            Some(Layer::Picker(picker)) => picker.paste(text),
            Some(Layer::NewSession(new)) => new.paste(text, ctx),
            Some(Layer::Annotate(form)) => form.paste(text),
            Some(Layer::Note(form)) => form.paste(text),
            Some(Layer::Export(form)) => form.paste(text),
            Some(Layer::Help(help)) => help.paste(text),
            Some(Layer::Changes(changes)) => changes.paste(text),
            Some(
                Layer::Dialog(_)
                | Layer::Issues(_)
                | Layer::Backends(_)
                | Layer::Stats(_)
                | Layer::Picture(_)
                | Layer::Trash(_),
            ) => Flow::Stay,
        };
        self.perform(flow, ctx);
    }

    /// Handles a mouse event. The last frame reported the targets on the screen.
    pub fn mouse(&mut self, kind: Mouse, column: u16, row: u16, ctx: &mut Ctx) {
        let hit = ctx.layout.regions.iter().rev().find(|(area, _)| area.contains(column, row));
        let target = hit.map_or(Target::Nothing, |(_, target)| target.clone());
        match kind {
            Mouse::Click => {
                self.home.drags_border = self.layers.is_empty() && target == Target::Border;
                self.click(&target, ctx);
            }
            Mouse::Drag if self.layers.is_empty() => self.home.drag(column, ctx),
            Mouse::Drag => {}
            Mouse::WheelUp => self.wheel(&target, -WHEEL, ctx),
            Mouse::WheelDown => self.wheel(&target, WHEEL, ctx),
        }
    }

    fn click(&mut self, target: &Target, ctx: &mut Ctx) {
        // A click on a hint is its key.
        if let Target::Hint(key) = *target {
            return self.key(key, ctx);
        }
        let flow = match self.layers.last_mut() {
            None => self.home.click(target, ctx),
            Some(Layer::Reader(reader)) => reader.click(target),
            Some(Layer::Chat(chat)) => chat.click(target, ctx),
            Some(Layer::Search(search)) => search.click(target, ctx),
            Some(Layer::Help(help)) => help.click(target),
            Some(Layer::Palette(palette)) => palette.click(target),
            Some(Layer::Dialog(dialog)) => dialog.click(target, ctx),
            Some(Layer::Issues(issues)) => issues.click(target),
            Some(Layer::Backends(_)) => closes_outside(target),
            Some(Layer::Inbox(inbox)) => inbox.click(target, ctx),
            Some(Layer::Picker(picker)) => picker.click(target, ctx),
            Some(Layer::NewSession(_)) => Flow::Stay,
            Some(Layer::Annotate(form)) => form.click(target),
            Some(Layer::Note(form)) => form.click(target),
            Some(Layer::Stats(page)) => page.click(target, ctx),
            Some(Layer::Changes(changes)) => changes.click(target),
            Some(Layer::Export(form)) => form.click(target),
            Some(Layer::Picture(_)) => Flow::Pop,
            Some(Layer::Trash(page)) => page.click(target),
        };
        self.perform(flow, ctx);
    }

    /// Scrolls the pane under the mouse, which need not have the focus.
    fn wheel(&mut self, target: &Target, lines: i32, ctx: &mut Ctx) {
        match self.layers.last_mut() {
            None => self.home.wheel(target, lines, ctx),
            Some(Layer::Reader(_) | Layer::Chat(_)) if *target == Target::Pinned => {
                if let Some(reader) = self.pinned.as_mut().and_then(Layer::reader_mut) {
                    reader.scroll(lines);
                }
            }
            Some(Layer::Reader(reader)) => reader.wheel(target, lines),
            Some(Layer::Chat(chat)) => {
                let scope = chat.run.clone().map(ApprovalScope::Run);
                if !scope.is_some_and(|scope| ctx.approvals.wheel(lines, ctx.runs, &scope)) {
                    chat.reader.wheel(target, lines);
                }
            }
            Some(Layer::Inbox(_)) => {
                ctx.approvals.wheel(lines, ctx.runs, &ApprovalScope::All);
            }
            Some(Layer::Search(search)) => search.wheel(target, lines, ctx),
            Some(Layer::Stats(page)) => page.wheel(lines),
            Some(Layer::Trash(page)) => page.step(isize::try_from(lines.signum()).unwrap_or_default()),
            Some(Layer::Help(help)) => help.scroll.by(isize::try_from(lines).unwrap_or_default()),
            Some(Layer::Changes(changes)) => changes.wheel(isize::try_from(lines).unwrap_or_default()),
            Some(Layer::Issues(issues)) => issues.scroll.by(isize::try_from(lines).unwrap_or_default()),
            Some(Layer::Backends(backends)) => backends.scroll.by(isize::try_from(lines).unwrap_or_default()),
            Some(
                Layer::Palette(_)
                | Layer::Dialog(_)
                | Layer::Picker(_)
                | Layer::NewSession(_)
                | Layer::Annotate(_)
                | Layer::Note(_)
                | Layer::Export(_)
                | Layer::Picture(_),
            ) => {}
        }
    }
}
