//! Commands of git that fit the state of a work tree: stage, commit, push, pull request, merge and rebase. Reads only.
//! Blocks: not for the event loop.

use std::path::{Path, PathBuf};

use crate::agent::{self, TextLimit};
use crate::domain::git_menu::{CommandPlan, DRAFT, GitMenu, commit_draft};
use crate::domain::transcript::EntryKind;
use crate::domain::{Session, worktree::WorkTreeSummary};
use crate::git::integration::Remote;
use crate::git::own_repository::OwnRepository;
use crate::git::status::{ChangedFileKind, IgnoredFiles, WorkTreeStatus};
use crate::git::{Git, GitError, Repository};
use crate::index;

/// Maximum prompts in a drafted message: the latest ones.
const MAX_PROMPTS: usize = 10;

/// Number of entries in memory at once, because transcripts can be large.
const CHUNK: usize = 256;

/// Characters that have a meaning in a path of git.
const PATTERN: [char; 5] = [':', '*', '?', '[', '\\'];

/// Everything on which the commands depend.
#[derive(Clone, Copy, Debug)]
pub struct GitMenuRequest<'a> {
    /// The program.
    pub git: &'a Git,
    /// Directory of salon's own repositories.
    pub own: &'a Path,
    /// Path of `state.db`.
    pub state_db: &'a Path,
    /// The session.
    pub session: &'a Session,
    /// Absolute path of the selected file.
    pub file: Option<&'a Path>,
    /// Returns true if a program is on the `PATH`.
    pub has_program: fn(&str) -> bool,
}

