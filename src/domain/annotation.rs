//! Annotations: name, star, tags and note that the user gave a session, and the session that it continues. They belong
//! to salon, not to the agent.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Agent;
use crate::stdx::text;

/// Maximum characters of a name.
pub const MAX_NAME: usize = 200;
/// Maximum characters of a tag, because rows show several.
pub const MAX_TAG: usize = 64;
/// Maximum characters of a note.
pub const MAX_NOTE: usize = 10_000;

/// Annotation of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Name, shown instead of the title.
    pub name: Option<Arc<str>>,
    /// True if the session is starred.
    pub starred: bool,
    /// Tags, sorted, without `#`.
    pub tags: Vec<Arc<str>>,
    /// Note.
    pub note: Option<Arc<str>>,
    /// Agent and id of the session that was handed over to this one.
    pub continues: Option<(Agent, Arc<str>)>,
    /// True if salon keeps a copy of the session.
    pub kept: bool,
    /// Directory to which its project moved.
    pub directory: Option<Arc<MovedDirectory>>,
    /// Origin of the labels.
    pub source: LabelSource,
}

/// Origin of the labels of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelSource {
    /// Labels of its own; without any, those of the session from which it was forked.
    #[default]
    Unset,
    /// Labels of the session from which it was forked. Not stored.
    Origin,
    /// Labels of its own, even if there are none.
    Own,
}

/// Part of an annotation that does not depend on the machine of the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Name, shown instead of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// True if the session is starred.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starred: bool,
    /// Tags, sorted, without `#`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// Note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

impl Labels {
    /// Returns true if all of other labels are among these.
    pub fn has_all(&self, others: &Self) -> bool {
        let has = |own: &Option<Arc<str>>, other: &Option<Arc<str>>| other.is_none() || own == other;
        has(&self.name, &others.name)
            && has(&self.note, &others.note)
            && (self.starred || !others.starred)
            && others.tags.iter().all(|tag| self.tags.contains(tag))
    }
}

/// Directory to which the project of a session moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MovedDirectory {
    /// Directory in which the session is resumed.
    pub cwd: String,
    /// Workspace of that directory.
    pub workspace: String,
}

/// Change of an annotation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnotationEdit {
    /// Sets the name, or clears it.
    Name(Option<String>),
    /// Adds or removes the star.
    Star(bool),
    /// Sets the note, or clears it.
    Note(Option<String>),
    /// Adds a tag.
    AddTag(String),
    /// Removes a tag.
    RemoveTag(String),
    /// Marks the session as kept, or not.
    Keep(bool),
    /// Sets the directory to which its project moved, or clears it.
    Move(Option<MovedDirectory>),
    /// Ends the inheritance of labels.
    Detach,
}

impl AnnotationEdit {
    /// Returns true for a change of a name, a star, tags or a note, which forks inherit.
    pub fn is_label(&self) -> bool {
        match self {
            Self::Name(_) | Self::Star(_) | Self::Note(_) | Self::AddTag(_) | Self::RemoveTag(_) => true,
            Self::Keep(_) | Self::Move(_) | Self::Detach => false,
        }
    }

    /// Parses a name: one line of 1 to [`MAX_NAME`] characters. The error says what is wrong.
    pub fn name(name: &str) -> Result<Self, String> {
        let name = text::one_line(name).trim().to_owned();
        match name.chars().count() {
            0 => Err("a name needs at least one character".into()),
            1..=MAX_NAME => Ok(Self::Name(Some(name))),
            count => Err(format!("a name has at most {MAX_NAME} characters, not {count}")),
        }
    }

    /// Parses a tag, with or without `#`: letters, digits and marks without white space. The error says what is wrong.
    pub fn tag(tag: &str) -> Result<String, String> {
        let tag = tag.trim();
        let tag = tag.strip_prefix('#').unwrap_or(tag);
        let invalid = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '#' | '"');
        if tag.is_empty() {
            Err("a tag needs at least one character".into())
        } else if tag.chars().count() > MAX_TAG {
            Err(format!("a tag has at most {MAX_TAG} characters"))
        } else if tag.contains(invalid) || text::sanitise(tag) != tag {
            Err(format!("a tag cannot contain blanks, commas, quotes or #: \"{}\"", text::one_line(tag)))
        } else if !tag.starts_with(char::is_alphabetic) {
            Err(format!("a tag begins with a letter, because #{tag} is searched as a text"))
        } else {
            Ok(tag.to_owned())
        }
    }

    /// Parses a note of at most [`MAX_NOTE`] characters; a blank one clears it. The error says what is wrong.
    pub fn note(note: &str) -> Result<Self, String> {
        let note = text::sanitise(note).trim().to_owned();
        match note.chars().count() {
            0 => Ok(Self::Note(None)),
            1..=MAX_NOTE => Ok(Self::Note(Some(note))),
            count => Err(format!("a note has at most {MAX_NOTE} characters, not {count}")),
        }
    }
}

impl Annotation {
    /// Applies a change. Returns true if the annotation is different now.
    pub fn apply(&mut self, edit: &AnnotationEdit) -> bool {
        let before = self.clone();
        match edit {
            AnnotationEdit::Name(name) => self.name = name.as_deref().map(Arc::from),
            AnnotationEdit::Star(starred) => self.starred = *starred,
            AnnotationEdit::Note(note) => self.note = note.as_deref().map(Arc::from),
            AnnotationEdit::AddTag(tag) => {
                if let Err(at) = self.tags.binary_search_by(|known| (**known).cmp(tag)) {
                    self.tags.insert(at, tag.as_str().into());
                }
            }
            AnnotationEdit::RemoveTag(tag) => self.tags.retain(|known| **known != **tag),
            AnnotationEdit::Keep(kept) => self.kept = *kept,
            AnnotationEdit::Move(directory) => self.directory = directory.clone().map(Arc::new),
            AnnotationEdit::Detach => self.source = LabelSource::Own,
        }
        *self != before
    }

    /// Returns name, star, tags and note.
    pub fn labels(&self) -> Labels {
        let Self { name, starred, tags, note, .. } = self.clone();
        Labels { name, starred, tags, note }
    }

    /// Returns true if there is a label, or none on purpose.
    pub fn has_own_labels(&self) -> bool {
        self.source == LabelSource::Own || self.labels() != Labels::default()
    }

    /// Returns the annotation with other labels. Without a name among them, it keeps its own.
    #[must_use]
    pub fn with_labels(&self, labels: &Labels) -> Self {
        let Labels { name, starred, tags, note } = labels.clone();
        Self { name: name.or_else(|| self.name.clone()), starred, tags, note, ..self.clone() }
    }

    /// Returns the changes that give a fork labels of its own: those that it has inherited.
    pub fn detach(&self) -> Vec<AnnotationEdit> {
        let mut edits = vec![AnnotationEdit::Detach];
        if self.source == LabelSource::Origin {
            let Labels { name, starred, tags, note } = self.labels();
            edits.extend(name.map(|name| AnnotationEdit::Name(Some(name.to_string()))));
            edits.extend(starred.then_some(AnnotationEdit::Star(true)));
            edits.extend(tags.iter().map(|tag| AnnotationEdit::AddTag(tag.to_string())));
            edits.extend(note.map(|note| AnnotationEdit::Note(Some(note.to_string()))));
        }
        edits
    }

    /// Returns true if nothing is annotated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
