//! Trash: sessions that the user removed. Files are moved to salon's data directory and can be restored byte for byte;
//! sessions in an agent's database are only hidden.
//!
//! A row is committed before the first file is moved, so that a crash loses nothing: restoring moves back whatever has
//! been moved. A file that is in the way is never replaced.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::write;
use crate::domain::{Agent, SessionKey, Time};
use crate::stdx::moving;

/// Statements that create the table. `folder` is null for a hidden session; `files` is JSON.
pub const SCHEMA: &str = "
    CREATE TABLE trash (
        agent   TEXT NOT NULL,
        session TEXT NOT NULL,
        time    INTEGER NOT NULL,
        title   TEXT NOT NULL,
        folder  TEXT,
        files   TEXT NOT NULL,
        PRIMARY KEY (agent, session)
    ) WITHOUT ROWID;
";

/// Session in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashedSession {
    /// The session.
    pub key: SessionKey,
    /// Time at which it was moved.
    pub time: Time,
    /// Title at that time.
    pub title: String,
    /// Moved files; `None` for a hidden session.
    pub moved: Option<MovedFiles>,
}

/// Files of a session in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredFiles", into = "StoredFiles")]
pub struct MovedFiles {
    /// Folder that contains them.
    pub folder: PathBuf,
    /// Original path of each, and its name in the folder. A directory is moved as a whole.
    pub files: Vec<(PathBuf, String)>,
}

/// Error of moving or restoring a session.
#[derive(Debug, thiserror::Error)]
pub enum TrashError {
    /// `state.db` cannot be read or written.
    #[error("{}", super::describe_error(.0))]
    Store(#[from] rusqlite::Error),
    /// A file cannot be moved.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Error of the system.
        error: io::Error,
    },
    /// Another file is where one must be restored.
    #[error("{} exists again; move it away first", .0.display())]
    Exists(PathBuf),
    /// The session is not in the trash.
    #[error("not in the trash")]
    Unknown,
    /// The session is in the trash already.
    #[error("already in the trash")]
    AlreadyTrashed,
}

/// Moves a session to the trash folder `root`. `files` are its own files; `None` hides it.
pub fn trash(
    db: &mut Connection,
    root: &Path,
    (key, title): (&SessionKey, &str),
    files: Option<&[PathBuf]>,
    now: Time,
) -> Result<TrashedSession, TrashError> {
    let moved = files.map(|files| MovedFiles::plan(root, key, files, now));
    let session = TrashedSession { key: key.clone(), time: now, title: title.to_owned(), moved };
    if !insert(db, &session)? {
        return Err(TrashError::AlreadyTrashed);
    }
    if let Some(moved) = &session.moved
        && let Err(error) = moved.take()
    {
        // Files that could not be moved back stay in the trash, from which they can be restored.
        if moved.remaining().next().is_none() {
            remove(db, key)?;
        }
        return Err(error);
    }
    Ok(session)
}

/// Restores a session: moves its files back, or shows it again.
pub fn restore(db: &mut Connection, key: &SessionKey) -> Result<TrashedSession, TrashError> {
    let session = find(db, key)?.ok_or(TrashError::Unknown)?;
    if let Some(moved) = &session.moved {
        moved.give_back()?;
    }
    remove(db, key)?;
    Ok(session)
}

/// Deletes the files of a session in the trash permanently. A hidden session stays hidden, because its rows belong to
/// its agent. Returns false for one.
pub fn delete(db: &mut Connection, key: &SessionKey) -> Result<bool, TrashError> {
    let session = find(db, key)?.ok_or(TrashError::Unknown)?;
    let Some(moved) = session.moved else { return Ok(false) };
    match moving::remove_own(&moved.folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(TrashError::File { path: moved.folder, error });
        }
        _ => {}
    }
    remove(db, key)?;
    Ok(true)
}

/// Returns the sessions in the trash, newest first.
pub fn list(db: &Connection) -> rusqlite::Result<Vec<TrashedSession>> {
    let mut query =
        db.prepare("SELECT agent, session, time, title, folder, files FROM trash ORDER BY time DESC, session")?;
    let rows = query.query_map([], session)?;
    rows.filter_map(Result::transpose).collect()
}

/// Returns the hidden sessions.
pub fn hidden(db: &Connection) -> rusqlite::Result<Vec<SessionKey>> {
    keys(db, "SELECT agent, session, time, title, folder, files FROM trash WHERE folder IS NULL")
}

/// Returns the sessions whose files were moved.
pub fn moved(db: &Connection) -> rusqlite::Result<Vec<SessionKey>> {
    keys(db, "SELECT agent, session, time, title, folder, files FROM trash WHERE folder IS NOT NULL")
}

fn keys(db: &Connection, sql: &str) -> rusqlite::Result<Vec<SessionKey>> {
    let mut query = db.prepare(sql)?;
    let rows = query.query_map([], session)?;
    rows.filter_map(Result::transpose).map(|session| session.map(|session| session.key)).collect()
}

fn find(db: &Connection, key: &SessionKey) -> rusqlite::Result<Option<TrashedSession>> {
    let sql = "SELECT agent, session, time, title, folder, files FROM trash WHERE agent = ?1 AND session = ?2";
    db.query_row(sql, params![key.agent.name(), &*key.id], session).optional().map(Option::flatten)
}

