//! Creation of a worktree: branch, checkout, files that the checkout lacks, and the workspace's own commands.

use std::path::{Path, PathBuf};

use super::Worktrees;
use super::commands::{CommandRun, SETUP_LIMIT};
use super::ports;
use crate::config::paths::create_private_dir;
use crate::domain::Time;
use crate::domain::worktree::{Worktree, WorktreePhase, branch_name};
use crate::git::copied_files::{self, CopiedFiles};
use crate::git::worktree::NewWorktree;
use crate::git::{GitError, Repository};
use crate::store::worktrees;

/// Maximum number that is appended to a name that is in use.
const MAX_SUFFIX: u32 = 1000;

/// Request for a new worktree.
#[derive(Clone, Copy, Debug)]
pub struct WorktreeRequest<'a> {
    /// A directory of the repository.
    pub dir: &'a Path,
    /// Name of the branch, or words of which one is formed; `None` for a usual one.
    pub name: Option<&'a str>,
    /// Commit from which the branch is created; `None` for the current one.
    pub base: Option<&'a str>,
}

/// A worktree that was created.
#[derive(Clone, Debug)]
pub struct CreatedWorktree {
    /// Its record.
    pub worktree: Worktree,
    /// Directory in it that corresponds to the requested one.
    pub dir: PathBuf,
    /// Files that were brought along.
    pub files: CopiedFiles,
    /// Commands that prepared it.
    pub setup: Vec<CommandRun>,
}

impl CreatedWorktree {
    /// Returns the reason why the worktree is not ready, if a command failed.
    pub fn failure(&self) -> Option<String> {
        let failed = |run: &CommandRun| Some(format!("{}: {}", run.command, run.failure.as_ref()?));
        self.setup.last().and_then(failed)
    }
}

impl Worktrees {
    /// Creates a worktree. A command of the workspace that fails is reported with the worktree, which stays.
    pub fn create(&self, request: WorktreeRequest<'_>, now: Time) -> Result<CreatedWorktree, String> {
        let repository = Repository::open(&self.git, request.dir).map_err(|error| error.to_string())?;
        let main = main_worktree(&repository);
        let worktree = self.check_out(&repository, request, now)?;
        let files = main.map_or_else(|| Ok(CopiedFiles::default()), |main| copied_files::copy(&main, &worktree.path));
        let files = files.map_err(|error| error.to_string())?;
        let settings = self.workspace_settings(&worktree);
        let setup = self.run_commands(&worktree, &settings.setup, (&settings, SETUP_LIMIT));
        self.keep_setup(&worktree, &setup)?;
        let created = Repository::open(&self.git, &worktree.path).map_err(|error| error.to_string())?;
        let initial = created.ignored_files().map_err(|error| error.to_string())?;
        self.with_store(|db| worktrees::set_ready(db, &worktree.id, &initial))?;
        let below = request.dir.canonicalize().ok();
        let below = below.as_deref().and_then(|dir| dir.strip_prefix(&repository.root).ok()).unwrap_or(Path::new(""));
        // A directory that is not part of the commit is missing.
        let dir = Some(worktree.path.join(below)).filter(|dir| dir.is_dir()).unwrap_or_else(|| worktree.path.clone());
        let worktree = Worktree { phase: WorktreePhase::Ready, initial, ..worktree };
        Ok(CreatedWorktree { worktree, dir, files, setup })
    }

    /// Records a worktree and checks it out. After an error neither is left.
    fn check_out(&self, repository: &Repository, request: WorktreeRequest<'_>, now: Time) -> Result<Worktree, String> {
        let _lock = self.lock()?;
        let base = repository.commit(request.base.unwrap_or("HEAD")).map_err(|error| error.to_string())?;
        let worktree = self.plan(repository, request.name, base, now)?;
        self.with_store(|db| worktrees::insert(db, &worktree))?;
        let Worktree { id, path, branch, base, .. } = &worktree;
        match repository.add_worktree(NewWorktree { id, path, branch, base }) {
            Ok(_) => Ok(worktree),
            Err(error) => {
                // A checkout that failed in the middle is found by its record, and stays for the user to look at.
                if !worktree.path.exists() {
                    self.with_store(|db| worktrees::remove(db, &worktree.id))?;
                }
                Err(error.to_string())
            }
        }
    }

    /// Chooses name, branch, directory and ports.
    fn plan(&self, repository: &Repository, name: Option<&str>, base: String, now: Time) -> Result<Worktree, String> {
        let workspace = repository.main_root().to_owned();
        let folder = self.settings.worktree_root.folder(&self.paths.worktrees(), &workspace, &self.home);
        create_private_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let root = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
        let (name, branch) = free_name(repository, &root, name).map_err(|error| error.to_string())?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| format!("no random number: {error}"))?;
        let seed = u64::from_ne_bytes(random);
        let taken: Vec<_> = self.list()?.iter().map(|worktree| worktree.port).collect();
        let port = ports::free_block(seed, &taken).ok_or("no ten free ports in a row")?;
        Ok(Worktree {
            id: format!("{seed:016x}"),
            path: root.join(&name),
            name,
            root,
            repository: repository.common_dir.clone(),
            workspace,
            branch,
            base,
            port,
            created: now,
            trashed: None,
            restored: None,
            phase: WorktreePhase::Creating,
            initial: Vec::new(),
        })
    }
}

/// Returns the main worktree; `None` if the repository has none.
fn main_worktree(repository: &Repository) -> Option<Repository> {
    Repository::open(repository.git(), repository.main_root()).ok()
}

/// Returns a directory name and a branch that are not in use. A valid name of a branch is kept, other words form one.
fn free_name(repository: &Repository, root: &Path, name: Option<&str>) -> Result<(String, String), GitError> {
    let wanted = name.map_or_else(
        || Some("worktree".to_owned()),
        |name| {
            let is_plain = !name.contains(char::is_whitespace) && !name.starts_with(['-', '.']);
            let is_valid =
                is_plain && repository.read("check-ref-format").args(["--branch", name]).is_valid().unwrap_or(false);
            if is_valid { Some(name.to_owned()) } else { branch_name(name) }
        },
    );
    let wanted = wanted.unwrap_or_else(|| "worktree".to_owned());
    for suffix in 1..=MAX_SUFFIX {
        let branch = if suffix == 1 { wanted.clone() } else { format!("{wanted}-{suffix}") };
        let folder = branch.replace('/', "-");
        if repository.is_free_branch(&branch)? && std::fs::symlink_metadata(root.join(&folder)).is_err() {
            return Ok((folder, branch));
        }
    }
    Err(GitError::UnknownRevision(wanted))
}
