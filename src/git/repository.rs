//! A repository, found from a directory in its work tree.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::program::{Git, GitCommand};

/// Keys of a filter that name a program.
const FILTER_PROGRAMS: [&str; 3] = ["clean", "smudge", "process"];

/// Names of settings that convert files, or name attributes that do.
const CONVERSIONS: [&[u8]; 2] = [b"core.autocrlf", ATTRIBUTES];

/// Name of the setting that names a file of attributes.
const ATTRIBUTES: &[u8] = b"core.attributesfile";

/// A work tree of a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    git: Git,
    /// Root of the work tree, without symbolic links.
    pub root: PathBuf,
    /// Directory of the work tree's own state (`HEAD`, index).
    pub git_dir: PathBuf,
    /// Directory that all work trees of the repository share.
    pub common_dir: PathBuf,
    /// Settings that switch off the filters of the repository's own configuration.
    without_filters: Vec<(OsString, OsString)>,
    /// True if the configuration may convert the ends of lines, or names a file of attributes.
    pub(super) converts_files: bool,
    /// True if the repository's own configuration names a file of attributes.
    pub(super) names_attributes: bool,
    /// Directory of salon's own repository that stands for the missing one of a directory outside of git.
    pub(super) plain: Option<PathBuf>,
}

impl Repository {
    /// Finds the repository that contains a directory.
    pub fn open(git: &Git, dir: &Path) -> Result<Self, GitError> {
        let canonical = dir.canonicalize().map_err(|_| GitError::NoDirectory(dir.to_owned()))?;
        git.check_version(&canonical)?;
        let [root, git_dir, common_dir] = directories(git, &canonical)?;
        // The configuration may name a directory that does not exist.
        let root = root.canonicalize().map_err(|_| GitError::OtherWorkTree(dir.to_owned(), root))?;
        if !canonical.starts_with(&root) {
            return Err(GitError::OtherWorkTree(dir.to_owned(), root));
        }
        let canonical = |path: PathBuf| path.canonicalize().map_err(|error| GitError::io(&path, error));
        let (git_dir, common_dir) = (canonical(git_dir)?, canonical(common_dir)?);
        Self::new(git, root, (git_dir, common_dir), None).configured()
    }

    /// Opens the repository of salon's own that stands for the missing one of a directory.
    pub(super) fn at_plain(git: &Git, root: PathBuf, place: PathBuf) -> Result<Self, GitError> {
        Self::new(git, root, (place.clone(), place.clone()), Some(place)).configured()
    }

    fn new(git: &Git, root: PathBuf, (git_dir, common_dir): (PathBuf, PathBuf), plain: Option<PathBuf>) -> Self {
        let (git, without_filters) = (git.clone(), Vec::new());
        let (converts_files, names_attributes) = (false, false);
        Self { git, root, git_dir, common_dir, without_filters, converts_files, names_attributes, plain }
    }

    fn configured(self) -> Result<Self, GitError> {
        let listed = self.write("config").args(["--list", "--show-scope", "--name-only", "-z"]).run()?;
        let converts_files = listed.split(|byte| *byte == 0).any(|name| CONVERSIONS.contains(&name));
        let names_attributes = own_names(&listed).any(|name| name == ATTRIBUTES);
        Ok(Self { without_filters: without_filters_of(&listed), converts_files, names_attributes, ..self })
    }

    /// Begins a command that only reads. Filters that the repository configures are switched off.
    pub fn read(&self, subcommand: &'static str) -> GitCommand {
        self.write(subcommand).settings(&self.without_filters)
    }

    /// Begins a command that writes files. The filters of the repository apply, as in a checkout by hand.
    pub fn write(&self, subcommand: &'static str) -> GitCommand {
        let command = self.git.command(&self.root, subcommand);
        match &self.plain {
            Some(place) => command.var("GIT_DIR", place).var("GIT_WORK_TREE", &self.root),
            None => command,
        }
    }

    /// Returns the program.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Returns the root of the main worktree; the repository itself if it has none.
    pub fn main_root(&self) -> &Path {
        match self.common_dir.parent() {
            Some(parent) if self.common_dir.file_name() == Some(OsStr::new(".git")) => parent,
            _ => &self.common_dir,
        }
    }

    /// Resolves a name to the id of a commit.
    pub fn commit(&self, name: &str) -> Result<String, GitError> {
        let revision = format!("{name}^{{commit}}");
        let found = self.read("rev-parse").args(["--verify", "--quiet", "--end-of-options", &revision]).line();
        match found {
            Ok(id) => text(id, "rev-parse"),
            Err(GitError::Failed { .. }) if name == "HEAD" => Err(GitError::NoCommits(self.root.clone())),
            Err(GitError::Failed { .. }) => Err(GitError::UnknownRevision(name.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Counts the commits that the arguments of `rev-list` select.
    pub(super) fn count(&self, revisions: &[&str]) -> Result<usize, GitError> {
        let count = text(self.read("rev-list").args(["--count"]).args(revisions).line()?, "rev-list")?;
        count.trim().parse().map_err(|_| GitError::Unreadable("rev-list"))
    }
}

/// Returns the root of the work tree that contains a directory, the directory of its own state, and the one that all work
/// trees share.
fn directories(git: &Git, dir: &Path) -> Result<[PathBuf; 3], GitError> {
    const OPTIONS: [&str; 3] = ["--show-toplevel", "--git-dir", "--git-common-dir"];
    let named = |options: &[&str]| git.command(dir, "rev-parse").args(["--path-format=absolute"]).args(options).line();
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let all = named(&OPTIONS)?;
    let lines: Vec<&[u8]> = all.split(|byte| *byte == b'\n').collect();
    if let [root, git_dir, common_dir] = lines[..] {
        return Ok([path(root), path(git_dir), path(common_dir)]);
    }
    // A path contains the end of a line.
    let [root, git_dir, common_dir] = OPTIONS.map(|option| named(&[option]));
    Ok([path(&root?), path(&git_dir?), path(&common_dir?)])
}

/// Converts output that is text by definition.
pub(super) fn text(bytes: Vec<u8>, subcommand: &'static str) -> Result<String, GitError> {
    String::from_utf8(bytes).map_err(|_| GitError::Unreadable(subcommand))
}

/// Returns the names that the repository's own configuration defines or changes, of a list of scopes and names.
fn own_names(listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut fields = listed.split(|byte| *byte == 0);
    let pairs = std::iter::from_fn(move || Some((fields.next()?, fields.next()?)));
    pairs.filter(|(scope, _)| matches!(*scope, b"local" | b"worktree")).map(|(_, name)| name)
}

/// Returns settings that switch off each filter that the repository's own configuration, of a list of scopes and names,
/// defines or changes. Those that
/// only the user's configuration defines stay, because without them large files would appear as modified.
fn without_filters_of(listed: &[u8]) -> Vec<(OsString, OsString)> {
    let mut settings = Vec::new();
    for name in own_names(listed) {
        let driver = name.strip_prefix(b"filter.").and_then(|rest| rest.rsplitn(2, |byte| *byte == b'.').nth(1));
        if let Some(driver) = driver {
            let key = |key: &str| OsStr::from_bytes(&[b"filter.", driver, b".", key.as_bytes()].concat()).to_owned();
            settings.extend(FILTER_PROGRAMS.map(|program| (key(program), OsString::new())));
            settings.push((key("required"), "false".into()));
        }
    }
    settings
}
