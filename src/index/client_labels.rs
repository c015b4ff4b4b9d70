//! Labels of a client, which searches the sessions of this machine by its own stars, tags and notes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::SessionKey;
use crate::domain::annotation::Labels;
use crate::domain::session::Annotations;

/// Labels of a client; `None` without a client, so that those of this machine apply.
#[derive(Debug, Default)]
pub(super) struct ClientLabels {
    labels: Option<HashMap<SessionKey, Labels>>,
    /// True if labels changed that no session was sent with, so that no search sees them yet.
    pub is_unsent: bool,
}

impl ClientLabels {
    /// Replaces the labels of some sessions.
    pub(super) fn apply(&mut self, changes: Vec<(SessionKey, Labels)>) {
        let labels = self.labels.get_or_insert_default();
        for (key, changed) in changes {
            if changed == Labels::default() {
                labels.remove(&key);
            } else {
                labels.insert(key, changed);
            }
        }
    }

    /// Returns the annotations of this machine with the labels of the client.
    pub(super) fn merge(&self, own: Annotations) -> Annotations {
        let Some(labels) = &self.labels else { return own };
        let none = Labels::default();
        let label = |key: &SessionKey| labels.get(key).unwrap_or(&none);
        let mut merged: Annotations =
            own.iter().map(|(key, annotation)| (key.clone(), Arc::new(annotation.with_labels(label(key))))).collect();
        for (key, labels) in labels {
            merged
                .entry(key.clone())
                .or_insert_with(|| Arc::new(crate::domain::annotation::Annotation::default().with_labels(labels)));
        }
        merged
    }
}
