//! Packs of salon's own repositories. Git's clean-up drops every object that the user's repository has as well, and the
//! user may delete it there: what archives and snapshots need is in packs that are marked to be kept.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::program::GitCommand;
use super::repository::{Repository, text};
use crate::stdx::files::{self, SizeLimit};

/// Maximum time of packing, because large repositories take minutes.
const PACK_LIMIT: Duration = Duration::from_mins(15);

/// Options of packs. Snapshots of a day are many versions of some files and directories: of the ten nearest objects, which
/// is the usual number, few are versions of the same one.
const DELTAS: [&str; 3] = ["--delta-base-offset", "--window=50", "--depth=50"];

/// Settings of packs: an index that is not worth its size, and one that this repository cannot have.
const PACK_SETTINGS: [(&str, &str); 2] = [("pack.writeReverseIndex", "false"), ("repack.writeBitmaps", "false")];

/// File that names where the history of a shallow clone ends.
const SHALLOW: &str = "shallow";

/// Age from which an object that no ref needs is deleted, because a snapshot is being taken with it until then.
const UNUSED: &str = "1.day.ago";

/// Age of an incomplete pack or of a folder for one from which no process writes it.
const ABANDONED: Duration = Duration::from_hours(24);

/// Patterns of the refs on remotes that keep their commits: the default branches. Others are deleted once merged.
const DEFAULT_BRANCHES: [&str; 3] = ["refs/remotes/*/HEAD", "refs/remotes/*/main", "refs/remotes/*/master"];

/// Prefixes of the refs that keep the snapshots of turns and of discarded changes.
const SNAPSHOTS: [&str; 2] = ["refs/salon/turns", "refs/salon/undo"];

/// Reason in the mark of a pack with an archive, which stays.
const ARCHIVE: &str = "archive\n";

/// Reason in the mark of the pack with the snapshots, which the next one replaces.
const SNAPSHOT: &str = "snapshots\n";

impl OwnRepository {
    /// Keeps the whole state of a work tree under a ref: its commits that are on no default branch of a remote, and its
    /// files, as objects of this repository. Returns the commit of the ref.
    pub fn archive(&self, repository: &Repository, name: &str) -> Result<String, GitError> {
        let commit = self.snapshot(repository)?;
        self.archive_commit((&repository.common_dir, &repository.git_dir), &commit, name)?;
        Ok(commit)
    }

    /// Keeps a commit of a work tree under a ref, and under another one with the suffix `-reflog` what only the state of
    /// the work tree names. Its directories are the one that all work trees share and that of its own state.
    pub fn archive_commit(
        &self,
        (common_dir, git_dir): (&Path, &Path),
        commit: &str,
        name: &str,
    ) -> Result<(), GitError> {
        let elsewhere = self.user_command(common_dir, "for-each-ref").args(["--format=^%(objectname)"]);
        let elsewhere = elsewhere.args(DEFAULT_BRANCHES).run()?;
        let reflog = self.reflog_commit(git_dir, commit, &elsewhere)?;
        let kept = [Some((name.to_owned(), commit)), reflog.as_deref().map(|id| (format!("{name}-reflog"), id))];
        let ids = kept.iter().flatten().flat_map(|(_, id)| [id.as_bytes(), b"\n"].concat()).collect();
        self.add_pack([ids, elsewhere].concat(), ARCHIVE)?;
        kept.iter().flatten().try_for_each(|(name, id)| self.set_ref(name, id))
    }

    /// Packs the objects and refs of this repository, and deletes the objects that no ref needs.
    pub fn pack(&self) -> Result<(), GitError> {
        self.delete_abandoned()?;
        self.pack_snapshots()?;
        let _shallow = self.user_dir().map(|dir| self.copy_shallow(&dir)).transpose()?;
        let unused = format!("--unpack-unreachable={UNUSED}");
        self.pack_command("repack").args(["-A", "-d", "-l", "-q", &unused]).run()?;
        self.pack_command("prune").args([format!("--expire={UNUSED}")]).run()?;
        self.pack_command("pack-refs").args(["--all"]).run().map(drop)
    }

    fn pack_command(&self, subcommand: &'static str) -> GitCommand {
        let settings = PACK_SETTINGS.map(|(name, value)| (name.into(), value.into()));
        self.command(subcommand).settings(&settings).limit(PACK_LIMIT)
    }

