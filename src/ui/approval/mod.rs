//! Approval panel, in a chat and in the inbox: session, requested action, and numbered answers.
//!
//! On a low screen the answers take precedence: the body can be unfolded by a key, but hidden answers cannot be chosen.

mod body;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use self::body::BodyLayout;
use super::canvas::Canvas;
use super::home_path::with_tilde;
use super::style::{self, style};
use super::widgets::styled_line::{self, StyledLine};
use super::widgets::{Align, field, line_of, put, put_line, split_left, split_right};
use crate::app::approvals::{
    AnswerDraft, AnswerField, ApprovalQueue, ApprovalRow, ApprovalScope, FieldPurpose, PendingApproval, is_pending,
};
use crate::app::layer::Layer;
use crate::app::msg::ApprovalFeedback;
use crate::app::msg::Target;
use crate::app::{App, age};
use crate::domain::approval::{Approval, ChoiceKind, QuestionOption};
use crate::domain::tool::{ChangeContext, ToolAction};
use crate::domain::tool_name::{is_tool_label, tool_label};
use crate::stdx::{exact, text};

/// Maximum lines of a folded body.
const MAX_FOLDED_LINES: usize = 12;

/// Maximum lines of an unfolded body, because it is laid out for each frame.
const MAX_UNFOLDED_LINES: usize = 10_000;

/// Minimum lines of the body on a low screen.
const MIN_BODY_LINES: usize = 2;

/// Minimum lines of the body beside free rows.
const MIN_SPACED_LINES: usize = 4;

/// Placement of the panel, which determines its key labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApprovalPlacement {
    /// In the inbox, with the position (from 0) and the number of items.
    Inbox(usize, usize),
    /// Above a composer, which receives plain letters.
    Composer,
}

impl ApprovalPlacement {
    fn key(self, letter: &str) -> String {
        match self {
            Self::Inbox(..) => letter.to_owned(),
            Self::Composer => format!("alt-{letter}"),
        }
    }

    /// Key that shows the whole request: Enter, unless the composer takes it.
    fn full_key(self, app: &App) -> &'static str {
        match self {
            Self::Composer if has_draft(app) => "alt-e",
            Self::Inbox(..) | Self::Composer => "enter",
        }
    }
}

/// Returns true if the composer has text, so that plain keys go there.
fn has_draft(app: &App) -> bool {
    app.stack.layers.last().and_then(Layer::chat).is_some_and(|chat| !chat.composer.is_empty())
}

/// Layout of an approval.
struct ApprovalLayout {
    /// Session, requested action, and reason.
    head: ApprovalHeader,
    body: Vec<Line<'static>>,
    /// Number of lines of the body that were cut, about.
    missing: usize,
    /// Answers by their index, each with its lines.
    answers: Vec<(usize, Vec<Line<'static>>)>,
}

struct ApprovalHeader {
    session: Line<'static>,
    request: Vec<Line<'static>>,
    reason: Vec<Line<'static>>,
}

impl ApprovalLayout {
    fn answers_height(&self) -> usize {
        self.answers.iter().map(|(_, lines)| lines.len()).sum()
    }

    /// Number of free rows: above for a rule, and before the answers. On a low screen the request needs them.
    fn spacing(&self, height: usize, placement: ApprovalPlacement) -> (usize, usize) {
        let used = self.head_height() + self.body_height().min(MIN_SPACED_LINES) + self.answers_height();
        let free = height.saturating_sub(used);
        // The inbox has a frame.
        let rule = free.min(usize::from(placement == ApprovalPlacement::Composer));
        (rule, (free - rule).min(1))
    }

    fn head_height(&self) -> usize {
        1 + self.head.request.len() + self.head.reason.len()
    }

    fn body_height(&self) -> usize {
        self.body.len() + usize::from(self.missing > 0)
    }

