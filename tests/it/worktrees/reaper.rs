//! Removal of worktrees: only what is clean, pushed and unused, in two steps, and never anything of others.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use salon::domain::Time;
use salon::domain::run::RunId;
use salon::domain::worktree::{RemovalObstacle, Worktree, WorktreePhase};
use salon::domain::{Agent, SessionKey};
use salon::git::own_repository::OwnRepository;
use salon::runtime::worktrees::{DirectoryUse, PruneOutcome};
use salon::store::{outbox, registry, worktrees};

use super::content;
use super::stage::{HOUR, Scene, reasons};
use crate::git::repo::{self, Repo};

/// Hours after which everything in the trash is due.
pub(super) const WEEK: i64 = 7 * 24;

#[test]
fn e18_a_clean_and_pushed_worktree_goes_to_the_trash_after_an_hour_and_nothing_younger() {
    let scene = Scene::new(Repo::with_remote());
    let old = scene.pushed("old");
    assert_eq!(scene.prune(0), []);
    let mut young = scene.pushed("young");
    young.created = Time::from_millis(scene.now.millis() + HOUR);
    scene
        .worktrees
        .store
        .with(|db| {
            worktrees::remove(db, &young.id)?;
            worktrees::insert(db, &young)
        })
        .expect("recorded");
    let before = content(&old.path);
    assert_eq!(scene.prune(1), [PruneOutcome::Trashed]);
    let listed = scene.worktrees.list().expect("a list");
    let trashed: Vec<_> = listed.iter().filter(|tree| tree.trashed.is_some()).map(|tree| tree.name.as_str()).collect();
    assert_eq!(trashed, ["old"]);
    assert_eq!(content(&old.path), before);
}

#[test]
fn e26_the_trash_keeps_a_worktree_for_seven_days_and_restores_it_identically() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    let before = content(&tree.path);
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    assert_eq!(scene.prune(WEEK - 1), []);
    scene.worktrees.restore(&tree, scene.now).expect("restored");
    assert_eq!((content(&tree.path), scene.only().trashed), (before, None));
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    assert_eq!(scene.prune(WEEK), [PruneOutcome::Removed]);
    assert!(!tree.path.exists() && scene.worktrees.list().expect("a list").is_empty());
    assert_eq!(scene.repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    // The branch is the user's.
    assert_eq!(scene.repo.git(&["rev-parse", "kept"]), scene.repo.git(&["rev-parse", "origin/kept"]));
}

#[test]
fn e26_a_permanent_removal_repeats_the_whole_look_for_work() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    repo::write(&tree.path.join("late"), "work\n");
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["untracked"]]);
    let kept = scene.only();
    assert!(kept.phase == WorktreePhase::Ready && kept.trashed.is_some());
    assert_eq!(fs::read_to_string(tree.path.join("late")).expect("kept"), "work\n");
}

#[test]
fn h40_work_that_appears_during_the_removal_brings_the_worktree_back() {
    let mut scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    let config = format!("[workspaces.\"{}\"]\nteardown = [\"touch late\"]\n", scene.repo.path().display());
    scene.worktrees.settings = salon::config::settings::Settings::read(&config).0;
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["untracked"]]);
    assert!(tree.path.join("late").exists() && scene.only().phase == WorktreePhase::Ready);
    let failing = config.replace("touch late", "false");
    fs::remove_file(tree.path.join("late")).expect("removed");
    scene.worktrees.settings = salon::config::settings::Settings::read(&failing).0;
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["unknown"]]);
    assert!(tree.path.join("work").exists());
}

