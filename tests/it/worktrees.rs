//! Worktrees of sessions: what is created, what is never removed, and that a removal loses nothing.

mod commands;
mod continued;
mod reaper;
mod reflog;
mod stage;

use std::fs;
use std::path::Path;

use salon::config::settings::Settings;
use salon::domain::Time;
use salon::domain::worktree::{DueRemoval, WorktreePhase, branch_name};
use salon::runtime::worktrees::WorktreeRequest;

use super::git::repo::{self, Repo};
use stage::{HOUR, Scene};

#[test]
fn a_worktree_has_a_branch_of_its_own_below_the_root() {
    let scene = Scene::new(Repo::with_remote());
    let created = scene.create(Some("Fix the login! It fails, again and again"));
    let tree = &created.worktree;
    assert_eq!((tree.name.as_str(), tree.branch.as_str()), ("fix-the-login-it-fails", "fix-the-login-it-fails"));
    assert_eq!(tree.path, scene.worktrees.paths.worktrees().join("shop/fix-the-login-it-fails"));
    assert_eq!(scene.repo.git_in(&tree.path, &["branch", "--show-current"]), tree.branch);
    assert_eq!(fs::read_to_string(tree.path.join("readme")).expect("checked out"), "one\ntwo\nthree\n");
    assert!(
        scene.repo.command(&tree.path, &["rev-parse", "@{upstream}"]).output().expect("git").status.code() != Some(0)
    );
    let again = scene.create(Some("Fix the login! It fails, again and again"));
    assert_eq!(again.worktree.branch, "fix-the-login-it-fails-2");
    let kept = scene.create(Some("feature/Login"));
    assert_eq!((kept.worktree.name.as_str(), kept.worktree.branch.as_str()), ("feature-Login", "feature/Login"));
    assert_eq!(scene.create(None).worktree.branch, "worktree");
    let listed = scene.worktrees.list().expect("a list");
    let mut ports: Vec<_> = listed.iter().map(|tree| tree.port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() == 4 && ports.windows(2).all(|pair| pair[1] - pair[0] >= 10), "{ports:?}");
}

#[test]
fn a_base_is_any_commit_and_an_unknown_one_leaves_nothing() {
    let scene = Scene::new(Repo::with_remote());
    scene.repo.write("readme", "later\n").commit("second");
    let request = |base| WorktreeRequest { dir: scene.repo.path(), name: Some("old"), base: Some(base) };
    let old = scene.worktrees.create(request("origin/main"), scene.now).expect("created").worktree;
    assert_eq!(fs::read_to_string(old.path.join("readme")).expect("checked out"), "one\ntwo\nthree\n");
    let error = scene.worktrees.create(request("--help"), scene.now).expect_err("no such commit");
    assert!(error.contains("no commit is named"), "{error}");
    assert_eq!(scene.worktrees.list().expect("a list").len(), 1);
}

#[test]
fn a_place_without_commits_or_without_a_repository_is_refused() {
    let scene = Scene::new(Repo::empty());
    let request = |dir| WorktreeRequest { dir, name: None, base: None };
    let error = scene.worktrees.create(request(scene.repo.path()), scene.now).expect_err("no commits");
    assert!(error.contains("has no commits yet"), "{error}");
    let error = scene.worktrees.create(request(&scene.repo.outside()), scene.now).expect_err("no repository");
    assert!(error.contains("is not in a git repository"), "{error}");
    assert!(scene.worktrees.list().expect("a list").is_empty());
}

#[test]
fn included_files_are_copied_and_never_linked() {
    let repo = Repo::with_remote();
    repo.write(".gitignore", ".env\nsecrets/\n*.log\n")
        .write(".worktreeinclude", ".env\nsecrets/*\n!secrets/no\nreadme\nnew\n");
    repo.write("in/x", "").commit("ignore");
    repo.write(".env", "A=1\n")
        .write("secrets/a/key", "k\n")
        .write("secrets/no", "")
        .write("x.log", "")
        .write("new", "");
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("secrets/link")).expect("a link");
    let scene = Scene::new(repo);
    let created = scene.create(None);
    let copied: Vec<_> = created.files.copied.iter().map(|path| path.to_str().expect("text")).collect();
    assert_eq!(copied, [".env", "secrets/a/key"]);
    assert_eq!(created.files.skipped.len(), 1, "{:?}", created.files.skipped);
    let tree = &created.worktree.path;
    assert_eq!(fs::read_to_string(tree.join(".env")).expect("copied"), "A=1\n");
    repo::write(&tree.join(".env"), "A=2\n");
    assert_eq!(fs::read_to_string(scene.repo.path().join(".env")).expect("its own"), "A=1\n");
    for absent in ["secrets/no", "x.log", "new", "secrets/link"] {
        assert!(fs::symlink_metadata(tree.join(absent)).is_err(), "{absent}");
    }
}