/// Decodes a row. `None` for an agent that this version does not know.
fn session(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<TrashedSession>> {
    let Some(agent) = Agent::from_stored(row.get_ref(0)?.as_str()?) else { return Ok(None) };
    let files = || serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|_| rusqlite::Error::InvalidQuery);
    let folder: Option<String> = row.get(4)?;
    Ok(Some(TrashedSession {
        key: SessionKey::new(agent, row.get_ref(1)?.as_str()?),
        time: Time::from_millis(row.get(2)?),
        title: row.get(3)?,
        moved: folder.map(|_| files()).transpose()?,
    }))
}

/// Adds a session. Returns false if it is in the trash already, where another process may have moved it just now.
fn insert(db: &mut Connection, session: &TrashedSession) -> rusqlite::Result<bool> {
    let folder = session.moved.as_ref().map(|moved| moved.folder.to_string_lossy().into_owned());
    let files =
        serde_json::to_string(&session.moved).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    write(db, |db| {
        db.execute(
            "INSERT INTO trash (agent, session, time, title, folder, files) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (agent, session) DO NOTHING",
            params![session.key.agent.name(), &*session.key.id, session.time.millis(), session.title, folder, files],
        )
        .map(|rows| rows > 0)
    })
}

fn remove(db: &mut Connection, key: &SessionKey) -> rusqlite::Result<()> {
    write(db, |db| {
        let sql = "DELETE FROM trash WHERE agent = ?1 AND session = ?2";
        db.execute(sql, params![key.agent.name(), &*key.id]).map(drop)
    })
}

impl MovedFiles {
    /// Names a new folder for a session, and the files in it.
    fn plan(root: &Path, key: &SessionKey, files: &[PathBuf], now: Time) -> Self {
        let id: String = key.id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let folder = root.join(format!("{}-{id}-{}", key.agent.name(), now.millis()));
        let name = |(at, path): (usize, &PathBuf)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (path.clone(), format!("{at}-{name}"))
        };
        Self { files: files.iter().enumerate().map(name).collect(), folder }
    }

    /// Iterates the files that are in the folder. After a crash or an error these may be few or none.
    fn remaining(&self) -> impl Iterator<Item = &(PathBuf, String)> {
        self.files.iter().filter(|(_, name)| fs::symlink_metadata(self.folder.join(name)).is_ok())
    }

    /// Moves the files into the folder. After an error they are moved back.
    fn take(&self) -> Result<(), TrashError> {
        private_folder(&self.folder)?;
        for (at, (from, name)) in self.files.iter().enumerate() {
            if let Err(error) = moving::move_path(from, &self.folder.join(name)) {
                for (from, name) in &self.files[..at] {
                    if let Err(error) = moving::move_own(&self.folder.join(name), from) {
                        tracing::warn!(%error, path = %from.display(), "a file stays in the trash");
                    }
                }
                // Only an empty folder is left; removing it later is harmless.
                drop(fs::remove_dir(&self.folder));
                return Err(failed(from)(error));
            }
        }
        Ok(())
    }

    /// Moves the files back. Nothing is moved if another file is in the way. One with the same content is not: an
    /// interrupted move may have left both.
    fn give_back(&self) -> Result<(), TrashError> {
        let moved: Vec<_> = self.remaining().map(|(from, name)| (from, self.folder.join(name))).collect();
        for (from, copy) in &moved {
            if let Some(other) = moving::conflict(copy, from).map_err(failed(from))? {
                return Err(TrashError::Exists(other));
            }
        }
        for (from, copy) in moved {
            if let Some(parent) = from.parent() {
                fs::create_dir_all(parent).map_err(failed(parent))?;
            }
            let given_back = if fs::symlink_metadata(from).is_ok() {
                moving::copy_missing(&copy, from).and_then(|()| moving::remove_own(&copy))
            } else {
                moving::move_own(&copy, from)
            };
            given_back.map_err(failed(from))?;
        }
        drop(fs::remove_dir(&self.folder));
        Ok(())
    }
}

/// Returns a function that adds a path to an error.
fn failed(path: &Path) -> impl FnOnce(io::Error) -> TrashError {
    let path = path.to_owned();
    |error| TrashError::File { path, error }
}

fn private_folder(path: &Path) -> Result<(), TrashError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path))
}

/// JSON shape of [`MovedFiles`].
#[derive(Serialize, Deserialize)]
struct StoredFiles {
    folder: StoredPath,
    files: Vec<(StoredPath, String)>,
}

/// JSON shape of a path: text, or the bytes of a path that is not valid UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredPath {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<PathBuf> for StoredPath {
    fn from(path: PathBuf) -> Self {
        path.into_os_string().into_string().map_or_else(|path| Self::Bytes(path.into_vec()), Self::Text)
    }
}

impl From<StoredPath> for PathBuf {
    fn from(path: StoredPath) -> Self {
        match path {
            StoredPath::Text(path) => path.into(),
            StoredPath::Bytes(path) => OsString::from_vec(path).into(),
        }
    }
}

impl From<MovedFiles> for StoredFiles {
    fn from(MovedFiles { folder, files }: MovedFiles) -> Self {
        Self { folder: folder.into(), files: files.into_iter().map(|(path, name)| (path.into(), name)).collect() }
    }
}

impl From<StoredFiles> for MovedFiles {
    fn from(StoredFiles { folder, files }: StoredFiles) -> Self {
        Self { folder: folder.into(), files: files.into_iter().map(|(path, name)| (path.into(), name)).collect() }
    }
}
