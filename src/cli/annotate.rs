//! `salon rename`, `star`, `tag` and `note`: annotations of sessions. Nothing is written to an agent's files, except a
//! name that the user asks to write back.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::collections::HashMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::annotation_args::{ChangeOutputArgs, NoteArgs, RenameArgs, StarArgs, TagArgs};
use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::selection::{self, Selection};
use super::{output, query, state};
use crate::domain::annotation::{Annotation, AnnotationEdit};
use crate::domain::{Session, SessionKey};
use crate::runtime::rename;
use crate::stdx::text::one_line;
use crate::store::annotations;

/// Sets or clears a name.
pub(super) fn rename(context: &CliContext, args: &RenameArgs) -> Result<ExitCode, CliError> {
    let (selection, name) = selection_and_rest(args.query.as_deref(), &args.words);
    no_rest_to_clear(args.clear, name)?;
    let edit = if args.clear { AnnotationEdit::Name(None) } else { usage(AnnotationEdit::name(&name.join(" ")))? };
    // Once: a query may not match the new name.
    let sessions = selection::sessions(context, &selection)?;
    let refusals = match &edit {
        AnnotationEdit::Name(Some(title)) if args.write_back && !args.output.dry_run => {
            write_back(context, &sessions, title)
        }
        _ => Refusals::new(),
    };
    if let (Selection::Ids(_), [_], Some(reason)) = (&selection, sessions.as_slice(), refusals.values().next()) {
        return Err(CliError::new(CliErrorCode::Failed, reason.clone()));
    }
    apply(context, &sessions, &[edit], args.output, &refusals)
}

/// Reasons for which sessions were not changed.
type Refusals = HashMap<SessionKey, String>;

/// Renames sessions in their agents' own files. A failure does not stop the others.
fn write_back(context: &CliContext, sessions: &[Arc<Session>], title: &str) -> Refusals {
    let renamed = |session: &Arc<Session>| {
        let reason = rename::write_back(session, title, &context.environment).err()?;
        Some((session.key.clone(), format!("not renamed in {}: {reason}", session.key.agent.label())))
    };
    sessions.iter().filter_map(renamed).collect()
}

/// Adds or removes stars.
pub(super) fn star(context: &CliContext, args: &StarArgs) -> Result<ExitCode, CliError> {
    let selection = match &args.query {
        Some(query) => Selection::Query(query.clone()),
        None => Selection::Ids(args.ids.clone()),
    };
    apply(
        context,
        &selection::sessions(context, &selection)?,
        &[AnnotationEdit::Star(!args.remove)],
        args.output,
        &Refusals::new(),
    )
}

/// Adds and removes tags.
pub(super) fn tag(context: &CliContext, args: &TagArgs) -> Result<ExitCode, CliError> {
    let (selection, added) = selection_and_rest(args.query.as_deref(), &args.words);
    let mut edits = Vec::new();
    for tag in added {
        edits.push(AnnotationEdit::AddTag(usage(AnnotationEdit::tag(tag))?));
    }
    for tag in &args.remove {
        edits.push(AnnotationEdit::RemoveTag(usage(AnnotationEdit::tag(tag))?));
    }
    apply(context, &selection::sessions(context, &selection)?, &edits, args.output, &Refusals::new())
}

/// Sets or clears a note.
pub(super) fn note(context: &CliContext, args: &NoteArgs) -> Result<ExitCode, CliError> {
    let (selection, words) = selection_and_rest(args.query.as_deref(), &args.words);
    no_rest_to_clear(args.clear, words)?;
    if words.is_empty() && !args.clear {
        return Err(CliError::new(CliErrorCode::Usage, "no text; pass TEXT, `-` to read it from stdin, or --clear"));
    }
    let text = if args.clear { None } else { query::from_args(words)? };
    let edit = usage(AnnotationEdit::note(&text.unwrap_or_default()))?;
    apply(context, &selection::sessions(context, &selection)?, &[edit], args.output, &Refusals::new())
}

/// Splits the words of a command: without a query, the first one is the ID of the session.
fn selection_and_rest<'a>(query: Option<&str>, words: &'a [String]) -> (Selection, &'a [String]) {
    match (query, words.split_first()) {
        (Some(query), _) => (Selection::Query(query.to_owned()), words),
        (None, Some((id, rest))) => (Selection::Id(id.clone()), rest),
        (None, None) => (Selection::Ids(Vec::new()), words),
    }
}

fn no_rest_to_clear(clear: bool, rest: &[String]) -> Result<(), CliError> {
    match rest.first().filter(|_| clear) {
        Some(word) => Err(CliError::new(CliErrorCode::Usage, format!("unexpected argument '{word}' with --clear"))),
        None => Ok(()),
    }
}

