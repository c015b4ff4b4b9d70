//! Form for the name or the tags of sessions.

mod keys;

use super::ctx::Ctx;
use super::effect::Effect;
use super::line_editor::LineEditor;
use super::sessions::Sessions;
use crate::domain::annotation::{Annotation, AnnotationEdit};
use crate::domain::{Agent, SessionKey};

/// Part of an annotation that a form edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationField {
    /// Name of one session.
    Name,
    /// Tags of any number of sessions.
    Tags,
}

/// The form.
#[derive(Clone, Debug)]
pub struct AnnotationForm {
    /// Field that is edited.
    pub field: AnnotationField,
    /// Sessions that are annotated.
    pub keys: Vec<SessionKey>,
    /// The text.
    pub input: LineEditor,
    /// Agent that can be told the name, too.
    pub renamable: Option<Agent>,
    /// Error of the last attempt to save.
    pub error: Option<String>,
    /// Tags at the start; the form shows all tags of one session, and none of several, or if they are too many for a line.
    before: Vec<String>,
    /// True if the form shows no tags, so that one that it does not name stays.
    pub adds: bool,
}

impl AnnotationForm {
    /// Creates a form that shows the current text.
    pub fn new(field: AnnotationField, keys: Vec<SessionKey>, sessions: &Sessions) -> Self {
        let catalog = &sessions.catalog;
        let only = if let [key] = keys.as_slice() { catalog.get(key) } else { None };
        let annotation = only.and_then(|session| session.annotation()).cloned().unwrap_or_default();
        let tags: Vec<_> = annotation.tags.iter().map(ToString::to_string).collect();
        let adds = only.is_none() || !LineEditor::default().fits(&tags.join(" "));
        let before = if adds { Vec::new() } else { tags };
        let text = match field {
            AnnotationField::Name => only.map(|session| session.title.text.to_string()).unwrap_or_default(),
            AnnotationField::Tags => before.join(" "),
        };
        let renamable = only.map(|session| session.key.agent).filter(|agent| sessions.renames(*agent));
        let renamable = renamable.filter(|_| field == AnnotationField::Name);
        Self { field, keys, input: LineEditor::from(text.as_str()), renamable, error: None, before, adds }
    }

    /// Returns the changes that the text requests.
    fn edits(&self) -> Result<Vec<AnnotationEdit>, String> {
        match self.field {
            AnnotationField::Name if self.input.text().trim().is_empty() => Ok(vec![AnnotationEdit::Name(None)]),
            AnnotationField::Name => AnnotationEdit::name(self.input.text()).map(|edit| vec![edit]),
            AnnotationField::Tags => self.tag_edits(),
        }
    }

    /// Returns the difference to the tags at the start. `-tag` removes a tag that the form does not show.
    fn tag_edits(&self) -> Result<Vec<AnnotationEdit>, String> {
        let mut wanted = Vec::new();
        let mut edits = Vec::new();
        for word in self.input.text().split([' ', ',']).filter(|word| !word.is_empty()) {
            match word.strip_prefix('-') {
                Some(tag) => edits.push(AnnotationEdit::RemoveTag(AnnotationEdit::tag(tag)?)),
                None => wanted.push(AnnotationEdit::tag(word)?),
            }
        }
        let gone = self.before.iter().filter(|tag| !wanted.contains(tag)).cloned();
        edits.extend(gone.map(AnnotationEdit::RemoveTag));
        edits.extend(wanted.into_iter().filter(|tag| !self.before.contains(tag)).map(AnnotationEdit::AddTag));
        Ok(edits)
    }
}

/// Changes the annotations of sessions, on the screen at once and in `state.db` soon after.
pub fn annotate(keys: &[SessionKey], edit: &AnnotationEdit, ctx: &mut Ctx) {
    for key in keys {
        let edits = ctx.sessions.catalog.get(key).map(|session| session.edits(edit)).unwrap_or_default();
        // The last one is the change itself, which concerns all.
        for first in edits.iter().rev().skip(1).rev() {
            ctx.effects.push(Effect::Annotate { keys: vec![key.clone()], edit: first.clone() });
        }
        for edit in &edits {
            ctx.sessions.catalog.annotate(key, edit);
        }
    }
    ctx.effects.push(Effect::Annotate { keys: keys.to_vec(), edit: edit.clone() });
}

/// Stars sessions, or removes the stars if all are starred.
pub fn toggle_star(keys: &[SessionKey], ctx: &mut Ctx) {
    let starred = |key: &SessionKey| ctx.sessions.catalog.get(key).is_some_and(|session| session.is_starred());
    let all = keys.iter().all(starred);
    annotate(keys, &AnnotationEdit::Star(!all), ctx);
    let verb = if all { "Star removed" } else { "Starred" };
    match keys.len() {
        1 => ctx.notices.info(verb),
        count => ctx.notices.info(format!("{verb}: {count} sessions")),
    }
}

/// Returns the star, the mark of a kept session and the tags of an annotation, as they are shown beside a title.
pub fn marks(annotation: &Annotation) -> Vec<String> {
    let star = annotation.starred.then(|| "★".to_owned());
    let kept = annotation.kept.then(|| "kept".to_owned());
    star.into_iter().chain(kept).chain(annotation.tags.iter().map(|tag| format!("#{tag}"))).collect()
}