#[test]
fn h40_commands_before_a_removal_run_only_once_everything_is_kept() {
    let mut scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    let ran = scene.repo.outside().join("ran");
    let folder = scene.worktrees.paths.repositories();
    let archive = format!("refs/salon/archive/{}-before-teardown", tree.id);
    let list = format!("git -C {}/*.git for-each-ref {archive} > {}", folder.display(), ran.display());
    let workspace = scene.repo.path().display().to_string();
    let config = format!("[workspaces.\"{workspace}\"]\nteardown = [\"sh -c '{list}'\"]\n");
    scene.worktrees.settings = salon::config::settings::Settings::read(&config).0;
    // The copy cannot be made.
    let own = OwnRepository::open(&scene.worktrees.git, &folder, &tree.repository).expect("opened");
    let head = own.path.join("objects/pack");
    fs::remove_dir_all(&head).ok();
    fs::write(&head, "no folder\n").expect("written");
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["unknown"]]);
    assert!(!ran.exists() && tree.path.join("work").exists() && scene.only().phase == WorktreePhase::Ready);
    fs::remove_file(&head).expect("removed");
    assert_eq!(scene.prune(WEEK), [PruneOutcome::Removed]);
    assert!(fs::read_to_string(&ran).expect("it ran").trim().ends_with(&archive));
    let fetched = scene.worktrees.fetch_command(&tree).expect("a command");
    assert!(fetched.contains(&archive), "{fetched:?}");
}

#[test]
fn h40_a_removed_worktree_is_kept_in_salons_own_repository_without_the_users_objects() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    let head = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    assert_eq!(scene.prune(WEEK), [PruneOutcome::Removed]);
    let folder = scene.worktrees.paths.repositories();
    let own = OwnRepository::open(&scene.worktrees.git, &folder, &tree.repository).expect("opened");
    let kept = own.find_ref(&format!("refs/salon/archive/{}", tree.id)).expect("read").expect("a ref");
    let parent = own.command("rev-parse").args([format!("{kept}^")]).line().expect("a parent");
    assert_eq!(String::from_utf8(parent).expect("text"), head);
    let file = own.command("cat-file").args(["-p", &format!("{kept}:work")]).run().expect("a file");
    assert_eq!(file, b"done\n");
}

#[test]
fn h40_an_archive_has_what_no_remote_has() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.create(Some("own")).worktree;
    repo::write(&tree.path.join("work"), "committed\n");
    scene.repo.commit_in(&tree.path, "work");
    repo::write(&tree.path.join("work"), "changed\n");
    repo::write(&tree.path.join("new"), "untracked\n");
    let opened = salon::git::Repository::open(&scene.worktrees.git, &tree.path).expect("a repository");
    let index = fs::read(opened.git_dir.join("index")).expect("an index");
    let folder = scene.worktrees.paths.repositories();
    let own = OwnRepository::open(&scene.worktrees.git, &folder, &tree.repository).expect("opened");
    let kept = own.archive(&opened, "refs/salon/archive/x").expect("kept");
    assert_eq!(fs::read(opened.git_dir.join("index")).expect("an index"), index, "the user's index is untouched");
    assert_eq!(scene.repo.git(&["for-each-ref", "refs/salon"]), "");
    // Without the user's objects, everything that is on no remote is still there.
    fs::remove_file(own.path.join("objects/info/alternates")).expect("removed");
    for (name, text) in [("HEAD^:work", None), ("work", Some("changed\n")), ("new", Some("untracked\n"))] {
        let Some(text) = text else { continue };
        let file = scene.repo.git_in(&own.path, &["cat-file", "-p", &format!("{kept}:{name}")]);
        assert_eq!(file, text.trim_end());
    }
    assert_eq!(scene.repo.git_in(&own.path, &["cat-file", "-p", &format!("{kept}^:work")]), "committed");
}

