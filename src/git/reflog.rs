//! Commits that only the state of a worktree has: after a reset, an amendment, a rebase or the deletion of a branch its
//! reflog alone names them, and is removed with it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::error::GitError;
use super::own_repository::OwnRepository;
use super::program::GitCommand;
use super::repository::text;
use crate::stdx::files::{self, SizeLimit};

/// References that each work tree has for itself.
const OWN_REFS: [&str; 3] = ["refs/worktree", "refs/bisect", "refs/rewritten"];

impl OwnRepository {
    /// Makes a commit that has as parents the latest commits that the state of a work tree names, and that neither `known`
    /// nor the revisions `elsewhere` contain. Returns `None` if there are none.
    pub(super) fn reflog_commit(
        &self,
        git_dir: &Path,
        known: &str,
        elsewhere: &[u8],
    ) -> Result<Option<String>, GitError> {
        let command = |subcommand| self.git().command(git_dir, subcommand).var("GIT_DIR", git_dir);
        let named = named_commits(git_dir, command)?;
        let named = lines(named.iter().map(String::as_str));
        let listed = text(command("cat-file").args(["--batch-check"]).input(named).run()?, "cat-file")?;
        // A clean-up may have deleted those of old entries.
        let present = listed.lines().filter_map(|line| line.split_once(" commit ")).map(|(id, _)| id);
        let known = lines([format!("^{known}").as_str()]);
        let revisions = [lines(present), elsewhere.to_vec(), known].concat();
        // The snapshot is a commit of this repository.
        let own = self.history_command("rev-list").args(["--parents", "--stdin"]).input(revisions).run()?;
        let own = text(own, "rev-list")?;
        let parents: HashSet<&str> = own.lines().flat_map(|line| line.split(' ').skip(1)).collect();
        let latest: Vec<&str> = own.lines().filter_map(|line| line.split(' ').next()).collect();
        let latest: Vec<&str> = latest.into_iter().filter(|id| !id.is_empty() && !parents.contains(id)).collect();
        let Some(first) = latest.first() else { return Ok(None) };
        let commit = self.commit_tree(&format!("{first}^{{tree}}"), &latest, "reflog").line()?;
        text(commit, "commit-tree").map(Some)
    }
}

/// Returns the ids that the reflog of `HEAD` and the other state of a work tree name.
fn named_commits(git_dir: &Path, command: impl Fn(&'static str) -> GitCommand) -> Result<BTreeSet<String>, GitError> {
    let mut found = BTreeSet::new();
    let log = git_dir.join("logs/HEAD");
    if log.is_file() {
        let content = files::read(&log, SizeLimit::DOCUMENT).map_err(|error| GitError::io(&log, error))?;
        let entries = content.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        found.extend(entries.flat_map(|entry| entry.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>()));
    } else if command("rev-parse").args(["--verify", "--quiet", "HEAD"]).is_true()? {
        // Another format of the repository has no such file.
        let listed = text(command("rev-list").args(["--walk-reflogs", "HEAD"]).run()?, "rev-list")?;
        found.extend(listed.lines().map(str::to_owned));
    }
    let original = command("rev-parse").args(["--verify", "--quiet", "ORIG_HEAD"]).answer()?.1;
    let refs = command("for-each-ref").args(["--format=%(objectname)"]).args(OWN_REFS).run()?;
    found.extend(text([original, refs].concat(), "for-each-ref")?.lines().map(str::to_owned));
    found.retain(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id.bytes().any(|byte| byte != b'0'));
    Ok(found)
}

fn lines<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    words.into_iter().flat_map(|word| [word.as_bytes(), b"\n"].concat()).collect()
}
