//! Packs of salon's own repositories: what snapshots need stays, whatever the user deletes.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use salon::domain::Time;
use salon::domain::run::RunId;
use salon::git::Git;
use salon::git::own_repository::OwnRepository;
use salon::runtime::turn_snapshots::expire;
use salon::store::Store;
use salon::store::turn_snapshots::{self, TurnSnapshot};

use super::repo::{self, Repo};

fn own(repo: &Repo) -> OwnRepository {
    OwnRepository::open(&repo.program(), &repo.outside().join("own"), &repo.open().common_dir).expect("opened")
}

/// A git that runs a line of shell before a subcommand.
fn wrapped(repo: &Repo, subcommand: &str, line: &str) -> Git {
    let real = repo.git(&["--exec-path"]);
    let script =
        format!("#!/bin/sh\ncase \" $* \" in *\" {subcommand} \"*) {line};; esac\nexec \"{real}/git\" \"$@\"\n");
    repo::executable(&repo.outside().join("bin/git"), &script);
    let path = format!("{}:{}", repo.outside().join("bin").display(), std::env::var("PATH").unwrap_or_default());
    Git::new([("PATH".to_owned(), path), ("HOME".to_owned(), repo.outside().to_string_lossy().into_owned())])
}

#[test]
fn snapshots_keep_what_the_user_staged_amended_or_deleted() {
    let repo = Repo::with_remote();
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("committed", "on a branch\n").commit("topic");
    repo.write("staged", "only in the index\n").git(&["add", "staged"]);
    let own = own(&repo);
    let snapshot = own.snapshot(&repo.open()).expect("a snapshot");
    own.set_ref(&format!("refs/salon/turns/{snapshot}"), &snapshot).expect("kept");
    own.pack().expect("packed");
    repo.git(&["rm", "--quiet", "--cached", "-f", "staged"]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["branch", "--quiet", "-D", "topic"]);
    repo.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    // Also after packing again, when only salon has them.
    for _ in 0..2 {
        for (name, text) in [("committed", &b"on a branch\n"[..]), ("staged", b"only in the index\n")] {
            let file = own.command("cat-file").args(["-p", &format!("{snapshot}:{name}")]).run().expect("still there");
            assert_eq!(file, text);
        }
        own.pack().expect("packed");
    }
    let packs = fs::read_dir(own.path.join("objects/pack")).expect("packs").flatten();
    let kept = packs.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "keep")).count();
    assert_eq!(kept, 1, "each packing replaces the one before");
    // The history of the main branch is the user's alone.
    let main = repo.git(&["rev-parse", "main"]);
    fs::remove_file(own.path.join("objects/info/alternates")).expect("removed");
    assert!(own.command("cat-file").args(["-e", &main]).run().is_err());
}

