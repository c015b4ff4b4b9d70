//! Screen of changes: the files at the left, the diff of the selected one at the right. On a narrow screen, the file is
//! named above its diff.

use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, ViewCache, even_cell};
use super::changes_cache::{ChangesCache, DiffShape};
use super::header::beside_badge;
use super::style::style;
use super::widgets::styled_line::StyledLine;
use super::widgets::{Align, diff, divider, field, line_of, put, put_line, split_left, split_right, wrapped};
use crate::app::changes::{ChangesContent, ChangesScreen, ReviewPreview};
use crate::app::msg::Target;
use crate::app::reader::DiffView;
use crate::app::reader::diff_view::SIDE_BY_SIDE_WIDTH;
use crate::app::scroll;
use crate::config::theme::ThemeStyle;
use crate::domain::changes::{Changes, ChangesScope, FileDiff, FileDiffStatus};
use crate::domain::remark::{RemarkState, count_label};
use crate::stdx::text;

/// Minimum width of the screen for the list of files.
const MIN_WIDTH_WITH_FILES: u16 = 100;

/// Width of the list of files.
const FILES_WIDTH: u16 = 38;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas, area: Rect, screen: &ChangesScreen, cache: &mut ViewCache) {
    draw_header(canvas, beside_badge(canvas.app, line_of(area, 0)), screen);
    let body = Rect { y: area.y + 1.min(area.height), height: area.height.saturating_sub(1), ..area };
    if let Some(review) = &screen.review {
        return draw_review(canvas, body, review);
    }
    let input = u16::from(screen.input.is_some()).min(body.height);
    let (body, input_line) =
        (Rect { height: body.height - input, ..body }, Rect { y: body.bottom() - input, height: input, ..body });
    if let Some(written) = &screen.input {
        let (_, line) = split_left(input_line, 1);
        field(canvas, line, written.label(), &written.input, true);
    }
    let ChangesContent::Loaded(changes) = &screen.content else {
        return draw_note(canvas, body, screen);
    };
    let Some((at, file)) = screen.selected() else { return draw_note(canvas, body, screen) };
    let diff_area = if area.width >= MIN_WIDTH_WITH_FILES {
        let (files, rest) = split_left(body, FILES_WIDTH);
        let (line, rest) = split_left(rest, 1);
        draw_files(canvas, files, (screen, changes), at);
        divider(canvas, line);
        rest
    } else {
        let number = format!("{} of {}  ", at + 1, changes.files.len());
        draw_file(canvas, line_of(body, 0), (file, screen.remarks_on(file).count()), (&number, true));
        Rect { y: body.y + 1.min(body.height), height: body.height.saturating_sub(1), ..body }
    };
    draw_diff(canvas, diff_area, screen, (changes, at), cache);
}

fn draw_header(canvas: &mut Canvas, area: Rect, screen: &ChangesScreen) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let title = app.sessions.catalog.get(&screen.key).map(|session| text::one_line(&session.title.text));
    let counts = screen.files().iter().map(FileDiff::counts).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let [plus, minus] = diff::counts(counts.0, counts.1);
    let files = match screen.files().len() {
        0 => String::new(),
        1 => " · 1 file".to_owned(),
        count => format!(" · {count} files"),
    };
    let mut spans = vec![
        Span::styled(" Changes ", style(theme.accent).patch(style(theme.title))),
        Span::styled(format!(" {}", scope(screen.scope)), style(theme.text)),
        Span::styled(files.clone(), style(theme.muted)),
        Span::styled(if files.is_empty() { String::new() } else { plus }, without_band(theme.added)),
        Span::styled(if files.is_empty() { String::new() } else { minus }, without_band(theme.removed)),
        Span::styled(remarks(screen), style(theme.accent)),
    ];
    let used = Line::from(spans.clone()).width();
    let room = usize::from(area.width).saturating_sub(used + 3);
    let title = text::ellipsis(&title.unwrap_or_default(), room);
    spans.push(Span::styled(format!("  {title}"), style(theme.muted)));
    put_line(canvas.buffer, area, &Line::from(spans));
}

/// Counts the remarks by state: ` · 3 remarks · 1 open`.
fn remarks(screen: &ChangesScreen) -> String {
    let drafts = screen.count(RemarkState::Draft);
    let drafts = if drafts > 0 { format!(" · {}", count_label(drafts)) } else { String::new() };
    let sent = [RemarkState::Open, RemarkState::Handled].map(|state| match screen.count(state) {
        0 => String::new(),
        count => format!(" · {count} {}", state.name()),
    });
    format!("{drafts}{}", sent.concat())
}

/// Draws the prompt that contains the remarks.
fn draw_review(canvas: &mut Canvas, area: Rect, review: &ReviewPreview) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    let (_, inner) = split_left(area, 1);
    let shown = app.secrets.text(&review.text);
    let mut lines = vec![Line::styled("The prompt that is sent", style(theme.muted)), Line::default()];
    for line in text::sanitise(&shown).lines() {
        StyledLine::plain(line, style(theme.text)).wrap_into(inner.width.into(), &[], &[], &mut lines);
    }
    for (row, line) in lines.iter().skip(review.scroll.top).take(inner.height.into()).enumerate() {
        put_line(canvas.buffer, line_of(inner, row), line);
    }
    canvas.target(area, Target::Preview);
    (canvas.feedback.overlay_rows, canvas.feedback.overlay_len) = (inner.height.into(), lines.len());
}

/// Returns the style of added or removed lines without their background.
fn without_band(paint: ThemeStyle) -> Style {
    Style { bg: None, ..style(paint) }
}