    /// Drops the least important parts until the rest fits. The body is folded later, when it is drawn.
    /// The chosen answer stays.
    fn fit(&mut self, height: usize, chosen: Option<usize>) -> Vec<Line<'static>> {
        // The answers take precedence, beside one line of the request.
        let room = height.saturating_sub(self.answers.len() + 1);
        let mut least = self.body_height().min(MIN_BODY_LINES).min(room);
        if self.head_height() + least + self.answers_height() > height {
            self.head.reason.clear();
        }
        if self.head_height() + least + self.answers_height() > height {
            for (_, answer) in self.answers.iter_mut().filter(|(_, answer)| answer.len() > 1) {
                answer.truncate(1);
                answer[0].push_span(Span::raw("…"));
            }
        }
        let mut head = Vec::new();
        if self.head_height() + least + self.answers_height() <= height {
            head.push(self.head.session.clone());
        }
        head.append(&mut self.head.request);
        head.append(&mut self.head.reason);
        // What is answered is more important than its heading.
        if height <= self.answers_height() + 1 && !self.body.is_empty() {
            head.clear();
            least = 1;
        }
        // At least two lines of the question stay visible; surplus answers are cut.
        let room = height.saturating_sub(self.answers_height() + least).max(2);
        let hidden = head.len().saturating_sub(room);
        head.truncate(room);
        if let Some(last) = head.last_mut().filter(|_| hidden > 0) {
            last.push_span(Span::raw(format!(" … (+{hidden} lines)")));
        }
        let room = height.saturating_sub(head.len() + least).max(1);
        let hidden = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(room));
        self.answers.drain(..hidden.min(self.answers.len()));
        self.answers.truncate(room);
        head
    }
}

/// Height of the current approval in rows, at most `max_height`; 0 if none is open.
pub(super) fn height(app: &App, scope: &ApprovalScope, width: u16, max_height: u16) -> u16 {
    if stale_field(app).is_some() {
        return 2.min(max_height);
    }
    let Some((waiting, ..)) = app.approvals.current(&app.runs, scope) else { return 0 };
    let draft = app.approvals.draft(&waiting.id());
    let layout = lay_out(app, &waiting, &draft, (width, max_height));
    if draft.unfolded {
        return max_height;
    }
    let field = usize::from(app.approvals.field().is_some());
    let spacing = 1 + usize::from(matches!(scope, ApprovalScope::Run(_)));
    let wanted = layout.head_height() + layout.body_height() + layout.answers_height() + field + spacing;
    u16::try_from(wanted).unwrap_or(u16::MAX).min(max_height)
}

/// Draws the current approval and records which one the keys answer.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, scope: &ApprovalScope, placement: ApprovalPlacement) {
    if area.is_empty() {
        return;
    }
    let app = canvas.app;
    if let Some(field) = stale_field(app) {
        draw_stale_field(canvas, area, field);
        return;
    }
    let Some((waiting, at, count)) = app.approvals.current(&app.runs, scope) else { return };
    let id = waiting.id();
    let draft = app.approvals.draft(&id);
    let position = match placement {
        ApprovalPlacement::Inbox(at, count) => (at, count),
        ApprovalPlacement::Composer => (at, count),
    };
    let mut layout = lay_out(app, &waiting, &draft, (area.width, area.height));
    let typed = app.approvals.field().filter(|field| field.approval == id);
    let height = usize::from(area.height).saturating_sub(usize::from(typed.is_some()));
    let (above, blank) = layout.spacing(height, placement);
    let area = draw_rule(canvas, area, above);
    let head = layout.fit(height - above - blank, draft.at);
    let (top, rest) = split_top(area, head.len());
    let first = draw_position(canvas, line_of(top, 0), &position_label(app, &waiting, position, placement));
    for (row, line) in head.into_iter().enumerate() {
        let place = if row == 0 { first } else { line_of(top, row) };
        put_line(canvas.buffer, place, &Line::from(styled_line::cut(line.spans, place.width.into())));
    }
    let below = blank + layout.answers_height() + usize::from(typed.is_some());
    let (middle, bottom) = split_top(rest, usize::from(rest.height).saturating_sub(below));
    canvas.target(top.union(middle), Target::Request);
    let rows = draw_body(canvas, middle, &layout, &draft, placement);
    let len = layout.body.len();
    let is_cut = layout.missing > 0 || rows < len;
    let (_, bottom) = split_top(bottom, blank);
    draw_answers(canvas, bottom, &layout, &draft, typed);
    canvas.feedback.approval =
        Some(ApprovalFeedback { approval: id, question: draft.answers.len(), rows, len, is_cut });
}

/// Draws the rule above the panel, if there is room. Returns the rest.
fn draw_rule(canvas: &mut Canvas, area: Rect, rows: usize) -> Rect {
    let (rule, rest) = split_top(area, rows);
    if !rule.is_empty() {
        let look = style(canvas.app.theme().needs_you);
        canvas.buffer.set_string(rule.x, rule.y, "─".repeat(rule.width.into()), look);
    }
    rest
}

/// Answer that is being typed for an approval that is already closed.
fn stale_field(app: &App) -> Option<&AnswerField> {
    app.approvals.field().filter(|field| !is_pending(&app.runs, &field.approval))
}