#[test]
fn an_archive_stays_that_was_a_snapshot_as_well() {
    let repo = Repo::with_remote();
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.write("committed", "on a branch\n").commit("topic");
    let own = own(&repo);
    let archived = own.archive(&repo.open(), "refs/salon/archive/x").expect("archived");
    let turn = format!("refs/salon/turns/{archived}");
    own.set_ref(&turn, &archived).expect("kept");
    own.pack().expect("packed");
    own.remove_ref(&turn).expect("expired");
    own.pack().expect("packed");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["branch", "--quiet", "-D", "topic"]);
    repo.git(&["reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    let file = own.command("cat-file").args(["-p", &format!("{archived}:committed")]).run().expect("still there");
    assert_eq!(file, b"on a branch\n");
}

#[test]
fn packing_may_take_longer_than_reading_and_leaves_no_incomplete_packs() {
    let repo = Repo::new();
    let opened = own(&repo);
    repo.write("readme", "changed\n");
    let snapshot = opened.snapshot(&repo.open()).expect("a snapshot");
    opened.set_ref("refs/salon/undo/0-x", &snapshot).expect("kept");
    let packs = opened.path.join("objects/pack");
    let (old, new) = (packs.join("tmp_pack_old"), packs.join("tmp_pack_new"));
    for (path, age) in [(&old, Duration::from_hours(48)), (&new, Duration::ZERO)] {
        fs::write(path, "half").expect("written");
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.set_modified(SystemTime::now() - age).expect("set");
    }
    let folders = ["pack-old", "index-old", "index-new"].map(|name| opened.path.join(name));
    for (folder, age) in folders.iter().zip([48, 48, 0]) {
        fs::create_dir(folder).expect("created");
        fs::write(folder.join("index"), "half").expect("written");
        let opened = fs::File::open(folder).expect("opened");
        opened.set_modified(SystemTime::now() - Duration::from_hours(age)).expect("set");
    }
    let program = wrapped(&repo, "repack", "sleep 11").with_limit(Duration::from_secs(10));
    let slow = OwnRepository::all(&program, &repo.outside().join("own")).remove(0);
    slow.pack().expect("packed");
    assert!(!old.exists() && new.exists());
    assert_eq!(folders.map(|folder| folder.exists()), [false, false, true]);
}

#[test]
fn an_old_incomplete_pack_is_deleted_even_if_packing_fails() {
    let repo = Repo::new();
    let opened = own(&repo);
    let packs = opened.path.join("objects/pack");
    let old = packs.join("tmp_pack_old");
    fs::write(&old, "half").expect("written");
    let file = fs::File::options().write(true).open(&old).expect("opened");
    file.set_modified(SystemTime::now() - Duration::from_hours(48)).expect("set");
    let failing = OwnRepository::all(&wrapped(&repo, "repack", "exit 1"), &repo.outside().join("own")).remove(0);
    assert!(failing.pack().is_err() && !old.exists());
}

#[test]
fn a_snapshot_that_is_taken_during_the_clean_up_stays() {
    let repo = Repo::new();
    let opened = own(&repo);
    let folder = repo.outside().join("own");
    let now = Time::parse("2026-11-21T12:00:00Z").expect("a time");
    let store = Arc::new(Store::open(&repo.outside().join("state.db"), now).expect("state.db").store);
    let commit = opened.snapshot(&repo.open()).expect("a snapshot");
    let (asked, answered) = (repo.outside().join("asked"), repo.outside().join("answered"));
    for pipe in [&asked, &answered] {
        assert!(Command::new("mkfifo").arg(pipe).status().expect("mkfifo").success());
    }
    // Before git lists the refs, it waits for a snapshot that is recorded meanwhile.
    let done = repo.outside().join("done");
    let line = format!(
        "if mkdir {} 2>/dev/null; then echo > {}; read line < {}; fi",
        done.display(),
        asked.display(),
        answered.display()
    );
    let git = wrapped(&repo, "for-each-ref", &line);
    let clean_up = {
        let (folder, store) = (folder.clone(), store.clone());
        std::thread::spawn(move || expire(&git, &folder, &store, now))
    };
    fs::File::open(&asked).and_then(|mut pipe| pipe.read_to_end(&mut Vec::new())).expect("it lists the refs");
    let snapshot = TurnSnapshot {
        run: RunId("run-1".into()),
        began: now,
        repository: repo.open().common_dir,
        root: repo.path().to_owned(),
        before: commit.clone(),
        after: None,
    };
    store.with(|db| turn_snapshots::begin(db, &snapshot)).expect("recorded");
    let name = format!("refs/salon/turns/{commit}");
    opened.set_ref(&name, &commit).expect("kept");
    let mut pipe = fs::OpenOptions::new().write(true).open(&answered).expect("it waits");
    pipe.write_all(b"go on\n").expect("written");
    drop(pipe);
    clean_up.join().expect("cleaned up");
    assert_eq!(opened.find_ref(&name).expect("read"), Some(commit));
}

#[test]
fn files_of_salons_repository_are_replaced_as_a_whole_and_only_if_they_differ() {
    let repo = Repo::new();
    let opened = own(&repo);
    for name in ["objects/info/alternates", "info/exclude"] {
        let path = opened.path.join(name);
        opened.snapshot(&repo.open()).expect("a snapshot");
        let before = fs::read(&path).expect("written");
        let mut file = fs::File::options().read(true).write(true).open(&path).expect("opened");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        own(&repo).snapshot(&repo.open()).expect("a snapshot");
        let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
        assert_eq!(modified, SystemTime::UNIX_EPOCH, "{name} is left alone");
        // A git that has opened it reads it to the end.
        fs::write(&path, [&before[..], b"# other\n"].concat()).expect("written");
        own(&repo).snapshot(&repo.open()).expect("a snapshot");
        let mut text = Vec::new();
        file.read_to_end(&mut text).expect("read");
        assert!(text.ends_with(b"# other\n"), "{name}: {text:?}");
        assert_eq!(fs::read(&path).expect("there"), before);
    }
}

#[test]
fn the_snapshots_of_many_turns_are_small_and_packed_with_their_refs() {
    let repo = Repo::new();
    let opened = own(&repo);
    // Words that do not compress well.
    let line = |nth: u64| {
        format!("{:016x}{:016x}\n", nth.wrapping_mul(0x9e37_79b9_7f4a_7c15), nth.wrapping_mul(0xc2b2_ae3d_27d4_eb4f))
    };
    let mut lines: Vec<String> = (0..2000).map(line).collect();
    let mut last = String::new();
    for turn in 0..30 {
        lines[turn * 60] = line(1_000_000 + turn as u64);
        repo.write("a/b/file", &lines.concat());
        last = opened.snapshot(&repo.open()).expect("a snapshot");
        opened.set_ref(&format!("refs/salon/turns/{last}"), &last).expect("kept");
    }
    opened.pack().expect("packed");
    let size: u64 = files_below(&opened.path.join("objects")).iter().map(|(_, size)| size).sum();
    assert!(size < 70_000, "{size}: the first one takes 44 KB");
    assert_eq!(files_below(&opened.path.join("refs")), []);
    assert_eq!(opened.refs("refs/salon/turns").expect("refs").len(), 30);
    let text = opened.command("cat-file").args(["-p", &format!("{last}:a/b/file")]).run().expect("a file");
    assert_eq!(text, lines.concat().into_bytes());
    opened.remove_ref(&format!("refs/salon/turns/{last}")).expect("removed");
    assert_eq!(opened.refs("refs/salon/turns").expect("refs").len(), 29);
}

/// Files below a folder, with their sizes.
fn files_below(folder: &std::path::Path) -> Vec<(std::path::PathBuf, u64)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let found = |path: std::path::PathBuf| match fs::metadata(&path).expect("a file") {
        metadata if metadata.is_dir() => files_below(&path),
        metadata => vec![(path, metadata.len())],
    };
    entries.flat_map(found).collect()
}