#[test]
fn e19_an_open_or_queued_session_is_an_obstacle() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("used");
    let used =
        |is_open| DirectoryUse { cwd: tree.path.join("sub"), session: "claude:a".to_owned(), activity: None, is_open };
    let refused = scene.worktrees.trash(&tree, &[used(true)], scene.now).expect_err("in use");
    assert_eq!(refused.iter().map(ToString::to_string).collect::<Vec<_>>(), ["in use by session claude:a"]);
    assert_eq!(scene.worktrees.obstacles(&tree, &[used(false)]), []);
    let run = registry::RunRecord {
        id: RunId("run-1".into()),
        agent: Agent::Claude,
        session: Some(SessionKey::new(Agent::Claude, "a")),
        cwd: tree.path.to_string_lossy().into_owned(),
        model: None,
        effort: None,
        created: scene.now,
        last_activity: scene.now,
    };
    let store = &scene.worktrees.store;
    store.with(|db| registry::record(db, &run)).expect("recorded");
    assert_eq!(scene.worktrees.obstacles(&tree, &scene.worktrees.run_uses().expect("uses")), []);
    store.with(|db| outbox::enqueue(db, &run.id, "still to be sent", scene.now)).expect("queued");
    assert_eq!(scene.prune(1).iter().map(reasons).collect::<Vec<_>>(), [["session"]]);
}

#[test]
fn e18_activity_of_a_session_renews_the_hour() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("used");
    let at = |hours: i64| Time::from_millis(scene.now.millis() + hours * HOUR + 1);
    let used = DirectoryUse { cwd: tree.path.clone(), session: "a".into(), activity: Some(at(1)), is_open: false };
    assert!(scene.worktrees.prune(std::slice::from_ref(&used), at(2), true).expect("looked").is_empty());
    assert_eq!(scene.worktrees.prune(&[used], at(3), true).expect("looked").len(), 1);
    assert!(scene.only().trashed.is_none(), "a dry run changes nothing");
}

#[test]
fn e21_without_a_remote_nothing_is_reaped_and_the_user_may_still_do_it() {
    let scene = Scene::new(Repo::new());
    let tree = scene.create(Some("local")).worktree;
    assert_eq!(scene.prune(1).iter().map(reasons).collect::<Vec<_>>(), [["no_remote"]]);
    scene.worktrees.trash(&tree, &[], scene.now).expect("by hand");
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["no_remote"]]);
    assert!(tree.path.exists());
}

#[test]
fn e22_a_worktree_made_by_hand_is_never_listed_or_touched_even_inside_the_root() {
    let scene = Scene::new(Repo::with_remote());
    let ours = scene.pushed("ours");
    let foreign = ours.root.join("foreign");
    scene.repo.git(&["worktree", "add", "--quiet", "-b", "foreign", foreign.to_str().expect("text")]);
    scene.worktrees.trash(&ours, &[], scene.now).expect("moved");
    scene.prune(WEEK);
    assert!(foreign.join("readme").exists() && scene.worktrees.list().expect("a list").is_empty());
    // One that took the place of ours has no mark.
    let ours = scene.pushed("again");
    let path = ours.path.to_str().expect("text");
    scene.repo.git(&["worktree", "remove", path]);
    scene.repo.git(&["worktree", "add", "--quiet", path, "again"]);
    let refused = scene.worktrees.trash(&ours, &[], scene.now).expect_err("not ours");
    assert_eq!(refused[0].to_string(), "salon did not create it");
    assert_eq!(scene.prune(1).iter().map(reasons).collect::<Vec<_>>(), [["not_owned"]]);
}

#[test]
fn e23_links_dots_and_moved_repositories_are_refused() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("ours");
    let refused = |tree: &Worktree| {
        let found = scene.worktrees.obstacles(tree, &[]);
        assert!(found.iter().any(|obstacle| obstacle.code() == "not_owned"), "{found:?}");
    };
    let with_path = |path: PathBuf| Worktree { path, ..tree.clone() };
    refused(&with_path(tree.root.join("../shop/ours")));
    refused(&with_path(scene.repo.path().to_owned()));
    refused(&with_path(tree.root.clone()));
    refused(&Worktree { root: scene.repo.path().to_owned(), ..tree.clone() });
    refused(&Worktree { repository: scene.repo.outside(), ..tree.clone() });
    let link = tree.root.join("link");
    std::os::unix::fs::symlink(&tree.path, &link).expect("a link");
    refused(&with_path(link));
    let moved = tree.root.join("moved");
    fs::rename(&tree.path, &moved).expect("moved");
    std::os::unix::fs::symlink(&moved, &tree.path).expect("a link");
    refused(&tree);
    fs::remove_file(&tree.path).expect("removed");
    fs::rename(&moved, &tree.path).expect("moved back");
    fs::rename(scene.repo.path(), scene.repo.outside().join("elsewhere")).expect("moved");
    refused(&tree);
    assert!(tree.path.join("work").exists());
}

