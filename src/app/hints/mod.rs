//! Key hints for the footer: the actions of the current context with the keys bound to them.

mod tables;

use super::App;
use super::action::Action;
use super::approvals::{ApprovalQueue, ApprovalScope};
use super::changes::ChangesScreen;
use super::chat::{Chat, ChatFocus};
use super::home::{EmptyState, Pane};
use super::inbox::Inbox;
use super::layer::Layer;
use super::line_editor::LineEditor;
use super::msg::LayoutFeedback;
use super::reader::Reader;
use super::{keys, runs, search};
use crate::config::key::Key;
use crate::config::settings::DuringTurn;
use crate::domain::SessionState;
use crate::domain::prompt::{Prompt, PromptState};
use crate::domain::remark::RemarkState;
use crate::domain::run::RunInfo;

/// A key with a label of one or two words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Label of the key.
    pub key: String,
    /// Label of the action.
    pub label: &'static str,
    /// Key that a click presses; `None` if the label names several.
    pub press: Option<Key>,
}

impl Hint {
    /// Creates a hint of a key that is the same in every key map.
    fn typed((key, label): (&str, &'static str)) -> Self {
        Self { key: key.to_owned(), label, press: Key::parse(key) }
    }
}

/// Returns the hints of the current context, most useful first: a narrow screen shows fewer. `drawn` is the layout of
/// everything else in the same frame.
pub fn hints(app: &App, drawn: &LayoutFeedback) -> Vec<Hint> {
    let typed = |hints: &[(&str, &'static str)]| hints.iter().copied().map(Hint::typed).collect();
    match app.stack.layers.last() {
        Some(Layer::Palette(palette)) => {
            typed(&[("enter", "run"), ("↑ ↓", "select"), ("esc", clear_or_close(&palette.input))])
        }
        Some(Layer::Dialog(dialog)) => {
            let mut hints = vec![Hint::typed((&digits(dialog.choices.len()), "answer"))];
            hints.extend(typed(&[("enter", "confirm"), ("esc", "cancel")]));
            hints
        }
        Some(Layer::Help(help)) => {
            with_scroll(typed(&[("esc", clear_or_close(&help.input)), ("a…z", "filter")]), drawn)
        }
        Some(Layer::Issues(_)) => with_scroll(named(app, &[(Action::Back, "close")]), drawn),
        Some(Layer::Backends(_)) => {
            with_scroll(named(app, &[(Action::Back, "close"), (Action::Rescan, "refresh")]), drawn)
        }
        Some(Layer::Chat(chat)) => with_other_pane(app, hints_in_chat(app, chat, drawn)),
        Some(Layer::Inbox(_)) if app.approvals.field().is_some() => typed(&[("enter", "send"), ("esc", "back")]),
        Some(Layer::Inbox(inbox)) => inbox_hints(app, inbox, drawn),
        Some(Layer::Picker(picker)) => typed(&[
            ("enter", "apply"),
            ("↑ ↓", "select"),
            ("tab", "mode, effort"),
            ("f5", "refresh"),
            ("esc", clear_or_close(&picker.input)),
        ]),
        Some(Layer::NewSession(_)) => {
            typed(&[("enter", "start"), ("tab", "complete, next"), ("↑ ↓", "fields"), ("esc", "cancel")])
        }
        Some(Layer::Trash(page)) if page.rows().is_empty() => named(app, &[(Action::Back, "close")]),
        Some(Layer::Trash(_)) => named(app, &tables::TRASH),
        Some(Layer::Picture(_)) => named(app, &[(Action::Back, "close"), (Action::EditEntry, "open in its program")]),
        Some(Layer::Stats(_)) => typed(&[
            ("← →", "group"),
            ("1…5", "period"),
            ("tab", "scope"),
            ("enter", "open"),
            ("esc", "back"),
            ("?", "help"),
        ]),
        Some(Layer::Export(_)) => typed(&[("enter", "write"), ("↑ ↓", "fields"), ("← →", "change"), ("esc", "cancel")]),
        Some(Layer::Note(_)) => typed(&[("enter", "save"), ("alt-enter", "new line"), ("esc", "cancel")]),
        Some(Layer::Annotate(_)) => typed(&[("enter", "save"), ("esc", "cancel")]),
        Some(Layer::Changes(changes)) if changes.input.is_some() => typed(&[("enter", "save"), ("esc", "cancel")]),
        Some(Layer::Changes(changes)) if changes.review.is_some() => named(app, &tables::REVIEW),
        Some(Layer::Changes(changes)) => hints_in_changes(app, changes),
        Some(Layer::Reader(reader)) => with_other_pane(app, hints_in_reader(app, reader, drawn)),
        Some(Layer::Search(search)) if search.naming.is_some() => typed(&[("enter", "save"), ("esc", "cancel")]),
        Some(Layer::Search(search)) if search.completion.is_some() => {
            typed(&[("tab", "next"), ("enter", "accept"), ("esc", "undo")])
        }
        Some(Layer::Search(search)) if search.input.is_empty() => {
            typed(&[("↑", "recent searches"), ("↓", "recent sessions"), ("tab", "complete"), ("esc", "back")])
        }
        Some(Layer::Search(search)) if search.results.sessions() == 0 => {
            typed(&[("tab", "complete"), ("esc", "clear")])
        }
        Some(Layer::Search(search)) if search.focus == search::SearchFocus::Line => {
            let mut hints = typed(&[("enter", "open"), ("↑ ↓", "select"), ("tab", "complete"), ("→", "more matches")]);
            hints.extend(named(app, &tables::SEARCH));
            hints
        }
        Some(Layer::Search(search)) if !search.marked_sessions().is_empty() => named(app, &tables::MARKED),
        Some(Layer::Search(_)) => named(app, &tables::RESULTS),
        None if app.stack.home.message.is_some() => typed(&[("enter", "send or queue"), ("esc", "cancel")]),
        None if app.stack.home.filter.typing => typed(&[("enter", "apply"), ("↑ ↓", "select"), ("esc", "clear")]),
        None if app.stack.home.empty_state(&app.sessions) == Some(EmptyState::NoSessions) => {
            named(app, &tables::NO_SESSIONS)
        }
        None if app.stack.home.empty_state(&app.sessions).is_some() => named(app, &tables::EMPTY),
        None => match app.stack.home.focus {
            Pane::Workspaces if app.stack.home.workspaces.view().is_some() => named(app, &tables::VIEW),
            Pane::Workspaces => named(app, &tables::WORKSPACES),
            Pane::Sessions => hints_in_list(app),
            Pane::Preview => {
                let key = app.stack.home.list.key();
                let reader = key.and_then(|key| app.stack.home.preview.reader(key));
                reader.map_or_else(|| named(app, &tables::PREVIEW), |reader| hints_in_preview(app, reader, drawn))
            }
        },
    }
}

/// Returns what Esc does where one types: it clears a text before it closes.
fn clear_or_close(input: &LineEditor) -> &'static str {
    if input.is_empty() { "close" } else { "clear" }
}

fn hints_in_list(app: &App) -> Vec<Hint> {
    if !app.stack.home.marked_sessions().is_empty() {
        return named(app, &tables::MARKED);
    }
    let takes_message = app.stack.home.takes_message(&app.runs, &app.sessions);
    // A session that another program has open is answered there.
    let state = app.stack.home.list.key().and_then(|key| app.sessions.states.get(key));
    let waits = state == Some(&SessionState::NeedsYou);
    let is_possible = |(action, _): &(Action, &'static str)| *action != Action::Message || takes_message;
    let answer = waits.then_some((Action::Inbox, "answer"));
    let rest = tables::LIST.into_iter().filter(is_possible);
    named(app, &answer.into_iter().chain(rest).collect::<Vec<_>>())
}

fn hints_in_changes(app: &App, changes: &ChangesScreen) -> Vec<Hint> {
    let send = (changes.count(RemarkState::Draft) > 0).then_some((Action::SendRemarks, "send remarks"));
    // Only files that were compared with a commit can be taken back to it.
    let is_possible = |action: Action| action != Action::DiscardHunk || changes.can_discard();
    let table: &[(Action, &'static str)] = if changes.is_empty() { &tables::NO_CHANGES } else { &tables::CHANGES };
    let rest = table.iter().copied().filter(|(action, _)| is_possible(*action));
    named(app, &send.into_iter().chain(rest).collect::<Vec<_>>())
}

/// Adds the keys that scroll an overlay, unless all of it is on the screen.
fn with_scroll(mut hints: Vec<Hint>, drawn: &LayoutFeedback) -> Vec<Hint> {
    let at = hints.len().min(1);
    let scroll = (drawn.overlay_len > drawn.overlay_rows).then(|| Hint::typed(("↑ ↓", "scroll")));
    hints.splice(at..at, scroll);
    hints
}

fn hints_in_reader(app: &App, reader: &Reader, drawn: &LayoutFeedback) -> Vec<Hint> {
    if let Some(hints) = hints_in_parts(app, reader, drawn) {
        return hints;
    }
    let hints: &[(Action, &'static str)] = if is_search_result(app) { &tables::RESULT } else { &tables::READER };
    reading(app, reader, hints, drawn)
}

/// Returns the hints of the part of a transcript that has the keys: the outline, or the find line.
fn hints_in_parts(app: &App, reader: &Reader, drawn: &LayoutFeedback) -> Option<Vec<Hint>> {
    let typed = |hints: &[(&str, &'static str)]| Some(hints.iter().copied().map(Hint::typed).collect());
    let from_search = reader.find.as_ref().is_some_and(|find| find.from_search);
    match &reader.find {
        Some(find) if find.typing => {
            typed(&[("enter", "keep"), ("↑ ↓", "earlier queries"), ("esc", "clear"), ("ctrl-u", "delete")])
        }
        _ if reader.outline.typing => typed(&[("enter", "go there"), ("↑ ↓", "select"), ("esc", "clear")]),
        _ if reader.outline.focused => {
            let close = if reader.outline_is_beside() { "hide" } else { "close" };
            let mut hints = named(app, &tables::OUTLINE);
            hints.extend(named(app, &[(Action::Outline, close), (Action::Help, "help")]));
            Some(hints)
        }
        Some(find) if !from_search => {
            // Without matches there is none to go to.
            let first = if find.complete && find.count() == 0 { 2 } else { 0 };
            Some(reading(app, reader, &tables::FOUND[first..], drawn))
        }
        _ => None,
    }
}

/// In the preview, the key that unfolds an entry opens the transcript.
fn hints_in_preview(app: &App, reader: &Reader, drawn: &LayoutFeedback) -> Vec<Hint> {
    let mut hints = reading(app, reader, &tables::PREVIEW, drawn);
    if let Some(open) = hints.first_mut() {
        open.label = tables::PREVIEW[0].1;
    }
    hints
}

/// Returns hints whose labels say what the toggles of a transcript do in its present state.
fn reading(app: &App, reader: &Reader, hints: &[(Action, &'static str)], drawn: &LayoutFeedback) -> Vec<Hint> {
    let is_live = || app.sessions.catalog.get(&reader.key).is_some_and(|session| session.state != SessionState::Past);
    // At the end of a past session there is nothing to follow.
    let is_useful = |action: Action| action != Action::Follow || !reader.is_following() || is_live();
    let branches: &[(Action, &'static str)] = if reader.has_branches() { &tables::BRANCHES } else { &[] };
    let (first, rest) = hints.split_at(hints.len().min(2));
    // In the preview, the key opens the transcript.
    let opens = |label: &str| label == tables::PREVIEW[0].1;
    let subagent = reader.subagent().filter(|key| app.sessions.catalog.get(key).is_some());
    let can_fold = || drawn.reader.as_ref().is_some_and(|drawn| drawn.ticket == reader.ticket && drawn.can_fold);
    let can_expand = subagent.is_some() || reader.has_targets() || can_fold();
    let changes = |action: Action, label: &str| action != Action::Expand || opens(label) || can_expand;
    let useful = first.iter().chain(branches).chain(rest);
    let useful = useful.filter(|(action, label)| is_useful(*action) && changes(*action, label));
    let label = |action: Action| match (action, &subagent) {
        (Action::Expand, Some(_)) => Some("open sub-agent"),
        _ => reader.label(action),
    };
    let labelled: Vec<_> = useful.map(|(action, usual)| (*action, label(*action).unwrap_or(usual))).collect();
    named(app, &labelled)
}

fn inbox_hints(app: &App, inbox: &Inbox, drawn: &LayoutFeedback) -> Vec<Hint> {
    let typed = |key: &str, label: &'static str| Hint::typed((key, label));
    let items = inbox.items(&app.runs, &app.approvals);
    let selected = inbox.position(&app.approvals, &items).and_then(|at| items.get(at));
    let Some(item) = selected else { return vec![typed("esc", "close")] };
    let mut hints = match item.kind.choices().len() {
        0 => {
            let enter = app.approvals.enter_label(&app.runs, &ApprovalScope::All, drawn.approval.as_ref());
            let answer = typed(&answer_keys(app, &ApprovalScope::All).unwrap_or_default(), "answer");
            [answer].into_iter().chain(enter.map(|label| typed("enter", label))).collect()
        }
        choices => vec![typed(&digits(choices), "answer"), typed("enter", "open")],
    };
    hints.extend((items.len() > 1).then(|| typed("n p", "next, previous")));
    hints.extend(item.kind.choices().is_empty().then(|| typed("o", "open chat")));
    hints.push(typed("esc", "close"));
    hints
}

/// Returns the digits that answer the current approval: `1–4`.
fn answer_keys(app: &App, scope: &ApprovalScope) -> Option<String> {
    let (pending, ..) = app.approvals.current(&app.runs, scope)?;
    Some(digits(ApprovalQueue::rows(pending.approval, &app.approvals.draft(&pending.id())).len()))
}

/// Returns the digits of choices: `1–4`.
fn digits(choices: usize) -> String {
    if choices == 1 { "1".to_owned() } else { format!("1–{}", choices.min(9)) }
}

/// Returns the hints of a chat's approval.
fn approval_hints(app: &App, chat: &Chat, drawn: &LayoutFeedback) -> Option<Vec<Hint>> {
    let typed = |key: String, label: &'static str| Hint::typed((&key, label));
    let scope = ApprovalScope::Run(chat.run.clone()?);
    if app.approvals.field().is_some() {
        return Some(vec![typed("enter".to_owned(), "send"), typed("esc".to_owned(), "cancel")]);
    }
    let digits = answer_keys(app, &scope)?;
    let mut hints = match chat.focus {
        ChatFocus::Composer if !chat.composer.is_empty() => {
            vec![typed(format!("alt-{digits}"), "answer"), typed("alt-e".to_owned(), "show all")]
        }
        ChatFocus::Composer => {
            let enter = app.approvals.enter_label(&app.runs, &scope, drawn.approval.as_ref());
            let enter = enter.map(|label| typed("enter".to_owned(), label));
            [typed(digits, "answer"), typed("↑ ↓".to_owned(), "select")].into_iter().chain(enter).collect()
        }
        ChatFocus::Transcript | ChatFocus::Queue(_) | ChatFocus::Tasks(_) => vec![typed(digits, "answer")],
    };
    hints.extend(in_chat(app, chat, &[(Action::Interrupt, "interrupt"), (Action::ReadChat, "read")]));
    Some(hints)
}

fn hints_in_chat(app: &App, chat: &Chat, drawn: &LayoutFeedback) -> Vec<Hint> {
    let typed = Hint::typed;
    if let Some(hints) = approval_hints(app, chat, drawn).filter(|_| chat.armed_turn(&app.runs).is_none()) {
        return hints;
    }
    let completing = chat.composer.completion.as_ref().is_some_and(|completion| !completion.found.is_empty());
    let in_part = chat.focus == ChatFocus::Transcript || chat.reader.is_typing();
    if let Some(hints) = hints_in_parts(app, &chat.reader, drawn).filter(|_| in_part) {
        return hints;
    }
    match chat.focus {
        ChatFocus::Queue(id) => {
            let queue = chat.queue(&app.runs);
            let is_held = |prompt: &Prompt| matches!(prompt.state, PromptState::Held | PromptState::Failed);
            let send = queue.iter().any(|prompt| prompt.id == id && is_held(prompt)).then_some(("r", "send"));
            let keys = [("enter", "edit"), ("K", "move up"), ("x", "cancel"), ("u", "undo"), ("esc", "write")];
            send.into_iter().chain(keys).map(typed).collect()
        }
        ChatFocus::Tasks(_) => {
            let mut hints: Vec<Hint> =
                [("enter", "open sub-agent"), ("x", "stop task"), ("esc", "write")].map(typed).into();
            hints.extend(named(app, &[(Action::Tasks, "hide")]));
            hints
        }
        ChatFocus::Composer if completing => {
            [("tab", "accept"), ("↑ ↓", "select"), ("esc", "close"), ("enter", "send")].map(typed).into()
        }
        ChatFocus::Composer if chat.armed_turn(&app.runs).is_some() => [typed(("esc", "interrupt"))].into(),
        ChatFocus::Composer if chat.info(&app.runs).is_some_and(|info| runs::is_open(&info.phase)) => {
            let mut hints = match app.settings.during_turn {
                DuringTurn::Queue => in_chat(app, chat, &tables::WORKING_CHAT),
                DuringTurn::Steer => in_chat(app, chat, &tables::STEERED_CHAT),
            };
            // Esc would interrupt the turn.
            hints.extend(chat.composer.is_empty().then(|| typed(("←", "back"))));
            hints.extend(named(app, &[(Action::Newline, "newline"), (Action::ReadChat, "read")]));
            hints
        }
        ChatFocus::Composer if chat.info(&app.runs).is_some_and(waits_for_limit) => {
            let mut hints = named(app, &[(Action::ContinueAtReset, "continue when the limit is over")]);
            hints.extend(in_chat(app, chat, &tables::CHAT));
            hints
        }
        ChatFocus::Composer => in_chat(app, chat, &tables::CHAT),
        ChatFocus::Transcript if chat.read_only.is_some() => reading(app, &chat.reader, &tables::READ_ONLY_CHAT, drawn),
        ChatFocus::Transcript => reading(app, &chat.reader, &possible(app, chat, &tables::READING_CHAT), drawn),
    }
}

fn in_chat(app: &App, chat: &Chat, hints: &[(Action, &'static str)]) -> Vec<Hint> {
    named(app, &possible(app, chat, hints))
}

/// Labels the keys that send, interrupt and go back with what they do now, and leaves out those that do nothing.
fn possible(app: &App, chat: &Chat, hints: &[(Action, &'static str)]) -> Vec<(Action, &'static str)> {
    let interruption = chat.interruption(&app.runs);
    let is_editing = chat.composer.editing.is_some();
    let label = |(action, label): &(Action, &'static str)| match action {
        Action::Interrupt => interruption.map(|interruption| (*action, interruption.label())),
        Action::Send if is_editing && chat.composer.text.whole().trim().is_empty() => Some((*action, "cancel prompt")),
        Action::Send if is_editing => Some((*action, "save")),
        Action::Send if chat.resumes_queue(&app.runs) => Some((*action, "resume queue")),
        // A model is chosen for a run.
        Action::Models if chat.info(&app.runs).is_none() => None,
        Action::Back if chat.focus == ChatFocus::Composer && is_editing => Some((*action, "cancel edit")),
        Action::Back if chat.focus == ChatFocus::Composer => match &chat.command {
            Some(command) if command.ended.is_some() => Some((*action, "drop output")),
            Some(_) => Some((*action, "end command")),
            None => Some((*action, *label)),
        },
        _ => Some((*action, *label)),
    };
    hints.iter().filter_map(label).collect()
}

/// Returns true if the user may ask for a continuation at the end of a rate limit.
fn waits_for_limit(info: &RunInfo) -> bool {
    runs::limit_end(info).is_some() && info.continues_at.is_none()
}

/// Inserts the key for the other pane after the first hint if a conversation is pinned.
fn with_other_pane(app: &App, mut hints: Vec<Hint>) -> Vec<Hint> {
    if app.stack.pinned.is_some() {
        let other = named(app, &[(Action::OtherPane, "other pane")]);
        let at = hints.len().min(1);
        hints.splice(at..at, other);
    }
    hints
}

/// Returns true if the transcript was opened from the search screen below it.
fn is_search_result(app: &App) -> bool {
    matches!(app.stack.layers.as_slice(), [.., Layer::Search(_), Layer::Reader(_)])
}

fn named(app: &App, hints: &[(Action, &'static str)]) -> Vec<Hint> {
    let with_key = |(action, label): &(Action, &'static str)| {
        let press = app.keymap.key_in(*action, app.stack.key_contexts())?;
        Some(Hint { key: keys::label(&press), label, press: Some(press) })
    };
    hints.iter().filter_map(with_key).collect()
}
