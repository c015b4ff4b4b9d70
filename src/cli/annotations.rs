//! `salon annotations`: names, stars, tags and notes of all sessions as one JSON object, out and in.
#![expect(clippy::disallowed_methods, reason = "a command has no event loop to delay")]

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::annotations_args::{AnnotationsAction, AnnotationsArgs, ImportArgs};
use super::context::CliContext;
use super::error::{CliError, CliErrorCode};
use super::json::SCHEMA_VERSION;
use super::{output, state};
use crate::domain::annotation::{Annotation, AnnotationEdit, LabelSource, MovedDirectory};
use crate::domain::{Agent, SessionKey};
use crate::stdx::files::{self, SizeLimit};
use crate::store::annotations;

/// Exported file.
#[derive(Serialize, Deserialize)]
struct Exported {
    schema_version: u32,
    annotations: Vec<ExportedAnnotation>,
}

/// JSON shape of a session's annotation.
#[derive(Serialize, Deserialize)]
struct ExportedAnnotation {
    agent: String,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    starred: bool,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directory: Option<MovedDirectory>,
    /// True for a fork to which the labels of its origin do not apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    detached: bool,
}

#[derive(Serialize)]
struct Imported {
    schema_version: u32,
    dry_run: bool,
    /// Number of sessions whose annotation differs.
    changed: usize,
    unchanged: usize,
    /// Entries that cannot be used, with the reasons.
    refused: Vec<String>,
}

/// Exports or imports all annotations.
pub(super) fn run(context: &CliContext, args: &AnnotationsArgs) -> Result<ExitCode, CliError> {
    match &args.action {
        AnnotationsAction::Export(_) => export(context),
        AnnotationsAction::Import(args) => import(context, args),
    }
}

fn export(context: &CliContext) -> Result<ExitCode, CliError> {
    let known =
        state::open_to_read(context)?.with(|db| annotations::load(db)).map_err(|error| state::db_error(&error))?;
    let mut all: Vec<_> = known.iter().filter(|(_, annotation)| !is_only_kept(annotation)).collect();
    all.sort_by_key(|(key, _)| (*key).clone());
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    let exported = all.into_iter().map(|(key, annotation)| ExportedAnnotation {
        agent: key.agent.name().to_owned(),
        id: key.id.to_string(),
        name: text(&annotation.name),
        starred: annotation.starred,
        tags: annotation.tags.iter().map(ToString::to_string).collect(),
        note: text(&annotation.note),
        directory: annotation.directory.as_deref().cloned(),
        detached: annotation.source == LabelSource::Own,
    });
    let shape = Exported { schema_version: SCHEMA_VERSION, annotations: exported.collect() };
    output::json(&mut output::stdout(), &shape)?;
    Ok(ExitCode::SUCCESS)
}

/// Returns true if nothing is annotated but that this machine has a copy.
fn is_only_kept(annotation: &Annotation) -> bool {
    Annotation { kept: false, continues: None, ..annotation.clone() }.is_empty()
}

fn import(context: &CliContext, args: &ImportArgs) -> Result<ExitCode, CliError> {
    let exported: Exported = serde_json::from_slice(&read(&args.file)?).map_err(|error| {
        CliError::new(CliErrorCode::Failed, format!("{} is not an export: {error}", args.file.display()))
    })?;
    let store = if args.output.dry_run { state::open_to_read(context)? } else { state::open(context)? };
    let known = store.with(|db| annotations::load(db)).map_err(|error| state::db_error(&error))?;
    let (mut edits, mut refused, mut changed, mut unchanged) = (Vec::new(), Vec::new(), 0, 0);
    for entry in &exported.annotations {
        match edits_of(entry) {
            Ok((key, new)) => {
                let mut annotation = known.get(&key).map(|known| (**known).clone()).unwrap_or_default();
                let mut differs = false;
                new.iter().for_each(|edit| differs |= annotation.apply(edit));
                *(if differs { &mut changed } else { &mut unchanged }) += 1;
                edits.extend(new.into_iter().filter(|_| differs).map(|edit| (key.clone(), edit)));
            }
            Err(reason) => refused.push(format!("{}:{}: {reason}", entry.agent, entry.id)),
        }
    }
    let dry_run = args.output.dry_run;
    if !dry_run && !edits.is_empty() {
        store.with(|db| annotations::edit(db, &edits)).map_err(|error| state::db_error(&error))?;
    }
    let failed = !refused.is_empty();
    print(&Imported { schema_version: SCHEMA_VERSION, dry_run, changed, unchanged, refused }, args.output.json)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    if file != Path::new("-") {
        let read = files::read(file, SizeLimit::TABLE);
        return read.map_err(|error| CliError::new(CliErrorCode::Failed, format!("{}: {error}", file.display())));
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(SizeLimit::TABLE.0).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the changes of an entry. They add to what is annotated here; the error is the reason why it cannot be used.
fn edits_of(entry: &ExportedAnnotation) -> Result<(SessionKey, Vec<AnnotationEdit>), String> {
    let agent = Agent::from_name(&entry.agent).ok_or("an unknown agent")?;
    let mut edits = Vec::new();
    if let Some(name) = &entry.name {
        edits.push(AnnotationEdit::name(name)?);
    }
    if entry.starred {
        edits.push(AnnotationEdit::Star(true));
    }
    for tag in &entry.tags {
        edits.push(AnnotationEdit::AddTag(AnnotationEdit::tag(tag)?));
    }
    if let Some(note) = &entry.note {
        edits.push(AnnotationEdit::note(note)?);
    }
    edits.extend(entry.detached.then_some(AnnotationEdit::Detach));
    edits.extend(entry.directory.clone().map(|directory| AnnotationEdit::Move(Some(directory))));
    Ok((SessionKey::new(agent, entry.id.as_str()), edits))
}

fn print(imported: &Imported, json: bool) -> io::Result<()> {
    let mut out = output::stdout();
    if json {
        return output::json(&mut out, imported);
    }
    let verb = if imported.dry_run { "would change" } else { "changed" };
    writeln!(out, "{verb}: {} · unchanged: {}", imported.changed, imported.unchanged)?;
    for reason in &imported.refused {
        output::note(reason)?;
    }
    out.flush()
}