fn draw_stale_field(canvas: &mut Canvas, area: Rect, typed: &AnswerField) {
    let theme = canvas.app.theme();
    let label = "Already answered elsewhere; this text will not be sent (esc).";
    put(canvas.buffer, line_of(area, 0), label, style(theme.warning), Align::Left);
    field(canvas, line_of(area, 1), ">", &typed.input, true);
}

fn lay_out(app: &App, waiting: &PendingApproval, draft: &AnswerDraft, (width, room): (u16, u16)) -> ApprovalLayout {
    let head = head(app, waiting, draft, width.into());
    let answers = answers(app, waiting.approval, draft, width.into());
    let max_lines = if draft.unfolded { MAX_UNFOLDED_LINES } else { MAX_FOLDED_LINES.min(room.into()) };
    let size = (width.into(), max_lines);
    let BodyLayout { lines, missing } = if draft.together.is_empty() {
        body::lay(waiting.approval, contexts(app, waiting, draft), app.theme(), size)
    } else {
        together(app, waiting, size)
    };
    ApprovalLayout { head, body: lines, missing, answers }
}

/// Places of the changes in their files, which only the full view shows.
fn contexts<'a>(app: &'a App, waiting: &PendingApproval, draft: &AnswerDraft) -> &'a [Vec<Option<ChangeContext>>] {
    if draft.unfolded { app.approvals.contexts(&waiting.id()) } else { &[] }
}

/// Lays out approvals that are allowed together, one below the other.
fn together(app: &App, waiting: &PendingApproval, (width, max_lines): (usize, usize)) -> BodyLayout {
    let theme = app.theme();
    let shown = app.approvals.shown_together(&app.runs, waiting);
    let (count, mut lines, mut missing) = (shown.len(), Vec::new(), 0);
    for (nth, other) in shown.iter().enumerate() {
        lines.push(Line::styled(format!("{} of {count}", nth + 1), style(theme.muted)));
        let body = body::lay(other.approval, &[], theme, (width, max_lines.saturating_sub(lines.len())));
        lines.extend(body.lines);
        missing += body.missing;
    }
    BodyLayout { lines, missing }
}

/// Returns the tool's name after the phrase of the request; with the agent's own name, if that fits.
fn tool_part(tool: &str, phrase: &str, (with_own, width): (bool, usize)) -> String {
    let label = exact::visible_line(&tool_label(tool));
    let long = format!("  {label} ({})", exact::visible_line(tool));
    if with_own && text::width(phrase) + text::width(&long) <= width {
        return long;
    }
    // "proposes a plan" contains the name already.
    let is_redundant = phrase.to_lowercase().contains(&label.to_lowercase());
    if is_redundant { String::new() } else { format!("  {label}") }
}

/// Lays out the header: `! claude · Retry failed webhooks · /home/ann/shop-api`, the request, and the reason.
fn head(app: &App, waiting: &PendingApproval, draft: &AnswerDraft, width: usize) -> ApprovalHeader {
    let theme = app.theme();
    let (info, approval) = (waiting.info, waiting.approval);
    let session = info.session.as_ref().and_then(|key| app.sessions.catalog.get(key));
    let title = session.map(|session| text::one_line(&session.title.text)).filter(|title| !title.is_empty());
    let mut spans = vec![
        Span::styled("! ", style(theme.needs_you)),
        Span::styled(info.agent.name(), style::agent(theme, info.agent)),
        Span::styled(format!(" · {}", title.as_deref().unwrap_or("new session")), style(theme.title)),
        Span::styled(format!(" · {}", with_tilde(app, &text::one_line(&info.place()))), style(theme.muted)),
    ];
    if let Some(since) = approval.since {
        spans.push(Span::styled(format!(" · {}", age::text(app.now, since)), style(theme.muted)));
    }
    let session = Line::from(styled_line::cut(spans, width));
    let (mut request, mut reason) = (Vec::new(), Vec::new());
    let mut request_line = StyledLine::plain(&request_phrase(approval, draft), style(theme.strong));
    if let Some(question) = approval.questions.get(draft.answers.len()) {
        request_line.push(&format!(": {}", exact::visible_line(&question.text)), style(theme.text));
    } else {
        let own = draft.unfolded && !is_tool_label(&approval.tool);
        let label = tool_part(&approval.tool, request_line.text(), (own, width));
        request_line.push(&label, style(theme.muted));
    }
    request_line.wrap_into(width, &[], &[], &mut request);
    // Some agents repeat the request, or a part of it, as the reason.
    let headline = approval.action.headline();
    let new = |reason: &String| !headline.contains(reason.as_str());
    if let Some(text) = approval.reason.as_deref().map(exact::visible_line).filter(new) {
        StyledLine::plain(&format!("reason: {text}"), style(theme.muted)).wrap_into(width, &[], &[], &mut reason);
    }
    ApprovalHeader { session, request, reason }
}