impl GitMenuRequest<'_> {
    /// Returns the commands.
    pub fn menu(self) -> Result<GitMenu, String> {
        let repository =
            Repository::open(self.git, Path::new(&*self.session.cwd)).map_err(|error| error.to_string())?;
        self.build(&repository).map_err(|error| error.to_string())
    }

    fn build(self, repository: &Repository) -> Result<GitMenu, GitError> {
        let status = repository.status(IgnoredFiles::Omitted)?;
        let mut menu = GitMenu { state: state(&status), ..GitMenu::default() };
        menu.plans.extend(self.file.map(|file| stage_file(repository, &status, file)).unwrap_or_default());
        self.add_commit(repository, &status, &mut menu);
        let remotes = repository.remotes()?;
        self.add_push(repository, &status, &remotes, &mut menu);
        if let Some(branch) = &status.branch {
            self.add_merge(repository, (branch, &status), &mut menu)?;
        } else {
            menu.notes.push("HEAD is detached: create a branch to push or merge.".to_owned());
        }
        Ok(menu)
    }

    fn add_commit(self, repository: &Repository, status: &WorkTreeStatus, menu: &mut GitMenu) {
        let root = || repository.root.clone();
        let any = |kinds: &[ChangedFileKind]| status.changes.iter().any(|change| kinds.contains(&change.kind));
        if any(&[ChangedFileKind::Conflicted]) {
            return menu.notes.push("Some files have conflicts: resolve them with git first.".to_owned());
        }
        let add_all = CommandPlan::git(root(), &["add", "--all"], "All changes are staged");
        let draft = || Some(commit_draft(&self.session.title.text, &self.prompts()));
        let commit = CommandPlan::git(root(), &["commit", "--edit", "--file", DRAFT], "Committed");
        let unstaged =
            any(&[ChangedFileKind::Modified, ChangedFileKind::StagedAndModified, ChangedFileKind::Untracked]);
        if unstaged {
            menu.plans.push(add_all.clone());
        }
        if any(&[ChangedFileKind::Staged, ChangedFileKind::StagedAndModified]) {
            menu.plans.push(CommandPlan { draft: draft(), ..commit });
        } else if unstaged {
            let commands = [add_all.commands, commit.commands].concat();
            let done = "Committed".to_owned();
            menu.plans.push(CommandPlan { host: None, commands, draft: draft(), dir: root(), done });
        }
    }

    fn add_push(self, repository: &Repository, status: &WorkTreeStatus, remotes: &[Remote], menu: &mut GitMenu) {
        let (Some(branch), Some(head)) = (&status.branch, &status.head) else { return };
        tracing::debug!(branch, head, "commands of git");
        let Some(remote) = remotes.iter().find(|remote| remote.name == "origin").or(remotes.first()) else {
            return menu.notes.push("There is no remote to push to.".to_owned());
        };
        let root = || repository.root.clone();
        if let Some((ahead, behind)) = status.divergence {
            if behind > 0 {
                menu.plans.push(CommandPlan::git(root(), &["pull", "--ff-only"], "Pulled"));
            }
            if ahead > 0 {
                menu.plans.push(CommandPlan::git(root(), &["push"], "Pushed"));
            }
        } else {
            let words = ["push", "--set-upstream", &remote.name, branch];
            menu.plans.push(CommandPlan::git(root(), &words, "Pushed"));
        }
        let is_default = ["main", "master", "trunk"].contains(&branch.as_str());
        if let Some(words) = self.pull_request(&remote.url).filter(|_| !is_default) {
            let commands = vec![words.map(str::to_owned).to_vec()];
            let done = "The pull request is open".to_owned();
            menu.plans.push(CommandPlan { host: None, dir: root(), commands, draft: None, done });
        }
    }

    /// Returns the command that opens a pull request, if its program is there.
    fn pull_request(self, url: &str) -> Option<[&'static str; 4]> {
        let (gh, glab) = (["gh", "pr", "create", "--fill"], ["glab", "mr", "create", "--fill"]);
        let preferred = if url.contains("gitlab") { [glab, gh] } else { [gh, glab] };
        let is_other = |program: &str| {
            (program == "gh" && url.contains("gitlab")) || (program == "glab" && url.contains("github"))
        };
        preferred.into_iter().find(|words| !is_other(words[0]) && (self.has_program)(words[0]))
    }

    /// Adds the merge of a worktree's branch into that of the main worktree, and the rebase onto it, where both are
    /// clean.
    fn add_merge(
        self,
        repository: &Repository,
        (branch, status): (&str, &WorkTreeStatus),
        menu: &mut GitMenu,
    ) -> Result<(), GitError> {
        let Some(base) = base_branch(repository)? else { return Ok(()) };
        let into = format!("refs/heads/{}", base.branch);
        let has_commits = !repository.is_ancestor("HEAD", &into)?;
        let is_behind = !repository.is_ancestor(&into, "HEAD")?;
        if !has_commits && !is_behind {
            return Ok(());
        }
        let own = OwnRepository::open(self.git, self.own, &repository.common_dir)?;
        let conflicts = match own.merge_conflicts(&repository.commit(&into)?, &repository.commit("HEAD")?) {
            Ok(conflicts) => conflicts,
            Err(error) => {
                menu.notes.push(format!("No merge is offered, because it could not be tried: {error}"));
                return Ok(());
            }
        };
        if !conflicts.is_empty() {
            let files = conflicts.join(", ");
            let text = format!("{branch} and {} have conflicts in {files}: merge them with git.", base.branch);
            menu.notes.push(text);
            return Ok(());
        }
        let is_clean = status.changes.iter().all(|change| change.kind == ChangedFileKind::Untracked);
        if is_behind && is_clean {
            let done = format!("Rebased onto {}", base.branch);
            menu.plans.push(CommandPlan::git(repository.root.clone(), &["rebase", &base.branch], &done));
        }
        if has_commits {
            let (root, done) = (base.root.to_string_lossy(), format!("Merged into {}", base.branch));
            let words = ["-C", &root, "merge", "--no-edit", branch];
            menu.plans.push(CommandPlan::git(base.root.clone(), &words, &done));
            if !status.changes.is_empty() {
                menu.notes.push("A merge leaves out what is not committed.".to_owned());
            }
        }
        Ok(())
    }

    /// Returns the latest prompts of the session.
    fn prompts(self) -> Vec<String> {
        let opened = index::open_transcript(agent::format(self.session.key.agent), self.session, Some(self.state_db));
        let Ok(mut reading) = opened else { return Vec::new() };
        let (mut prompts, mut from) = (Vec::new(), 0);
        loop {
            let entries = reading.read(from..reading.len().min(from + CHUNK), TextLimit::SCREEN);
            if entries.is_empty() {
                break;
            }
            from += entries.len();
            let own = entries.into_iter().filter(|entry| entry.kind == EntryKind::Prompt && entry.sender.is_none());
            prompts.extend(own.map(|entry| entry.text.clone()));
        }
        prompts.split_off(prompts.len().saturating_sub(MAX_PROMPTS))
    }
}

