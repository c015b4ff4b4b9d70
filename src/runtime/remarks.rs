//! Remarks on the changes of sessions, with their places in the files as they are now. Blocks: not for the event loop.
#![expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::shell::Shell;
use super::task_message::TaskMessage;
use crate::app::Msg;
use crate::domain::remark::{PlacedRemark, Remark, RemarkEdit};
use crate::domain::{SessionKey, Time};
use crate::stdx::files::{self, SizeLimit};
use crate::store::{self, Store, remarks};

/// Maximum size of a file in which a remark is located, because all its lines are compared.
const MAX_FILE: SizeLimit = SizeLimit(4 << 20);

impl Shell {
    /// Changes the remarks of a session, and sends all of them.
    pub(super) fn edit_remarks(&self, key: SessionKey, edit: RemarkEdit) {
        let (store, messages, now) = (self.runner.store.clone(), self.runner.messages.clone(), self.clock.now());
        tokio::task::spawn_blocking(move || {
            let result = match store {
                Some(store) => apply(&store, &key, edit, now),
                None => Err("Remarks need state.db, which cannot be used; see salon doctor".to_owned()),
            };
            // An error means that salon is shutting down.
            drop(messages.send(TaskMessage::Msg(Box::new(Msg::Remarks(key, result)))));
        });
    }
}

/// Returns the remarks of a session, oldest first.
pub fn of_session(store: &Store, key: &SessionKey) -> Result<Vec<PlacedRemark>, String> {
    let found = store.with(|db| remarks::of_session(db, key)).map_err(|error| store::describe_error(&error))?;
    Ok(found.into_iter().map(place).collect())
}

/// Changes the remarks of a session, and returns all of them.
pub fn apply(store: &Store, key: &SessionKey, edit: RemarkEdit, now: Time) -> Result<Vec<PlacedRemark>, String> {
    let changed = match edit {
        RemarkEdit::Add(remark) => {
            let digest = digest_of(Path::new(&remark.path));
            store.with(|db| remarks::insert(db, &Remark { digest, created: now, ..remark }))
        }
        RemarkEdit::SetText(id, text) => store.with(|db| remarks::set_text(db, id, &text)),
        RemarkEdit::Remove(id) => store.with(|db| remarks::remove(db, id)),
        RemarkEdit::Sent(ids) => store.with(|db| {
            let known = remarks::of_session(db, key)?.into_iter().filter(|remark| ids.contains(&remark.id));
            let sent: Vec<_> = known.map(|remark| (remark.id, digest_of(Path::new(&remark.path)))).collect();
            remarks::set_sent(db, &sent, now)
        }),
    };
    changed.map_err(|error| store::describe_error(&error))?;
    of_session(store, key)
}

fn place(remark: Remark) -> PlacedRemark {
    match files::read_text(Path::new(&remark.path), MAX_FILE) {
        Ok(content) => {
            let digest = digest(&content);
            remark.place(Some(&content), &digest)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => remark.place(None, ""),
        // The state of a file that cannot be read is unknown.
        Err(_) => PlacedRemark { line: remark.snippet.start, is_changed: false, remark },
    }
}

fn digest_of(path: &Path) -> String {
    files::read_text(path, MAX_FILE).map(|content| digest(&content)).unwrap_or_default()
}

fn digest(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