/// Describes the request in a phrase.
fn request_phrase(approval: &Approval, draft: &AnswerDraft) -> String {
    let count = approval.questions.len();
    match &approval.action {
        _ if count > 1 => format!("asks {} of {count}", draft.answers.len() + 1),
        _ if count == 1 => "asks".to_owned(),
        _ if body::plan(approval).is_some() => "proposes a plan".to_owned(),
        ToolAction::Command { .. } => "wants to run a command".to_owned(),
        ToolAction::Read { .. } => "wants to read".to_owned(),
        ToolAction::Edit(changes) if changes.len() == 1 => "wants to change a file".to_owned(),
        ToolAction::Edit(changes) => format!("wants to change {} files", changes.len()),
        ToolAction::Search { .. } => "wants to search".to_owned(),
        ToolAction::Web { .. } => "wants to use the web".to_owned(),
        ToolAction::Task { .. } => "wants to start a sub-agent".to_owned(),
        ToolAction::Plan(_) => "wants to update its plan".to_owned(),
        ToolAction::PlanText(_) => "proposes a plan".to_owned(),
        ToolAction::Question { .. } => "asks".to_owned(),
        ToolAction::Other(_) => "wants to use a tool".to_owned(),
    }
}

/// Lays out the numbered answers.
fn answers(app: &App, approval: &Approval, draft: &AnswerDraft, width: usize) -> Vec<(usize, Vec<Line<'static>>)> {
    let theme = app.theme();
    let question = approval.questions.get(draft.answers.len());
    let multiple = question.is_some_and(|question| question.multiple);
    let mark = |on: bool| if on { "[x] " } else { "[ ] " };
    // If the composer has text, plain digits go there.
    let alt = if has_draft(app) { "alt-" } else { "" };
    let lay = |(at, row): (usize, &ApprovalRow)| {
        let (mark, label, look) = match *row {
            ApprovalRow::Option(option) => {
                let label = question.and_then(|question| question.options.get(option)).map(option_label);
                let mark = if multiple { mark(draft.picked.contains(&option)) } else { "" };
                (mark, label.unwrap_or_default(), theme.text)
            }
            ApprovalRow::Other => match &draft.other {
                Some(other) => (mark(true), text::one_line(other), theme.text),
                None => (if multiple { mark(false) } else { "" }, "Something else".to_owned(), theme.text),
            },
            ApprovalRow::Choice(choice) => {
                approval.choices.get(choice).map_or(("", String::new(), theme.text), |choice| {
                    let look = if choice.kind == ChoiceKind::AllowAlways { theme.warning } else { theme.text };
                    ("", exact::visible_line(&choice.label), look)
                })
            }
            ApprovalRow::AllowTogether => ("", format!("Allow all {}, once", draft.together.len()), theme.text),
            ApprovalRow::Separately => ("", "Answer one after the other".to_owned(), theme.text),
        };
        let digit = if at < 9 { format!("{alt}{}  ", at + 1) } else { " ".repeat(alt.len() + 3) };
        let mut lines = Vec::new();
        let first = [Span::styled(digit, style(theme.key)), Span::styled(mark, style(theme.accent))];
        let rest = [Span::raw(" ".repeat(alt.len() + 3 + mark.len()))];
        StyledLine::plain(&label, style(look)).wrap_into(width, &first, &rest, &mut lines);
        (at, lines)
    };
    let mut answers: Vec<_> = ApprovalQueue::rows(approval, draft).iter().enumerate().map(lay).collect();
    if multiple {
        let ready = !draft.picked.is_empty() || draft.other.is_some();
        let label = if ready { "enter  confirm" } else { "digits select, enter confirms" };
        answers.push((answers.len(), vec![Line::styled(label, style(theme.muted))]));
    }
    answers
}

/// Label of an option with its description.
fn option_label(option: &QuestionOption) -> String {
    let label = exact::visible_line(&option.label);
    if option.description.is_empty() {
        return label;
    }
    format!("{label}  ({})", exact::visible_line(&option.description))
}