    /// Copies the file of a shallow clone, until the result is dropped. Git changes it when it deletes objects, so that it
    /// must not be the user's.
    fn copy_shallow(&self, user_dir: &Path) -> Result<CopiedShallow, GitError> {
        let (from, copied) = (user_dir.join(SHALLOW), CopiedShallow(self.path.join(SHALLOW)));
        match fs::copy(&from, &copied.0) {
            Ok(_) => Ok(copied),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // One of a process that was ended would hide history that the clone has by now.
                copied.delete().map(|()| copied).map_err(|error| GitError::io(&self.path, error))
            }
            Err(error) => Err(GitError::io(&from, error)),
        }
    }

    /// Packs everything that the snapshots need and the user's main branches lack, also what the user's repository has
    /// until its next clean-up: staged files, and commits that were amended or whose branch was deleted.
    fn pack_snapshots(&self) -> Result<(), GitError> {
        let Some(common_dir) = self.user_dir().filter(|dir| dir.is_dir()) else { return Ok(()) };
        let before = self.marked_packs(SNAPSHOT)?;
        let snapshots = self.command("for-each-ref").args(["--format=%(objectname)"]).args(SNAPSHOTS).run()?;
        let options = ["--format=^%(objectname)", "refs/heads/main", "refs/heads/master"];
        let elsewhere = self.user_command(&common_dir, "for-each-ref").args(options).args(DEFAULT_BRANCHES).run()?;
        let head = || self.user_command(&common_dir, "rev-parse").args(["--verify", "--quiet", "^HEAD"]).answer();
        // Another branch may be deleted, so that it counts only where there is no main one.
        let elsewhere = if elsewhere.is_empty() { head()?.1 } else { elsewhere };
        let new = self.add_pack([snapshots, elsewhere].concat(), SNAPSHOT)?;
        // Without its mark, the next packing deletes it.
        for mark in before.iter().filter(|mark| Some(mark.as_path()) != new.as_deref()) {
            fs::remove_file(mark).map_err(|error| GitError::io(mark, error))?;
        }
        Ok(())
    }

    /// Packs the objects that revisions select, and marks the pack to be kept. Returns its mark; `None` without objects.
    fn add_pack(&self, revisions: Vec<u8>, reason: &str) -> Result<Option<PathBuf>, GitError> {
        let failed = |error| GitError::io(&self.path, error);
        let folder = tempfile::Builder::new().prefix("pack-").tempdir_in(&self.path).map_err(failed)?;
        // A partial clone lacks objects that only the remote has.
        let options = ["--revs", "--non-empty", "--missing=allow-any", "-q"];
        let settings = PACK_SETTINGS.map(|(name, value)| (name.into(), value.into()));
        let command = self.history_command("pack-objects").settings(&settings).args(options).args(DELTAS);
        let command = command.args([folder.path().join("pack")]);
        let hash = text(command.input(revisions).limit(PACK_LIMIT).line()?, "pack-objects")?;
        if hash.is_empty() {
            return Ok(None);
        }
        let packs = self.path.join("objects/pack");
        fs::create_dir_all(&packs).map_err(failed)?;
        // First the mark and last the index, with which the pack comes into use.
        let mark = packs.join(format!("pack-{hash}.keep"));
        // Snapshots may be those of an archive, which stays.
        if !self.marked_packs(ARCHIVE)?.contains(&mark) {
            fs::write(&mark, reason).map_err(failed)?;
        }
        let entries = fs::read_dir(folder.path()).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        files.sort_by_key(|path| path.extension() == Some(OsStr::new("idx")));
        for file in files {
            fs::rename(&file, packs.join(file.file_name().unwrap_or_default())).map_err(failed)?;
        }
        Ok(Some(mark))
    }

    /// Returns the marks with a reason.
    fn marked_packs(&self, reason: &str) -> Result<Vec<PathBuf>, GitError> {
        let marks = self.pack_files()?.into_iter().filter(|path| path.extension() == Some(OsStr::new("keep")));
        Ok(marks
            .filter(|mark| files::read(mark, SizeLimit::POINTER).is_ok_and(|text| text == reason.as_bytes()))
            .collect())
    }

    /// Deletes incomplete packs of processes that were ended.
    fn delete_abandoned(&self) -> Result<(), GitError> {
        let failed = |error| GitError::io(&self.path, error);
        // The clock of the file system is that of the files.
        let probe = tempfile::NamedTempFile::new_in(&self.path).map_err(failed)?;
        let now = probe.path().metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
        let is_old = |path: &Path| {
            let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
            modified.ok().and_then(|modified| now.duration_since(modified).ok()).is_some_and(|age| age > ABANDONED)
        };
        for path in self.pack_files()?.into_iter().filter(|path| is_named(path, &["tmp_", ".tmp-"]) && is_old(path)) {
            fs::remove_file(&path).map_err(failed)?;
        }
        // Folders in which a pack or the index of a snapshot is written.
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if is_named(&path, &["pack-", "index-"]) && path.is_dir() && is_old(&path) {
                fs::remove_dir_all(&path).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn pack_files(&self) -> Result<Vec<PathBuf>, GitError> {
        let folder = self.path.join("objects/pack");
        let failed = |error| GitError::io(&folder, error);
        fs::read_dir(&folder).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
    }

    /// Begins a command that reads the refs of the user's repository with this common directory.
    fn user_command(&self, common_dir: &Path, subcommand: &'static str) -> GitCommand {
        self.git().command(common_dir, subcommand).var("GIT_DIR", common_dir)
    }
}

/// Copy of the file of a shallow clone, deleted when it is dropped.
struct CopiedShallow(PathBuf);

impl CopiedShallow {
    fn delete(&self) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for CopiedShallow {
    fn drop(&mut self) {
        // The next one replaces or deletes it.
        self.delete().ok();
    }
}

/// Returns true if the name of a file begins with one of some prefixes.
fn is_named(path: &Path, prefixes: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    prefixes.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}