#[test]
fn e24_a_worktree_that_was_removed_by_hand_is_closed_and_others_stay() {
    let scene = Scene::new(Repo::with_remote());
    let (gone, other) = (scene.pushed("gone"), scene.repo.outside().join("other"));
    scene.repo.git(&["worktree", "add", "--quiet", "-b", "other", other.to_str().expect("text")]);
    fs::remove_dir_all(&gone.path).expect("removed");
    fs::remove_dir_all(&other).expect("removed");
    // It may only have been moved, so that it is in the trash for the usual time.
    assert_eq!(scene.prune(0), []);
    assert!(scene.only().trashed.is_some());
    assert_eq!(scene.prune(WEEK + 1), []);
    assert!(scene.worktrees.list().expect("a list").is_empty());
    let known = scene.repo.git(&["worktree", "list", "--porcelain"]);
    assert!(!known.contains("/gone") && known.contains("/other"), "{known}");
}

#[test]
fn e24_a_worktree_that_git_removed_is_closed_at_once() {
    let scene = Scene::new(Repo::with_remote());
    let gone = scene.pushed("gone");
    scene.repo.git(&["worktree", "remove", gone.path.to_str().expect("text")]);
    assert_eq!(scene.prune(0), []);
    assert!(scene.worktrees.list().expect("a list").is_empty());
}

#[test]
fn e24_a_worktree_that_was_moved_keeps_its_git_state() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("moved");
    let elsewhere = scene.repo.outside().join("elsewhere");
    fs::rename(&tree.path, &elsewhere).expect("moved");
    assert_eq!(scene.prune(2), []);
    scene.repo.git_in(&elsewhere, &["status"]);
    // Work of its own keeps it for as long as it is there.
    repo::write(&elsewhere.join("work"), "staged\n");
    scene.repo.git_in(&elsewhere, &["add", "work"]);
    let kept = |said: &str| {
        let outcomes = scene.prune(2 * WEEK);
        let [PruneOutcome::Kept(found)] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert!(found[0].to_string().ends_with(said), "{found:?}");
    };
    kept("is gone, but git still has work of it: 1 staged file");
    scene.repo.git_in(&elsewhere, &["reset", "--quiet", "--hard"]);
    scene.repo.git_in(&elsewhere, &["checkout", "--quiet", "--detach"]);
    scene.repo.commit_in(&elsewhere, "nowhere");
    kept("1 commit on no branch");
    scene.repo.git_in(&elsewhere, &["checkout", "--quiet", "moved"]);
    scene.repo.git_in(&elsewhere, &["bisect", "start"]);
    kept("a bisect in progress");
    scene.repo.git_in(&elsewhere, &["bisect", "reset"]);
    // Git's own repair tells where it is: it is the user's then.
    scene.repo.git_in(&elsewhere, &["worktree", "repair"]);
    assert_eq!(scene.prune(2 * WEEK), []);
    assert!(scene.worktrees.list().expect("a list").is_empty());
    assert_eq!(scene.repo.git_in(&elsewhere, &["branch", "--show-current"]), "moved");
}