fn scope(scope: ChangesScope) -> &'static str {
    match scope {
        ChangesScope::Turn => "the last turn",
        ChangesScope::Session => "edits of the session",
        ChangesScope::WorkTree => "files of the worktree",
        ChangesScope::Base => "since the base",
    }
}

/// Draws why there is no diff.
fn draw_note(canvas: &mut Canvas, area: Rect, screen: &ChangesScreen) {
    let theme = canvas.app.theme();
    let (note, look) = match (&screen.content, screen.scope) {
        (ChangesContent::Loading, _) => ("Reading …", theme.muted),
        (ChangesContent::Failed(reason), _) => (reason.as_str(), theme.error),
        (ChangesContent::Loaded(_), ChangesScope::WorkTree | ChangesScope::Base) => ("No file differs.", theme.muted),
        (ChangesContent::Loaded(_), _) => {
            ("No edits. What commands changed is in the files of the worktree (tab).", theme.muted)
        }
    };
    let (_, inner) = split_left(area, 1);
    for (row, line) in wrapped(note, inner.width.saturating_sub(1), 0, style(look)).iter().enumerate() {
        put_line(canvas.buffer, line_of(inner, 1 + row), line);
    }
}

fn draw_files(canvas: &mut Canvas, area: Rect, (screen, changes): (&ChangesScreen, &Changes), at: usize) {
    let height = usize::from(area.height);
    let top = scroll::reveal(0, at, height, changes.files.len());
    for (row, (nth, file)) in changes.files.iter().enumerate().skip(top).take(height).enumerate() {
        let line = line_of(area, row);
        canvas.target(line, Target::Choice(nth));
        draw_file(canvas, line, (file, screen.remarks_on(file).count()), ("", nth == at));
    }
}

/// Draws the mark of a file's change, its path, the number of remarks and the counts of lines.
fn draw_file(
    canvas: &mut Canvas,
    area: Rect,
    (file, remarks): (&FileDiff, usize),
    (before, is_selected): (&str, bool),
) {
    let theme = canvas.app.theme();
    if is_selected {
        canvas.select(area);
    }
    let (added, removed) = file.counts();
    let [plus, minus] = diff::counts(added, removed);
    let counts = Line::from(vec![
        Span::styled(if remarks > 0 { format!("  »{remarks}") } else { String::new() }, style(theme.accent)),
        Span::styled(plus, without_band(theme.added)),
        Span::styled(minus, without_band(theme.removed)),
    ]);
    let (mark, look) = match file.status {
        FileDiffStatus::Added => ("A ", without_band(theme.added)),
        FileDiffStatus::Modified => ("M ", style(theme.muted)),
        FileDiffStatus::Deleted => ("D ", without_band(theme.removed)),
    };
    let width = u16::try_from(counts.width() + 1).unwrap_or(u16::MAX);
    let (left, right) = split_right(area, width);
    put_line(canvas.buffer, right, &counts);
    let room = usize::from(left.width).saturating_sub(before.len() + mark.len() + 1);
    let path = text::ellipsis_before(&text::one_line(&file.path), room);
    let spans = vec![
        Span::styled(if is_selected { "▌" } else { " " }, style(theme.accent)),
        Span::styled(before.to_owned(), style(theme.muted)),
        Span::styled(mark, look),
        Span::styled(path, style(theme.text)),
    ];
    put_line(canvas.buffer, left, &Line::from(spans));
}

fn draw_diff(
    canvas: &mut Canvas,
    area: Rect,
    screen: &ChangesScreen,
    (changes, at): (&Changes, usize),
    cache: &mut ViewCache,
) {
    let (app, theme) = (canvas.app, canvas.app.theme());
    cache.reader.begin(theme, app.secrets, true);
    let highlighter = cache.reader.highlighter();
    let side_by_side = app.diff_view == DiffView::SideBySide && app.size.0 >= SIDE_BY_SIDE_WIDTH;
    let (gutter, area) = split_left(area, 1);
    let (area, _margin) = split_right(area, 1);
    let shape = DiffShape {
        ticket: screen.ticket,
        revision: screen.revision,
        file: at,
        width: usize::from(area.width).max(1),
        side_by_side,
        generation: highlighter.generation(),
        secrets: app.secrets,
    };
    let remarks: Vec<_> = changes.files.get(at).into_iter().flat_map(|file| screen.remarks_on(file)).collect();
    cache.changes.fit(shape, (changes, &remarks), theme, highlighter);
    let ChangesCache { lines, rows, .. } = &cache.changes;
    let (height, selected) = (usize::from(area.height), screen.selected_rows());
    for (row, (nth, line)) in lines.iter().enumerate().skip(screen.scroll.top).take(height).enumerate() {
        put_line(canvas.buffer, line_of(area, row), line);
        if selected.contains(&nth) {
            put(canvas.buffer, line_of(gutter, row), "▌", style(theme.accent), Align::Left);
            select_plain(canvas, line_of(area, row));
        }
    }
    canvas.target(area, Target::Preview);
    canvas.feedback.overlay_rows = height;
    canvas.feedback.overlay_len = lines.len();
    canvas.feedback.diff_rows = rows.clone();
    canvas.feedback.needs_redraw |= cache.reader.is_waiting();
}

/// Marks the cells of a selected row as such, unless the band of an added or removed line is behind them.
fn select_plain(canvas: &mut Canvas, area: Rect) {
    let selected = style(canvas.app.theme().selected);
    for position in area.positions() {
        let cell = &mut canvas.buffer[position];
        if cell.bg == Color::Reset {
            cell.set_style(selected);
            even_cell(cell);
        }
    }
}
