//! Keeping of sessions that their agent deletes: copies of their files in salon's archive. Blocks: not for the event
//! loop.
//!
//! A copy is a hard link where the agent only appends and the file system has links, so that it takes no space and grows
//! with its original. An agent that deletes a transcript removes only its own link; one that rewrites a file in place
//! would change the link too. Nothing in the agent's directories is changed, except that a resume brings a deleted
//! transcript back.
#![expect(clippy::disallowed_methods, reason = "called from commands and blocking tasks")]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::agent::{self, Environment, SourceRoot, archive};
use crate::config::paths::create_private_dir;
use crate::domain::annotation::AnnotationEdit;
use crate::domain::{Session, SessionKey};
use crate::index;
use crate::stdx::files;
use crate::store::{self, Store, annotations};

/// Maximum depth of a session's own folder, because a link may lead back.
const MAX_DEPTH: usize = 8;

/// Archive with the roots whose sessions it keeps.
#[derive(Clone, Debug)]
pub struct Archive {
    directory: PathBuf,
    roots: Vec<SourceRoot>,
}

impl Archive {
    /// Creates the archive in a directory, which need not exist.
    pub fn new(directory: PathBuf, environment: &Environment) -> Self {
        let roots = agent::FORMATS.iter().flat_map(|format| format.roots(environment)).collect();
        Self { directory, roots }
    }

    /// Keeps a session. The error is the reason why it is not kept.
    pub fn keep(&self, store: &Store, session: &Session, all: &[Arc<Session>]) -> Result<(), String> {
        let format = agent::format(session.key.agent);
        let files = self.files(session, all)?.into_iter().chain(format.shared_files(session));
        let mut writer = ArchiveWriter { links: format.only_appends(session), created: Vec::new() };
        let kept = files.into_iter().try_for_each(|file| {
            let copy = self.copy_of(session, &file)?;
            writer.add(&file, &copy, MAX_DEPTH).map_err(|error| format!("{}: {error}", file.display()))
        });
        let marked = || if session.is_kept() { Ok(()) } else { mark(store, &session.key, true) };
        kept.and_then(|()| marked()).inspect_err(|_| writer.undo())
    }

    /// Removes a session from the archive, unless its agent has deleted the original.
    pub fn release(&self, store: &Store, session: &Session, all: &[Arc<Session>]) -> Result<(), String> {
        let files = self.files(session, all)?;
        mark(store, &session.key, false)?;
        for file in files {
            remove(&self.copy_of(session, &file)?)?;
        }
        Ok(())
    }

    /// Adds the copies of files in the archive.
    pub fn with_copies(&self, session: &Session, mut files: Vec<PathBuf>) -> Vec<PathBuf> {
        let copies = files.iter().filter_map(|file| self.copy_of(session, file).ok());
        let copies: Vec<_> = copies.filter(|copy| fs::symlink_metadata(copy).is_ok()).collect();
        files.extend(copies);
        files
    }

    /// Returns the reason why a session cannot be kept, if there is one.
    pub fn refusal(&self, session: &Session) -> Option<String> {
        self.files(session, &[]).err()
    }

    /// Returns the files of a session and its sub-agents.
    fn files(&self, session: &Session, all: &[Arc<Session>]) -> Result<Vec<PathBuf>, String> {
        if self.is_archived(&session.path) {
            return Err(format!("{} deleted the original; only the archive has it", session.key.agent.label()));
        }
        let files = index::files_to_keep(session, all)?;
        files.ok_or_else(|| format!("{} keeps it in a database, which it does not purge", session.key.agent.label()))
    }

    /// Returns true for a path in the archive.
    pub fn is_archived(&self, path: &Path) -> bool {
        path.starts_with(&self.directory)
    }

    fn copy_of(&self, session: &Session, file: &Path) -> Result<PathBuf, String> {
        let below = |root: &&SourceRoot| {
            root.agent == session.key.agent && root.origin.is_none() && file.starts_with(&root.path)
        };
        let root = self.roots.iter().filter(below).max_by_key(|root| root.path.as_os_str().len());
        let found = root.and_then(|root| {
            let copy = agent::archive_directory(&self.directory, root.agent, &root.path);
            Some(copy.join(file.strip_prefix(&root.path).ok()?))
        });
        found.ok_or_else(|| format!("{} is in no directory of {}", file.display(), session.key.agent.label()))
    }