/// Branch of a main worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseBranch {
    /// Root of the main worktree.
    pub root: PathBuf,
    /// Name of its branch.
    pub branch: String,
}

/// Returns the branch into which that of a linked worktree is merged: that of the main worktree.
pub(super) fn base_branch(repository: &Repository) -> Result<Option<BaseBranch>, GitError> {
    if repository.git_dir == repository.common_dir {
        return Ok(None);
    }
    let worktrees = repository.worktrees()?;
    let Some(main) = worktrees.first().filter(|main| main.path != repository.root) else { return Ok(None) };
    let branch = main.branch.as_deref().and_then(|branch| branch.strip_prefix("refs/heads/"));
    Ok(branch.map(|branch| BaseBranch { root: main.path.clone(), branch: branch.to_owned() }))
}

/// Returns the commit since which the work of a branch counts: where it left the branch of the main worktree, else its
/// upstream. After a merge, a rebase or a pull, that is a newer one.
pub fn base_commit(repository: &Repository) -> Result<Option<String>, GitError> {
    if let Some(base) = base_branch(repository)? {
        return repository.merge_base("HEAD", &format!("refs/heads/{}", base.branch));
    }
    match repository.commit("@{upstream}") {
        Ok(upstream) => repository.merge_base("HEAD", &upstream),
        Err(GitError::UnknownRevision(_) | GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn stage_file(repository: &Repository, status: &WorkTreeStatus, file: &Path) -> Vec<CommandPlan> {
    let found = file.strip_prefix(&repository.root).ok().and_then(|path| {
        let change = status.changes.iter().find(|change| change.path == path)?;
        // Other names are staged with everything else.
        Some((path.to_str()?, change.kind))
    });
    let Some((path, kind)) = found else { return Vec::new() };
    let plan = |words: &[&str], done: &str| {
        let literal: &[&str] = if path.contains(PATTERN) { &["--literal-pathspecs"] } else { &[] };
        CommandPlan::git(repository.root.clone(), &[literal, words, &["--", path]].concat(), done)
    };
    let stage = || plan(&["add"], "Staged");
    let unstage = || plan(&["restore", "--staged"], "No longer staged");
    match kind {
        ChangedFileKind::Modified | ChangedFileKind::Untracked => vec![stage()],
        ChangedFileKind::Staged => vec![unstage()],
        ChangedFileKind::StagedAndModified => vec![stage(), unstage()],
        ChangedFileKind::Conflicted => Vec::new(),
    }
}

/// Describes the state: `feature ±3 ↑1, 2 staged`.
fn state(status: &WorkTreeStatus) -> String {
    let (ahead, behind) = status.divergence.unwrap_or_default();
    let summary = WorkTreeSummary { branch: status.branch.clone(), changed: status.changes.len(), ahead, behind };
    let is_staged = |kind| matches!(kind, ChangedFileKind::Staged | ChangedFileKind::StagedAndModified);
    match status.changes.iter().filter(|change| is_staged(change.kind)).count() {
        0 => summary.text(),
        staged => format!("{}, {staged} staged", summary.text()),
    }
}
