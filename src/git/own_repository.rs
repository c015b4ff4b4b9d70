//! Salon's own bare repository beside each repository of the user. It refers to the user's objects, so that it costs
//! little, and keeps what the user's repository does not. Nothing is written to the user's repository, index or refs.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::GitError;
use super::program::{Git, GitCommand};
use super::repository::text;
use crate::stdx::files::{self, SizeLimit};

/// Settings of commits that salon makes in its own repository.
const IDENTITY: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "salon"),
    ("GIT_AUTHOR_EMAIL", "salon@localhost"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "salon"),
    ("GIT_COMMITTER_EMAIL", "salon@localhost"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
];

/// Usual format of objects.
pub(super) const SHA1: &str = "sha1";

/// Format of objects that few repositories use.
const SHA256: &str = "sha256";

/// Settings of commands with an index of their own. Its checksum takes longer than all the rest of writing it, and one that
/// is split would be in two directories.
const INDEX_SETTINGS: [(&str, &str); 2] = [("index.skipHash", "true"), ("core.splitIndex", "false")];

/// File that names the objects of the user's repository.
const ALTERNATES: &str = "objects/info/alternates";

/// Salon's own bare repository for a repository of the user.
#[derive(Clone, Debug)]
pub struct OwnRepository {
    git: Git,
    /// Directory of the repository.
    pub path: PathBuf,
}

impl OwnRepository {
    /// Opens salon's repository below `folder` for the user's repository with this common directory, or creates it.
    pub fn open(git: &Git, folder: &Path, common_dir: &Path) -> Result<Self, GitError> {
        let (path, format) = place(folder, common_dir);
        Self::create(git, &path, format)?.with_alternates(common_dir)
    }

    /// Returns salon's repository below `folder` for the user's repository with this common directory, if there is one.
    pub fn find(git: &Git, folder: &Path, common_dir: &Path) -> Result<Option<Self>, GitError> {
        let (path, _) = place(folder, common_dir);
        let own = path.join("HEAD").is_file().then(|| Self { git: git.clone(), path });
        own.map(|own| own.with_alternates(common_dir)).transpose()
    }

    fn with_alternates(self, common_dir: &Path) -> Result<Self, GitError> {
        let objects = common_dir.join("objects");
        write(&self.path.join(ALTERNATES), &[objects.as_os_str().as_bytes(), b"\n"].concat())?;
        Ok(self)
    }

    /// Opens a bare repository, or creates it.
    pub(super) fn create(git: &Git, path: &Path, format: &str) -> Result<Self, GitError> {
        let own = Self { git: git.clone(), path: path.to_owned() };
        if !own.path.join("HEAD").is_file() {
            create_private(&own.path)?;
            let format = format!("--object-format={format}");
            own.command("init").args(["--quiet", "--bare", "--template=", &format]).run()?;
        }
        Ok(own)
    }

    /// Returns salon's repositories below `folder`.
    pub fn all(git: &Git, folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(|path| path.join("HEAD").is_file());
        paths.map(|path| Self { git: git.clone(), path }).collect()
    }

    /// Returns the names of the refs below a prefix.
    pub fn refs(&self, prefix: &str) -> Result<Vec<String>, GitError> {
        let listed = self.command("for-each-ref").args(["--format=%(refname)", prefix]).run()?;
        Ok(text(listed, "for-each-ref")?.lines().map(str::to_owned).collect())
    }

    /// Returns the number of objects that are not packed.
    pub fn loose_objects(&self) -> Result<usize, GitError> {
        let counted = text(self.command("count-objects").run()?, "count-objects")?;
        let count = counted.split(' ').next().and_then(|count| count.parse().ok());
        count.ok_or(GitError::Unreadable("count-objects"))
    }

    /// Returns the directory that all work trees of the user's repository share.
    pub(super) fn user_dir(&self) -> Option<PathBuf> {
        let line = files::read(&self.path.join(ALTERNATES), SizeLimit::POINTER).ok()?;
        let objects = line.strip_suffix(b"\n").unwrap_or(&line);
        Path::new(OsStr::from_bytes(objects)).parent().map(Path::to_owned)
    }

    /// Returns the program.
    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    /// Begins a command in this repository.
    pub fn command(&self, subcommand: &'static str) -> GitCommand {
        self.git.command(&self.path, subcommand).var("GIT_DIR", &self.path)
    }

    /// Begins a command in this repository that follows the user's history, which ends where that of a shallow clone does.
    pub(super) fn history_command(&self, subcommand: &'static str) -> GitCommand {
        let command = self.command(subcommand);
        match self.user_dir().map(|dir| dir.join("shallow")).filter(|shallow| shallow.is_file()) {
            Some(shallow) => command.var("GIT_SHALLOW_FILE", shallow),
            None => command,
        }
    }

