//! Pending writes of choices, drafts and annotations, which are saved together. Losing them is harmless, unlike the
//! outbox.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result};

use super::{annotations, outbox, preferences, write};
use crate::domain::SessionKey;
use crate::domain::annotation::AnnotationEdit;

/// Maximum pending names per kind, so that a database that is locked for hours does not exhaust memory.
const MAX_NAMES: usize = 1024;
/// Maximum pending changes of annotations, because a bulk change may concern every session.
const MAX_ANNOTATIONS: usize = 200_000;

/// Choices and drafts to save, with the newest value of each name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingWrites {
    choices: BTreeMap<String, String>,
    drafts: BTreeMap<String, String>,
    /// Changes of annotations, oldest first.
    annotations: Vec<(SessionKey, AnnotationEdit)>,
}

impl PendingWrites {
    /// Adds a choice. Returns false if too many are pending.
    #[must_use]
    pub fn put_choice(&mut self, name: String, value: String) -> bool {
        put(&mut self.choices, name, value)
    }

    /// Adds a draft; an empty one deletes the saved draft. Returns false if too many are pending.
    #[must_use]
    pub fn put_draft(&mut self, key: String, text: String) -> bool {
        put(&mut self.drafts, key, text)
    }

    /// Adds a change of an annotation. Returns false if too many are pending.
    #[must_use]
    pub fn put_annotation(&mut self, key: SessionKey, edit: AnnotationEdit) -> bool {
        let accepted = self.annotations.len() < MAX_ANNOTATIONS;
        if accepted {
            self.annotations.push((key, edit));
        }
        accepted
    }

    /// Returns true if changes of annotations are pending.
    pub fn has_annotations(&self) -> bool {
        !self.annotations.is_empty()
    }

    /// Returns a pending draft.
    pub fn draft(&self, key: &str) -> Option<&str> {
        self.drafts.get(key).map(String::as_str)
    }

    /// Returns the number of pending values.
    pub fn len(&self) -> usize {
        self.choices.len() + self.drafts.len() + self.annotations.len()
    }

    /// Returns true if nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds older writes, which do not replace newer values.
    pub fn add_older(&mut self, mut older: Self) {
        older.annotations.append(&mut self.annotations);
        self.annotations = older.annotations;
        for (name, value) in older.choices {
            self.choices.entry(name).or_insert(value);
        }
        for (key, text) in older.drafts {
            self.drafts.entry(key).or_insert(text);
        }
    }

    /// Saves everything in one transaction. After an error nothing is saved.
    pub fn save(&self, db: &mut Connection) -> Result<()> {
        write(db, |db| {
            self.choices.iter().try_for_each(|(name, value)| preferences::put(db, name, value))?;
            self.drafts.iter().try_for_each(|(key, text)| outbox::put_draft(db, key, text))?;
            self.annotations.iter().try_for_each(|(key, edit)| annotations::put(db, key, edit))
        })
    }
}

fn put(values: &mut BTreeMap<String, String>, name: String, value: String) -> bool {
    let accepted = values.len() < MAX_NAMES || values.contains_key(&name);
    if accepted {
        values.insert(name, value);
    }
    accepted
}
