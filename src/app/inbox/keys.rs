//! Keys and clicks in the inbox.

use super::{Inbox, InboxAction, InboxItem, InboxItemKind};
use crate::app::approvals::ApprovalScope;
use crate::app::ctx::Ctx;
use crate::app::effect::Effect;
use crate::app::flow::Flow;
use crate::app::msg::Target;
use crate::config::key::{Key, KeyCode};
use crate::domain::prompt::PromptId;
use crate::domain::run::RunId;
use crate::domain::run_request::RunRequest;

impl Inbox {
    /// Handles a key.
    pub fn key(&mut self, key: Key, ctx: &mut Ctx) -> Flow {
        if ctx.approvals.field().is_some() {
            let effects = ctx.approvals.key(key, ctx.runs, &ApprovalScope::All);
            ctx.effects.extend(effects.unwrap_or_default());
            return Flow::Stay;
        }
        let items = self.items(ctx.runs, ctx.approvals);
        let at = self.position(ctx.approvals, &items);
        let step = match key.code {
            KeyCode::Char('n' | 'j') | KeyCode::Tab => Some(1),
            KeyCode::Char('p' | 'k') => Some(-1),
            _ => None,
        };
        if let (Some(step), false) = (step, key.ctrl || key.alt) {
            self.step(&items, at, step, ctx);
            return Flow::Stay;
        }
        let selected = at.and_then(|at| items.get(at));
        if let Some(flow) = selected.and_then(|item| key_for_item(key, item, ctx)) {
            return flow;
        }
        match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'i') => return Flow::Pop,
            KeyCode::Char('c') if key.ctrl => return Flow::Pop,
            KeyCode::Down => self.step(&items, at, 1, ctx),
            KeyCode::Up => self.step(&items, at, -1, ctx),
            KeyCode::Enter | KeyCode::Char('o') => {
                return selected.map_or(Flow::Stay, open);
            }
            _ => {}
        }
        Flow::Stay
    }

    /// Pastes into the answer to an approval.
    pub fn paste(&mut self, text: &str, ctx: &mut Ctx) -> Flow {
        ctx.approvals.paste(text);
        Flow::Stay
    }

    /// Selects the clicked item, or makes the clicked choice.
    pub fn click(&mut self, target: &Target, ctx: &mut Ctx) -> Flow {
        let items = self.items(ctx.runs, ctx.approvals);
        match *target {
            Target::Choice(at) => {
                self.step(&items, Some(at), 0, ctx);
                Flow::Stay
            }
            Target::Request => {
                ctx.effects.extend(ctx.approvals.click_request(ctx.runs, &ApprovalScope::All));
                Flow::Stay
            }
            Target::Answer(row) => match self.position(ctx.approvals, &items).and_then(|at| items.get(at)) {
                Some(item) if matches!(item.kind, InboxItemKind::Approval) => {
                    ctx.effects.extend(ctx.approvals.click(row, ctx.runs, &ApprovalScope::All));
                    Flow::Stay
                }
                Some(item) => choose_for_item(item, row, ctx).unwrap_or(Flow::Stay),
                None => Flow::Stay,
            },
            Target::Workspace(_)
            | Target::Row(_)
            | Target::Preview
            | Target::Border
            | Target::Entry(_)
            | Target::Jump(_)
            | Target::Hint(_)
            | Target::Pinned
            | Target::Subagent(_)
            | Target::Composer
            | Target::Nothing => Flow::Stay,
        }
    }

    fn step(&mut self, items: &[InboxItem], at: Option<usize>, by: isize, ctx: &mut Ctx) {
        let last = items.len().saturating_sub(1);
        let next = at.map(|at| at.saturating_add_signed(by).min(last));
        if let Some(item) = next.and_then(|at| items.get(at)) {
            self.selected = Some(item.id.clone());
            ctx.approvals.select(item.id.clone());
        }
    }
}

fn key_for_item(key: Key, item: &InboxItem, ctx: &mut Ctx) -> Option<Flow> {
    if matches!(item.kind, InboxItemKind::Approval) {
        let effects = ctx.approvals.key(key, ctx.runs, &ApprovalScope::All)?;
        ctx.effects.extend(effects);
        return Some(Flow::Stay);
    }
    if matches!(item.kind, InboxItemKind::Elsewhere) && key.typed() == Some('R') {
        return Some(open_in_agent(item, ctx));
    }
    let digit = key.typed()?.to_digit(10)? as usize;
    choose_for_item(item, digit.checked_sub(1)?, ctx)
}

fn choose_for_item(item: &InboxItem, row: usize, ctx: &mut Ctx) -> Option<Flow> {
    let (_, does) = item.kind.choices().get(row)?;
    if !ctx.approvals.is_answerable(&item.id) {
        return Some(Flow::Stay);
    }
    let prompt = |effect: fn(RunId, PromptId) -> RunRequest| match &item.kind {
        InboxItemKind::Prompt(prompt) => Some(Effect::Run(effect(item.info.as_ref()?.id.clone(), prompt.id))),
        InboxItemKind::Approval | InboxItemKind::Elsewhere | InboxItemKind::Failure => None,
    };
    match does {
        InboxAction::Release => ctx.effects.extend(prompt(RunRequest::ReleasePrompt)),
        InboxAction::Cancel => ctx.effects.extend(prompt(RunRequest::CancelPrompt)),
        InboxAction::Open | InboxAction::Watch => return Some(open(item)),
        InboxAction::OpenInAgent => return Some(open_in_agent(item, ctx)),
        InboxAction::Dismiss => ctx.approvals.dismiss(item.id.clone()),
    }
    Some(Flow::Stay)
}

/// Opens the run's chat, or watches the session.
fn open(item: &InboxItem) -> Flow {
    let watch = || Flow::Watch(item.session.clone());
    Flow::pop_then(item.info.as_ref().map_or_else(watch, |info| Flow::GoToRun(info.id.clone())))
}

/// Selects the session and checks whether it can be opened in its agent.
fn open_in_agent(item: &InboxItem, ctx: &mut Ctx) -> Flow {
    ctx.effects.push(Effect::CheckResume(item.session.clone()));
    Flow::pop_then(Flow::GoToSession(item.session.clone()))
}
