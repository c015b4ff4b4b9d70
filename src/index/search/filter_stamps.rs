//! Stamps of what n-gram filters cover: of the sources, and of the files with further texts beside them.

use super::corpus::Corpus;
use crate::agent::{FileStamp, FolderStamps, Source, format};

/// Stamps of the sources of a corpus, taken at one moment.
#[derive(Debug, Default)]
pub(super) struct FilterStamps {
    folders: FolderStamps,
}

impl FilterStamps {
    /// Returns the stamp of a source with this number and of the files beside it.
    pub(super) fn of(&mut self, corpus: &Corpus, number: usize, source: &Source) -> FileStamp {
        let mut sessions = corpus.sessions_in(number).map(|session| &*session.key.id);
        let only = sessions.next().filter(|_| sessions.next().is_none());
        self.with_session(source, only)
    }

    /// Returns the stamp of a source, which has only one session if that is named, and of the files beside it.
    pub(super) fn with_session(&mut self, source: &Source, only: Option<&str>) -> FileStamp {
        match format(source.agent).side_stamp(source, only, &mut self.folders) {
            none if none == FileStamp::default() => source.stamp,
            beside => FileStamp::combined(&[source.stamp, beside]),
        }
    }
}