    /// Brings the files of a session back that its agent deleted. Returns a message if there were any. A file that is in
    /// the way is never replaced.
    pub fn restore(&self, session: &Session) -> io::Result<Option<String>> {
        let is_copy = |root: &&SourceRoot| root.origin.is_some() && session.path.starts_with(&root.path);
        let Some(root) = self.roots.iter().find(is_copy) else { return Ok(None) };
        let format = agent::format(session.key.agent);
        let files = format.own_files(session).unwrap_or_default();
        for file in files.into_iter().chain(format.shared_files(session)) {
            if let Some(original) = archive::original(root, &file) {
                restore_tree(&file, &original, MAX_DEPTH)?;
            }
        }
        let label = session.key.agent.label();
        Ok(Some(format!("{label} had deleted this session; salon restored it from its archive.")))
    }
}

/// Saves the mark of a kept session.
fn mark(store: &Store, key: &SessionKey, kept: bool) -> Result<(), String> {
    let edit = [(key.clone(), AnnotationEdit::Keep(kept))];
    store.with(|db| annotations::edit(db, &edit)).map_err(|error| store::describe_error(&error))
}

/// Writer of copies into the archive, which can remove what it created.
struct ArchiveWriter {
    /// True to link files rather than copy them.
    links: bool,
    /// Files and directories that were not there before, in the order of their creation.
    created: Vec<PathBuf>,
}

impl ArchiveWriter {
    /// Adds a file, or the files of a directory, at a path in the archive. Links of the agent itself are left out.
    fn add(&mut self, from: &Path, to: &Path, depth: usize) -> io::Result<()> {
        let metadata = fs::symlink_metadata(from)?;
        if metadata.is_dir() && depth > 0 {
            self.create_dir(to)?;
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                self.add(&from.join(&name), &to.join(&name), depth - 1)?;
            }
        } else if metadata.is_file() {
            if let Some(parent) = to.parent() {
                self.create_dir(parent)?;
            }
            self.add_file(from, &metadata, to)?;
        }
        Ok(())
    }

    /// Adds a file over an older copy. A copy that is larger stays, because its original may have lost content.
    fn add_file(&mut self, from: &Path, metadata: &fs::Metadata, to: &Path) -> io::Result<()> {
        let older = fs::symlink_metadata(to).ok();
        if let Some(copy) = &older {
            let is_link = copy.ino() == metadata.ino() && copy.dev() == metadata.dev();
            let is_current = copy.len() == metadata.len() && copy.modified()? == metadata.modified()?;
            let is_done = if is_link { self.links } else { is_current && !self.links };
            if is_done || copy.len() > metadata.len() {
                return Ok(());
            }
        }
        let part = partial(to);
        remove_file(&part)?;
        let linked = self.links && fs::hard_link(from, &part).is_ok();
        let copied = if linked { Ok(()) } else { copy_file(from, &part, metadata.modified()?) };
        copied.and_then(|()| fs::rename(&part, to)).inspect_err(|_| drop(remove_file(&part)))?;
        if older.is_none() {
            self.created.push(to.to_owned());
        }
        Ok(())
    }

    fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let missing: Vec<_> = path.ancestors().take_while(|above| !above.exists()).map(Path::to_owned).collect();
        self.created.extend(missing.into_iter().rev());
        create_private_dir(path)
    }

    /// Removes what was created. A directory that another process uses by now stays.
    fn undo(&self) {
        for path in self.created.iter().rev() {
            let removed = if path.is_dir() { fs::remove_dir(path) } else { remove_file(path) };
            if let Err(error) = removed {
                tracing::debug!(%error, path = %path.display(), "a part of the archive stays");
            }
        }
    }
}

fn copy_file(from: &Path, to: &Path, modified: SystemTime) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut files::open(from)?, &mut out)?;
    out.set_modified(modified)?;
    out.sync_all()
}

/// Brings a file or directory back where nothing is. Its time is the present, so that the agent does not delete it again
/// when it starts.
fn restore_tree(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_dir() && depth > 0 {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            restore_tree(&from.join(&name), &to.join(&name), depth - 1)?;
        }
    } else if metadata.is_file() && fs::symlink_metadata(to).is_err() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        let part = partial(to);
        remove_file(&part)?;
        copy_file(from, &part, SystemTime::now()).inspect_err(|_| drop(remove_file(&part)))?;
        // A link fails where a file is in the way, unlike a rename.
        let linked = fs::hard_link(&part, to);
        remove_file(&part)?;
        linked?;
    }
    Ok(())
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), String> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { remove_file(path) };
    removed.map_err(|error| format!("{}: {error}", path.display()))
}