#[test]
fn e24_the_commit_of_a_worktree_that_is_gone_is_archived() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.create(Some("gone")).worktree;
    repo::write(&tree.path.join("work"), "never pushed\n");
    scene.repo.commit_in(&tree.path, "own");
    let head = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    fs::remove_dir_all(&tree.path).expect("removed");
    scene.prune(0);
    scene.prune(WEEK + 1);
    let own = own(&scene, &tree);
    assert_eq!(own.find_ref(&format!("refs/salon/archive/{}", tree.id)).expect("read"), Some(head.clone()));
    // The user deletes the branch, and everything that is in no branch.
    scene.repo.git(&["branch", "--quiet", "-D", "gone"]);
    collect_garbage(&scene.repo);
    own.pack().expect("packed");
    let file = own.command("cat-file").args(["-p", &format!("{head}:work")]).run().expect("still there");
    assert_eq!(file, b"never pushed\n");
}

#[test]
fn e24_a_root_that_is_not_mounted_closes_nothing() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("away");
    let aside = scene.repo.outside().join("aside");
    fs::rename(&tree.root, &aside).expect("unmounted");
    assert_eq!(scene.prune(1).iter().map(reasons).collect::<Vec<_>>().len(), 1);
    fs::rename(&aside, &tree.root).expect("mounted");
    assert_eq!(scene.only().id, tree.id);
    assert_eq!(scene.prune(1), [PruneOutcome::Trashed]);
}

#[test]
fn e25_a_crash_between_mark_and_removal_is_taken_back_or_finished() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    let mark = || {
        scene.worktrees.store.with(|db| worktrees::set_phase(db, &tree.id, WorktreePhase::Removing)).expect("marked");
    };
    mark();
    assert_eq!(scene.prune(1), []);
    assert!(scene.only().phase == WorktreePhase::Ready && tree.path.join("work").exists());
    // After the directory was moved, the removal is finished.
    mark();
    let moved = tree.root.join(format!(".removed-{}", tree.id));
    fs::rename(&tree.path, &moved).expect("moved");
    assert_eq!(scene.prune(1), []);
    assert!(!moved.exists() && scene.worktrees.list().expect("a list").is_empty());
    assert!(!scene.repo.git(&["worktree", "list", "--porcelain"]).contains("/kept"));
}

#[test]
fn e25_work_that_appeared_before_a_removal_is_resumed_is_not_lost() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    scene.worktrees.store.with(|db| worktrees::set_phase(db, &tree.id, WorktreePhase::Removing)).expect("marked");
    let moved = tree.root.join(format!(".removed-{}", tree.id));
    fs::rename(&tree.path, &moved).expect("moved");
    repo::write(&moved.join("late"), "work\n");
    assert_eq!(scene.prune(1), []);
    assert_eq!(fs::read_to_string(tree.path.join("late")).expect("moved back"), "work\n");
    assert_eq!(scene.only().phase, WorktreePhase::Ready);
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["untracked"]]);
    // Git's record is removed last before the files: without one, the last look had taken place.
    fs::remove_file(tree.path.join("late")).expect("removed");
    scene.worktrees.store.with(|db| worktrees::set_phase(db, &tree.id, WorktreePhase::Removing)).expect("marked");
    fs::rename(&tree.path, &moved).expect("moved");
    scene.repo.git(&["worktree", "remove", tree.path.to_str().expect("text")]);
    fs::remove_file(moved.join(".git")).expect("half deleted");
    assert_eq!(scene.prune(1), []);
    assert!(!moved.exists() && scene.worktrees.list().expect("a list").is_empty());
}

#[test]
fn e26_what_is_written_into_an_ignored_directory_of_the_start_keeps_the_worktree() {
    let repo = Repo::with_remote();
    repo.write(".gitignore", "local/\n").write(".worktreeinclude", "local/\n").commit("ignore");
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.write("local/data/in.csv", "1\n");
    let scene = Scene::new(repo);
    let tree = scene.pushed("job");
    assert_eq!(scene.worktrees.obstacles(&tree, &[]), []);
    let result = tree.path.join("local/data/results.csv");
    repo::write(&result, "hours of work\n");
    let refused = scene.worktrees.trash(&tree, &[], scene.now).expect_err("an ignored file is new");
    assert_eq!(refused, [RemovalObstacle::Ignored(vec!["local/".to_owned()])]);
    fs::remove_file(&result).expect("removed");
    scene.worktrees.trash(&tree, &[], scene.now).expect("as at the start");
    repo::write(&result, "late\n");
    assert_eq!(scene.prune(WEEK).iter().map(reasons).collect::<Vec<_>>(), [["ignored"]]);
    assert_eq!(fs::read_to_string(&result).expect("kept"), "late\n");
}