/// Formats the position among the approvals: `1 of 3 (n p) · a: 3 alike`. Empty for a single one.
fn position_label(
    app: &App,
    waiting: &PendingApproval,
    (at, count): (usize, usize),
    placement: ApprovalPlacement,
) -> String {
    if count < 2 {
        return String::new();
    }
    let position = format!("{} of {count} ({} {})", at + 1, placement.key("n"), placement.key("p"));
    match app.approvals.similar(&app.runs, waiting) {
        0 => position,
        similar => format!("{} shows {similar} alike · {position}", placement.key("a")),
    }
}

/// Draws the position at the right end of the first line, without the keys if there is little room. Returns the rest.
fn draw_position(canvas: &mut Canvas, area: Rect, label: &str) -> Rect {
    if label.is_empty() || area.is_empty() {
        return area;
    }
    let short = label.rsplit(" · ").next().and_then(|position| position.split(" (").next()).unwrap_or_default();
    let label = if text::width(label) * 2 > area.width.into() { short } else { label };
    let (rest, area) = split_right(area, u16::try_from(text::width(label)).unwrap_or(0).saturating_add(2));
    put(canvas.buffer, area, label, style(canvas.app.theme().accent), Align::Right);
    rest
}

/// Draws the visible part of the body; returns its number of lines.
fn draw_body(
    canvas: &mut Canvas,
    area: Rect,
    layout: &ApprovalLayout,
    draft: &AnswerDraft,
    placement: ApprovalPlacement,
) -> usize {
    let height = usize::from(area.height);
    let whole = layout.body.len() <= height && layout.missing == 0;
    // The last line says that there is more; a single line says it at its end.
    let rows = if whole || height == 1 { height } else { height.saturating_sub(1) };
    let top = if draft.unfolded { draft.scroll.top.min(layout.body.len().saturating_sub(rows)) } else { 0 };
    for (row, line) in layout.body.iter().skip(top).take(rows).enumerate() {
        put_line(canvas.buffer, line_of(area, row), line);
    }
    if whole || height == 0 {
        return rows;
    }
    let left = layout.body.len().saturating_sub(top + rows);
    let full_key = placement.full_key(canvas.app);
    if height == 1 {
        let label = format!(" … +{} ({full_key})", left + layout.missing);
        let (_, place) = split_right(area, u16::try_from(text::width(&label)).unwrap_or(u16::MAX));
        Clear.render(place.intersection(canvas.buffer.area), canvas.buffer);
        put(canvas.buffer, place, &label, style(canvas.app.theme().muted), Align::Right);
        return rows;
    }
    let lines = |count: usize| if count == 1 { "1 more line".to_owned() } else { format!("{count} more lines") };
    let label = match (draft.unfolded, left, layout.missing) {
        (false, _, 0) => format!("… {} ({full_key} shows all)", lines(left)),
        (false, _, missing) => format!("… about {} ({full_key} shows all)", lines(left + missing)),
        (true, 0, 0) => "end (esc folds)".to_owned(),
        (true, 0, missing) => format!("… about {} not shown: salon approve --list prints all", lines(missing)),
        (true, left, _) => format!("… {} (pgdn)", lines(left)),
    };
    put(canvas.buffer, line_of(area, rows), &label, style(canvas.app.theme().muted), Align::Left);
    rows
}

fn draw_answers(
    canvas: &mut Canvas,
    area: Rect,
    layout: &ApprovalLayout,
    draft: &AnswerDraft,
    typed: Option<&AnswerField>,
) {
    let theme = canvas.app.theme();
    let (area, line) = match typed {
        Some(_) => split_top(area, usize::from(area.height).saturating_sub(1)),
        None => (area, Rect::default()),
    };
    let mut row = 0;
    for (at, lines) in &layout.answers {
        for line in lines {
            let place = line_of(area, row);
            canvas.target(place, Target::Answer(*at));
            if draft.at == Some(*at) {
                canvas.select(place);
            }
            put_line(canvas.buffer, place, line);
            row += 1;
        }
    }
    let Some(typed) = typed else { return };
    let label = match typed.purpose {
        FieldPurpose::Reason(_) => "Reason (optional):",
        FieldPurpose::Other => "Answer:",
    };
    let (label_area, rest) = split_left(line, u16::try_from(label.len() + 1).unwrap_or(0));
    put(canvas.buffer, label_area, label, style(theme.accent), Align::Left);
    field(canvas, rest, "", &typed.input, true);
    if typed.input.is_empty() {
        let (_, hint) = split_left(rest, 2);
        put(canvas.buffer, hint, "enter sends · esc cancels", style(theme.faint), Align::Left);
    }
}

fn split_top(area: Rect, rows: usize) -> (Rect, Rect) {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}