    /// Begins a command in this repository on the files of a work tree, with an index of its own. The configuration of
    /// the user's repository does not apply, so that no filter of it runs.
    pub(super) fn on_files(&self, subcommand: &'static str, root: &Path, index: &Path) -> GitCommand {
        let settings = INDEX_SETTINGS.map(|(name, value)| (name.into(), value.into()));
        let command = self.git.command(root, subcommand).settings(&settings);
        command.var("GIT_DIR", &self.path).var("GIT_WORK_TREE", root).var("GIT_INDEX_FILE", index)
    }

    /// Returns the line by which another directory of objects refers to those of this repository.
    pub(super) fn objects_line(&self) -> Vec<u8> {
        [self.path.join("objects").as_os_str().as_bytes(), b"\n"].concat()
    }

    /// Begins the command that makes a commit of a tree and prints its id. Equal trees with equal parents have one id.
    pub(super) fn commit_tree(&self, tree: &str, parents: &[&str], message: &str) -> GitCommand {
        self.commit_object(tree, parents).args(["-m", message])
    }

    /// Begins the command that makes a commit of a tree with the message in its input, and prints its id.
    pub(super) fn commit_object(&self, tree: &str, parents: &[&str]) -> GitCommand {
        let mut command = self.command("commit-tree").args([tree]);
        for (name, value) in IDENTITY {
            command = command.var(name, value);
        }
        command.args(parents.iter().flat_map(|parent| ["-p", parent]))
    }

    /// Points a ref to a commit.
    pub fn set_ref(&self, name: &str, commit: &str) -> Result<(), GitError> {
        self.command("update-ref").args([name, commit]).run().map(drop)
    }

    /// Returns the commit of a ref, if it exists.
    pub fn find_ref(&self, name: &str) -> Result<Option<String>, GitError> {
        let listed = self.command("for-each-ref").args(["--count=1", "--format=%(objectname)", name]).line()?;
        let id = text(listed, "for-each-ref")?;
        Ok((!id.is_empty()).then_some(id))
    }

    /// Returns the commit with this id if a ref of salon points to it.
    pub fn find_commit(&self, id: &str) -> Result<Option<String>, GitError> {
        let is_id = id.len() >= 7 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let listed =
            text(self.command("for-each-ref").args(["--format=%(objectname)", "refs/salon"]).run()?, "for-each-ref")?;
        Ok(listed.lines().find(|kept| is_id && kept.starts_with(id)).map(str::to_owned))
    }

    /// Removes a ref.
    pub fn remove_ref(&self, name: &str) -> Result<(), GitError> {
        self.command("update-ref").args(["-d", name]).run().map(drop)
    }
}

/// Returns the directory of salon's repository below `folder` for the user's repository with this common directory, and the
/// format of its objects. Objects of one format cannot refer to those of another.
fn place(folder: &Path, common_dir: &Path) -> (PathBuf, &'static str) {
    let name = name_of(common_dir);
    let [usual, other] = ["", "-sha256"].map(|suffix| folder.join(format!("{name}{suffix}.git")));
    // The user's repository may be gone.
    let format = object_format(common_dir).unwrap_or(if other.is_dir() && !usual.is_dir() { SHA256 } else { SHA1 });
    (if format == SHA256 { other } else { usual }, format)
}

/// Returns the format of the objects of a repository, which its own configuration names unless it is the usual one; `None`
/// if there is no configuration.
fn object_format(common_dir: &Path) -> Option<&'static str> {
    let config = files::read(&common_dir.join("config"), SizeLimit::CONFIG).ok()?;
    let config = String::from_utf8_lossy(&config).to_ascii_lowercase();
    let is_sha256 = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or_default();
        name.trim() == "objectformat" && value.trim() == SHA256
    };
    Some(if config.lines().any(is_sha256) { SHA256 } else { SHA1 })
}

/// Returns the name of salon's repository for a directory.
pub(super) fn name_of(directory: &Path) -> String {
    let hash = Sha256::digest(directory.as_os_str().as_bytes());
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn create_private(path: &Path) -> Result<(), GitError> {
    use std::os::unix::fs::DirBuilderExt;
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.map_err(|error| GitError::io(path, error))
}

/// Writes a file in a folder that is created if it is missing. A file with this content is left alone, and another one
/// is replaced as a whole, because a git that runs meanwhile may read it.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), GitError> {
    let failed = |error| GitError::io(path, error);
    if files::read(path, SizeLimit::POINTER).is_ok_and(|existing| existing == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error)).map(drop)
}