#[test]
fn snapshots_of_a_shallow_clone_are_packed_and_expire() {
    let repo = Repo::with_remote();
    repo.write("second", "2\n").commit("second").write("third", "3\n").commit("third");
    repo.git(&["push", "--quiet"]);
    repo.git(&["fetch", "--quiet", "--depth=1"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    let shallow = repo.path().join(".git/shallow");
    let held = fs::read(&shallow).expect("a shallow clone");
    let opened = own(&repo);
    repo.write("new", "n\n");
    let snapshot = opened.snapshot(&repo.open()).expect("a snapshot");
    opened.set_ref(&format!("refs/salon/turns/{snapshot}"), &snapshot).expect("kept");
    // One of a process that was ended.
    fs::write(opened.path.join("shallow"), "").expect("written");
    opened.pack().expect("packed");
    assert_eq!(opened.loose_objects().expect("counted"), 0);
    assert_eq!((fs::read(&shallow).expect("still there"), opened.path.join("shallow").exists()), (held, false));
    let file = opened.command("cat-file").args(["-p", &format!("{snapshot}:new")]).run().expect("a file");
    assert_eq!(file, b"n\n");
}

#[test]
fn snapshots_of_a_repository_with_sha256_objects_are_found_after_it_is_gone() {
    let repo = Repo::new();
    fs::remove_dir_all(repo.path().join(".git")).expect("removed");
    repo.git(&["init", "--quiet", "--object-format=sha256"]);
    repo.commit("first");
    let (common, opened) = (repo.open().common_dir, own(&repo));
    let snapshot = opened.snapshot(&repo.open()).expect("a snapshot");
    opened.set_ref("refs/salon/undo/0-x", &snapshot).expect("kept");
    opened.pack().expect("packed");
    fs::remove_dir_all(&common).expect("removed");
    let folder = repo.outside().join("own");
    let again = OwnRepository::open(&repo.program(), &folder, &common).expect("opened");
    assert_eq!(again.path, opened.path);
    assert_eq!(again.find_commit(&snapshot).expect("read"), Some(snapshot));
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
}

#[test]
fn a_snapshot_starts_few_processes() {
    let repo = Repo::new();
    repo.write("readme", "changed\n");
    own(&repo);
    let log = repo.outside().join("log");
    let git = wrapped(&repo, "--no-optional-locks", &format!("echo \"$3\" >> {}", log.display()));
    let opened = salon::git::Repository::open(&git, repo.path()).expect("a repository");
    let mut all = OwnRepository::all(&git, &repo.outside().join("own"));
    let own = all.remove(0);
    own.snapshot(&opened).expect("the first looks up the sizes of objects");
    fs::write(&log, "").expect("emptied");
    let opened = salon::git::Repository::open(&git, repo.path()).expect("a repository");
    own.snapshot(&opened).expect("a snapshot");
    let mut started: Vec<String> = fs::read_to_string(&log).expect("a log").lines().map(str::to_owned).collect();
    started.sort();
    let expected = [
        "commit-tree",
        "config",
        "diff-files",
        "ls-files",
        "ls-files",
        "rev-parse",
        "rev-parse",
        "update-index",
        "write-tree",
    ];
    assert_eq!(started, expected);
}