fn usage<T>(parsed: Result<T, String>) -> Result<T, CliError> {
    parsed.map_err(|reason| CliError::new(CliErrorCode::Usage, reason))
}

/// Applies changes to sessions, except to refused ones, and prints the result.
fn apply(
    context: &CliContext,
    sessions: &[Arc<Session>],
    edits: &[AnnotationEdit],
    output: ChangeOutputArgs,
    refusals: &Refusals,
) -> Result<ExitCode, CliError> {
    let change = |session: &Arc<Session>| match refusals.get(&session.key) {
        Some(reason) => Change { reason: Some(reason.clone()), ..Change::new(session, &[]) },
        None => Change::new(session, edits),
    };
    let changed: Vec<_> = sessions.iter().map(change).collect();
    if !output.dry_run && changed.iter().any(|change| change.changed) {
        let of =
            |change: &Change| change.edits.iter().map(|edit| (change.key.clone(), edit.clone())).collect::<Vec<_>>();
        let all: Vec<_> = changed.iter().filter(|change| change.changed).flat_map(of).collect();
        let store = state::open(context)?;
        store.with(|db| annotations::edit(db, &all)).map_err(|error| state::db_error(&error))?;
    }
    print(&changed, output)?;
    Ok(if refusals.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Annotation of a session after a change.
struct Change {
    key: SessionKey,
    title: Arc<str>,
    annotation: Annotation,
    changed: bool,
    /// All changes, with those that precede the requested ones.
    edits: Vec<AnnotationEdit>,
    /// Reason for which it was refused.
    reason: Option<String>,
}

impl Change {
    fn new(session: &Session, edits: &[AnnotationEdit]) -> Self {
        let mut annotation = session.annotation().cloned().unwrap_or_default();
        let preceding = edits.first().map(|edit| session.edits(edit)).unwrap_or_default();
        // The first requested change is the last one of them.
        let preceding = &preceding[..preceding.len().saturating_sub(1)];
        for edit in preceding {
            annotation.apply(edit);
        }
        let mut changed = false;
        edits.iter().for_each(|edit| changed |= annotation.apply(edit));
        let edits = preceding.iter().chain(edits).cloned().collect();
        let mut session = session.clone();
        session.annotate(Arc::new(annotation.clone()));
        Self { key: session.key, title: session.title.text, annotation, changed, edits, reason: None }
    }
}

#[derive(Serialize)]
struct Changes<'a> {
    schema_version: u32,
    dry_run: bool,
    /// Number of sessions whose annotation differs.
    changed: usize,
    sessions: Vec<ChangeJson<'a>>,
}

/// JSON shape of a session after a change.
#[derive(Serialize)]
struct ChangeJson<'a> {
    id: &'a str,
    agent: &'static str,
    title: &'a str,
    name: Option<&'a str>,
    starred: bool,
    tags: &'a [Arc<str>],
    note: Option<&'a str>,
    changed: bool,
    /// Reason for which the session was refused, else `null`.
    reason: Option<&'a str>,
}

fn print(changes: &[Change], options: ChangeOutputArgs) -> io::Result<()> {
    let mut out = output::stdout();
    if options.json {
        let sessions = changes.iter().map(|change| ChangeJson {
            id: &change.key.id,
            agent: change.key.agent.name(),
            title: &change.title,
            name: change.annotation.name.as_deref(),
            starred: change.annotation.starred,
            tags: &change.annotation.tags,
            note: change.annotation.note.as_deref(),
            changed: change.changed,
            reason: change.reason.as_deref(),
        });
        let changed = changes.iter().filter(|change| change.changed).count();
        let all =
            Changes { schema_version: SCHEMA_VERSION, dry_run: options.dry_run, changed, sessions: sessions.collect() };
        return output::json(&mut out, &all);
    }
    for change in changes {
        output::row(&mut out, &line(change, options.dry_run))?;
    }
    out.flush()?;
    for change in changes {
        if let Some(reason) = &change.reason {
            output::note(&format!("{}: {reason}", change.key))?;
        }
    }
    Ok(())
}

/// Returns the id, the outcome, the star and tags, and the title, separated by tabs.
fn line(change: &Change, dry_run: bool) -> String {
    let outcome = match (change.changed, dry_run) {
        _ if change.reason.is_some() => "refused",
        (false, _) => "unchanged",
        (true, false) => "changed",
        (true, true) => "would change",
    };
    let star = change.annotation.starred.then(|| "★".to_owned());
    let tags = change.annotation.tags.iter().map(|tag| format!("#{tag}"));
    let marks: Vec<_> = star.into_iter().chain(tags).collect();
    format!("{}\t{outcome}\t{}\t{}", one_line(&change.key.to_string()), marks.join(" "), one_line(&change.title))
}
