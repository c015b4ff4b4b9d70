//! Labels of a source's sessions, which are kept here: the source searches by them.

use std::collections::HashMap;

use super::RemoteOptions;
use crate::domain::SessionKey;
use crate::domain::annotation::Labels;
use crate::serve::index_message::IndexCall;

/// Labels that a connection has sent.
#[derive(Debug, Default)]
pub(super) struct SentLabels {
    sent: HashMap<SessionKey, Labels>,
}

impl SentLabels {
    /// Returns the call that sends what changed since the last one. The first call of a connection is necessary even
    /// without labels: by it, those of the machine itself no longer count.
    pub(super) fn changes(&mut self, host: &str, options: &RemoteOptions) -> IndexCall {
        // While they cannot be read, those that were sent stay.
        let Some(annotations) = (options.annotations)() else { return IndexCall::Label { labels: Vec::new() } };
        let current = annotations.iter().filter(|(key, _)| key.host.as_deref() == Some(host));
        let current: HashMap<_, _> = current.map(|(key, annotation)| (key.clone(), annotation.labels())).collect();
        let gone = self.sent.keys().filter(|key| !current.contains_key(*key));
        let mut labels: Vec<_> = gone.map(|key| (key.clone(), Labels::default())).collect();
        let is_new = |(key, labels): &(&SessionKey, &Labels)| self.sent.get(*key) != Some(*labels);
        labels.extend(current.iter().filter(is_new).map(|(key, labels)| (key.clone(), labels.clone())));
        self.sent = current;
        IndexCall::Label { labels }
    }
}
