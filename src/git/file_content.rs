//! Content of a file in a commit of any repository, which is only read.

use std::path::Path;

use super::error::GitError;
use super::program::Git;
use super::repository::text;

/// Returns the content of a file in a commit; `None` if the commit has no such file. The path is relative to the root of the
/// work tree.
pub fn file_content(git: &Git, repository: &Path, commit: &str, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
    if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(GitError::UnknownRevision(commit.to_owned()));
    }
    git.check_version(repository)?;
    let command = |subcommand| git.command(repository, subcommand).var("GIT_DIR", repository);
    let listed = command("ls-tree").args(["-z", "--full-tree", commit, "--"]).args([path]).run()?;
    let listed = text(listed, "ls-tree")?;
    // A directory or a submodule has no content.
    let blob = listed.split_once('\t').and_then(|(object, _)| object.split_once(" blob "));
    let Some((_, id)) = blob else { return Ok(None) };
    command("cat-file").args(["blob", id]).run().map(Some)
}
