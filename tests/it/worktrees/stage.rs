//! A repository with salon's own directories, for tests of worktrees.

use std::sync::Arc;

use salon::config::paths::Paths;
use salon::config::settings::Settings;
use salon::domain::Time;
use salon::domain::worktree::{RemovalObstacle, Worktree};
use salon::runtime::worktrees::{CreatedWorktree, PruneOutcome, WorktreeRequest, Worktrees};
use salon::store::Store;

use crate::git::repo::Repo;

/// Milliseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000;

/// A repository and the worktrees that salon makes of it.
pub(super) struct Scene {
    pub repo: Repo,
    pub worktrees: Worktrees,
    pub now: Time,
}

impl Scene {
    pub(super) fn new(repo: Repo) -> Self {
        let salon = repo.outside().join("salon");
        let paths = Paths {
            config: salon.join("config"),
            data: salon.join("data"),
            cache: salon.join("cache"),
            runtime: salon.join("run"),
        };
        std::fs::create_dir_all(&paths.data).expect("created");
        let now = Time::parse("2026-11-21T12:00:00Z").expect("a time");
        let store = Arc::new(Store::open(&paths.state_db(), now).expect("state.db").store);
        let (settings, _) = Settings::read("");
        let (git, home, vars) = (repo.program(), repo.outside(), repo.vars());
        Self { worktrees: Worktrees { git, store, settings, paths, home, vars }, repo, now }
    }

    /// Creates a worktree.
    pub(super) fn create(&self, name: Option<&str>) -> CreatedWorktree {
        let request = WorktreeRequest { dir: self.repo.path(), name, base: None };
        self.worktrees.create(request, self.now).expect("created")
    }

    /// Creates a worktree whose commit is pushed, with an upstream.
    pub(super) fn pushed(&self, name: &str) -> Worktree {
        let tree = self.create(Some(name)).worktree;
        crate::git::repo::write(&tree.path.join("work"), "done\n");
        self.repo.commit_in(&tree.path, "work");
        self.repo.git_in(&tree.path, &["push", "--quiet", "--set-upstream", "origin", name]);
        tree
    }

    /// The only recorded worktree.
    pub(super) fn only(&self) -> Worktree {
        let mut listed = self.worktrees.list().expect("a list");
        assert_eq!(listed.len(), 1);
        listed.remove(0)
    }

    /// Prunes some hours after the start.
    pub(super) fn prune(&self, hours: i64) -> Vec<PruneOutcome> {
        let now = Time::from_millis(self.now.millis() + hours * HOUR + 1);
        let pruned = self.worktrees.prune(&[], now, false).expect("pruned");
        pruned.into_iter().map(|pruned| pruned.outcome).collect()
    }
}

/// Codes of the reasons for which a worktree was kept.
pub(super) fn reasons(outcome: &PruneOutcome) -> Vec<&'static str> {
    match outcome {
        PruneOutcome::Kept(obstacles) => obstacles.iter().map(RemovalObstacle::code).collect(),
        other => panic!("{other:?}"),
    }
}