#[test]
fn a_checkout_with_a_link_for_a_folder_gets_no_file_through_it() {
    let repo = Repo::with_remote();
    let outside = repo.outside().join("elsewhere");
    fs::create_dir(&outside).expect("created");
    std::os::unix::fs::symlink(&outside, repo.path().join("secrets")).expect("a link");
    repo.write(".gitignore", "key\n").write(".worktreeinclude", "key\n").commit("a link");
    // In the main worktree it is a folder meanwhile.
    fs::remove_file(repo.path().join("secrets")).expect("removed");
    repo.write("secrets/key", "k\n");
    let scene = Scene::new(repo);
    let created = scene.create(None);
    assert_eq!(created.files.copied.len(), 0, "{:?}", created.files);
    assert_eq!(fs::read_dir(&outside).expect("a folder").count(), 0);
}

#[test]
fn setup_commands_run_in_the_worktree_with_its_ports_and_a_failure_leaves_it() {
    let repo = Repo::with_remote();
    let config = format!(
        "[workspaces.\"{}\"]\nsetup = [\"sh -c 'echo $SALON_PORT $SALON_WORKTREE $KEY > made'\", \"sh -c 'echo oops; exit 3'\", \"touch never\"]\nenv = {{ KEY = \"value\" }}\n",
        repo.path().display()
    );
    let mut scene = Scene::new(repo);
    let (settings, problems) = Settings::read(&config);
    assert!(problems.is_empty(), "{problems:?}");
    scene.worktrees.settings = settings;
    let created = scene.create(Some("prepared"));
    let tree = &created.worktree;
    let made = fs::read_to_string(tree.path.join("made")).expect("it ran");
    assert_eq!(made, format!("{} prepared value\n", tree.port));
    assert_eq!(created.setup.len(), 2);
    assert_eq!((created.setup[1].exit_code, created.setup[1].output.as_str()), (Some(3), "oops\n"));
    assert_eq!(scene.worktrees.setup_of(tree).expect("kept"), created.setup, "the output can be looked at later");
    assert!(created.failure().is_some_and(|failure| failure.contains("exit status: 3")), "{:?}", created.failure());
    assert!(!tree.path.join("never").exists());
    assert_eq!(scene.only().phase, WorktreePhase::Ready);
}

#[test]
fn the_location_is_a_setting() {
    let mut scene = Scene::new(Repo::with_remote());
    let (settings, problems) = Settings::read("[worktrees]\nroot = \"../{repo}.worktrees/{name}\"\n");
    assert!(problems.is_empty(), "{problems:?}");
    scene.worktrees.settings = settings;
    let tree = scene.create(Some("beside")).worktree;
    assert_eq!(tree.path, scene.repo.outside().join("shop.worktrees/beside"));
    // From a worktree, the next one is beside it, with the same workspace.
    let request = WorktreeRequest { dir: &tree.path, name: Some("other"), base: None };
    let other = scene.worktrees.create(request, scene.now).expect("created").worktree;
    assert_eq!((other.workspace.as_path(), other.root), (scene.repo.path(), tree.root));
    let (_, problems) = Settings::read("[worktrees]\nroot = \"/tmp\"\n");
    assert_eq!(problems.len(), 1);
}

#[test]
fn names_of_branches_come_from_words() {
    for (words, name) in [
        ("Fix the login", Some("fix-the-login")),
        ("  --help ../../x ", Some("help-x")),
        ("one two three four five six", Some("one-two-three-four-five")),
        ("Größe prüfen", Some("größe-prüfen")),
        ("!?", None),
        ("", None),
    ] {
        assert_eq!(branch_name(words).as_deref(), name, "{words}");
    }
    assert!(branch_name(&"x".repeat(500)).is_some_and(|name| name.len() == 48));
}

#[test]
fn e18_a_removal_is_due_after_an_hour_and_a_permanent_one_after_seven_days() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.create(None).worktree;
    let at = |millis: i64| Time::from_millis(scene.now.millis() + millis);
    let due = |activity: Option<i64>, now: i64| tree.due_removal(activity.map(at), at(now));
    assert_eq!(due(None, HOUR), DueRemoval::None);
    assert_eq!(due(None, HOUR + 1), DueRemoval::Trash);
    assert_eq!(due(Some(HOUR), HOUR + 1), DueRemoval::None);
    assert_eq!(due(Some(HOUR), 2 * HOUR + 1), DueRemoval::Trash);
    assert_eq!(due(Some(-HOUR), HOUR), DueRemoval::None, "the worktree itself is younger");
    assert_eq!(due(None, -HOUR), DueRemoval::None, "clocks differ");
    let mut trashed = tree.clone();
    trashed.trashed = Some(at(0));
    assert_eq!(trashed.due_removal(None, at(7 * 24 * HOUR)), DueRemoval::None);
    assert_eq!(trashed.due_removal(None, at(7 * 24 * HOUR + 1)), DueRemoval::Remove);
    for phase in [WorktreePhase::Creating, WorktreePhase::Removing] {
        trashed.phase = phase;
        assert_eq!(trashed.due_removal(None, at(100 * 24 * HOUR)), DueRemoval::None);
    }
}

/// All files of a directory, with their contents.
fn content(root: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                all.insert(path.strip_prefix(root).expect("below").to_owned(), fs::read(&path).expect("readable"));
            }
        }
    }
    all
}