#[test]
fn e26_a_restored_worktree_stays_for_as_long_as_a_used_one() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    let at = |hours: i64| Time::from_millis(scene.now.millis() + hours * HOUR);
    assert_eq!(scene.prune(1), [PruneOutcome::Trashed]);
    scene.worktrees.restore(&tree, at(10)).expect("restored");
    assert_eq!(scene.prune(10), [], "it may be about to be used");
    assert_eq!(scene.prune(11), [PruneOutcome::Trashed]);
    // A session that went on in the trash renews the time there.
    let used = DirectoryUse { cwd: tree.path.clone(), session: "a".into(), activity: Some(at(100)), is_open: false };
    let pruned = |hours| scene.worktrees.prune(std::slice::from_ref(&used), at(hours), true).expect("looked").len();
    assert_eq!((pruned(WEEK + 12), pruned(WEEK + 100), pruned(WEEK + 101)), (0, 0, 1));
}

#[test]
fn h40_an_archive_needs_nothing_that_the_user_may_delete() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("topic");
    let head = scene.repo.git_in(&tree.path, &["rev-parse", "HEAD"]);
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
    assert_eq!(scene.prune(WEEK), [PruneOutcome::Removed]);
    let own = own(&scene, &tree);
    own.pack().expect("packed while the user has everything too");
    scene.repo.git(&["push", "--quiet", "origin", "--delete", "topic"]);
    scene.repo.git(&["branch", "--quiet", "-D", "topic"]);
    collect_garbage(&scene.repo);
    assert!(!scene.repo.command(scene.repo.path(), &["cat-file", "-e", &head]).status().expect("git").success());
    own.pack().expect("packed");
    let file = own.command("cat-file").args(["-p", &format!("{head}:work")]).run().expect("still there");
    assert_eq!(file, b"done\n");
}

/// Salon's own repository for that of a worktree.
pub(super) fn own(scene: &Scene, tree: &Worktree) -> OwnRepository {
    OwnRepository::open(&scene.worktrees.git, &scene.worktrees.paths.repositories(), &tree.repository).expect("opened")
}

/// Deletes everything that no branch of the user has.
pub(super) fn collect_garbage(repo: &Repo) {
    repo.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
}

#[test]
fn e27_of_two_salons_one_removes_and_the_other_sees_the_lock() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("kept");
    let path = scene.worktrees.paths.data.join("worktrees.lock");
    let held = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path).expect("a lock");
    flock(&held, FlockOperation::NonBlockingLockExclusive).expect("locked");
    let refused = scene.worktrees.prune(&[], scene.now, false).expect_err("locked");
    assert!(refused.contains("another salon is changing worktrees"), "{refused}");
    assert!(scene.worktrees.trash(&tree, &[], scene.now).is_err());
    flock(&held, FlockOperation::Unlock).expect("unlocked");
    assert_eq!(scene.prune(1), [PruneOutcome::Trashed]);
}

#[test]
#[cfg(target_os = "linux")]
fn e19_a_process_inside_prevents_the_trash_by_hand_too() {
    let scene = Scene::new(Repo::with_remote());
    let tree = scene.pushed("used");
    let mut child = Command::new("cat").current_dir(&tree.path).stdin(Stdio::piped()).spawn().expect("a process");
    let refused = scene.worktrees.trash(&tree, &[], scene.now).expect_err("in use");
    assert_eq!(refused[0].to_string(), format!("in use by process {}", child.id()));
    child.kill().expect("killed");
    child.wait().expect("reaped");
    scene.worktrees.trash(&tree, &[], scene.now).expect("moved");
}
