//! Files that git converts: a rewind writes only bytes that a file is known to have had.

use std::fs;
use std::path::{Path, PathBuf};

use salon::git::own_repository::OwnRepository;
use salon::git::{Git, Repository};

use super::own;
use super::rewind::{back_after, files};
use crate::git::repo::{Repo, executable};

/// Brings files back to a snapshot. Returns their names and a commit that takes it back.
fn rewind(repo: &Repo, target: &str) -> (Vec<PathBuf>, String) {
    let (own, opened) = (own(repo), repo.open());
    let current = own.snapshot(&opened).expect("a snapshot");
    let mut list = own.restorations(&current, target).expect("a list");
    own.retain_named(target, &mut list).expect("read");
    let checked = own.check(&opened.root, list).expect("checked");
    assert_eq!(checked.left, Vec::<PathBuf>::new());
    let names: Vec<PathBuf> = checked.safe.iter().map(|file| file.path.clone()).collect();
    let paths: Vec<&Path> = names.iter().map(PathBuf::as_path).collect();
    let undo = own.keep_undo("refs/salon/undo/1", &current, &paths).expect("kept");
    own.restore(&opened.root, target, &checked.safe).expect("checked").expect("restored");
    (names, undo)
}

/// Returns a repository with a file with CRLF, whose object has LF, and another file.
fn repo_with_crlf() -> Repo {
    let repo = Repo::new();
    repo.write(".gitattributes", "* text=auto\n").write("a.txt", "one\r\ntwo\r\n").write("b.txt", "one\n");
    repo.commit("files");
    repo
}

/// Command that reads raw files.
const RAW: &str = "hash-object -w --no-filters";

/// Takes a snapshot with a git that runs a line of shell before a command.
fn snapshot_with(repo: &Repo, command: &str, line: &str) -> String {
    let folder = repo.outside().join("bin");
    let path = std::env::var("PATH").expect("a path");
    let script = format!("#!/bin/sh\ncase \"$*\" in *'{command}'*) {line};; esac\nPATH='{path}'; exec git \"$@\"\n");
    executable(&folder.join("git"), &script);
    let mut vars = repo.vars();
    vars.retain(|(name, _)| name != "PATH");
    vars.push(("PATH".to_owned(), format!("{}:{path}", folder.display())));
    let git = Git::new(vars);
    let opened = Repository::open(&git, repo.path()).expect("a repository");
    let kept = own(repo);
    let own = OwnRepository::open(&git, kept.path.parent().expect("a folder"), &opened.common_dir).expect("opened");
    own.snapshot(&opened).expect("a snapshot")
}

#[test]
fn a_snapshot_that_tells_nothing_of_raw_files_changes_none_that_has_its_object() {
    let repo = repo_with_crlf();
    let own = own(&repo);
    let marked = own.snapshot(&repo.open()).expect("a snapshot");
    // A snapshot as of before there were raw files, and a commit of the user that claims to know all.
    for message in ["snapshot", "snapshot\n\nraw-files-are-complete"] {
        let mut command = own.command("commit-tree").args([&format!("{marked}^{{tree}}"), "-m", message]);
        let name = if message == "snapshot" { "salon" } else { "user" };
        for var in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"] {
            command = command.var(var, name);
        }
        for var in ["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            command = command.var(var, format!("{name}@localhost"));
        }
        let old = String::from_utf8(command.line().expect("a commit")).expect("an id");
        let held = files(repo.path());
        repo.write("b.txt", "two\n");
        let changed = files(repo.path());
        let (names, undo) = rewind(&repo, &old);
        assert_eq!(names, [PathBuf::from("b.txt")]);
        assert_eq!(files(repo.path()), held);
        assert_eq!(rewind(&repo, &undo).0, [PathBuf::from("b.txt")]);
        assert_eq!(files(repo.path()), changed);
        repo.write("b.txt", "one\n");
    }
}

#[test]
fn a_file_that_was_too_large_to_be_kept_stays_as_it_is() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.big text\n").write("a.txt", "one\n").commit("files");
    for name in ["a.big", "z.big"] {
        repo.write(name, "\r\n");
        let file = fs::OpenOptions::new().write(true).open(repo.path().join(name)).expect("a file");
        file.set_len(40 << 20).expect("grown");
    }
    let before = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    // Now the other file is within the limit.
    fs::remove_file(repo.path().join("a.big")).expect("removed");
    let z = fs::read(repo.path().join("z.big")).expect("a file");
    let (names, undo) = rewind(&repo, &before);
    assert_eq!(names, [PathBuf::from("a.big")]);
    assert!(fs::read(repo.path().join("z.big")).expect("a file") == z);
    let a = fs::read(repo.path().join("a.big")).expect("a file");
    assert!(a == z, "the file that is kept has its bytes");
    assert_eq!(rewind(&repo, &undo).0, [PathBuf::from("a.big")]);
    assert!(fs::read(repo.path().join("z.big")).expect("a file") == z);
}

#[test]
fn a_file_that_git_would_convert_comes_back_unconverted() {
    for is_global in [false, true] {
        let repo = Repo::new();
        if is_global {
            repo.git(&["config", "--global", "core.autocrlf", "true"]);
        } else {
            repo.write(".gitattributes", "* text=auto eol=crlf\n*.u16 text working-tree-encoding=UTF-16LE\n");
            // The size of the object is that of the file, and the bytes are others.
            fs::write(repo.path().join("g.u16"), b"\x34\x04\x30\x04").expect("written");
        }
        repo.write("a.txt", "one\n").commit("files");
        repo.write("a.txt", "one\ntwo\n").write("new.txt", "new\n");
        let [held, restored] = back_after(&repo, || {
            repo.write("a.txt", "1\n").write("new.txt", "2\n");
            if !is_global {
                fs::write(repo.path().join("g.u16"), b"\x3d\x04\x35\x04").expect("written");
            }
        });
        assert_eq!(restored, held, "global: {is_global}");
    }
}

#[test]
fn a_file_that_is_gone_or_unreadable_does_not_prevent_a_snapshot() {
    let repo = repo_with_crlf();
    repo.write("c.txt", "one\r\n").commit("files");
    let held = files(repo.path());
    let before = snapshot_with(&repo, RAW, "rm -f \"$GIT_WORK_TREE/c.txt\"");
    assert!(!repo.path().join("c.txt").exists());
    // The other file is kept.
    repo.write("a.txt", "one\ntwo\n").write("c.txt", "one\r\n");
    assert_eq!(rewind(&repo, &before).0, [PathBuf::from("a.txt")]);
    assert_eq!(files(repo.path()), held);
    // What could not be kept stays as it is.
    let before = snapshot_with(&repo, RAW, "exit 128");
    repo.write("a.txt", "one\ntwo\n").write("b.txt", "two\n");
    assert_eq!(rewind(&repo, &before).0, [PathBuf::from("b.txt")]);
    assert_eq!(fs::read(repo.path().join("a.txt")).expect("a file"), b"one\ntwo\n");
}

#[test]
fn files_get_their_bytes_back_although_the_rules_changed_since() {
    let repo = Repo::new();
    repo.write("a.txt", "one\n").write("b.txt", "one\n").commit("files");
    let before = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    let held = files(repo.path());
    // From now on a checkout writes other ends of lines.
    repo.git(&["config", "--global", "core.autocrlf", "true"]);
    repo.write("a.txt", "one\r\n").write("b.txt", "two\r\n");
    let changed = files(repo.path());
    let (names, undo) = rewind(&repo, &before);
    assert_eq!(files(repo.path()), held);
    assert_eq!(names, [PathBuf::from("b.txt"), PathBuf::from("a.txt")]);
    rewind(&repo, &undo);
    assert_eq!(files(repo.path()), changed);
}

#[test]
fn sizes_of_objects_are_looked_up_once_and_a_damaged_cache_changes_nothing() {
    let repo = repo_with_crlf();
    let first = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    assert_eq!(snapshot_with(&repo, "cat-file --batch-check", "exit 1"), first);
    let cache = own(&repo).path.join("object-sizes");
    let content = fs::read(&cache).expect("a cache");
    for cut in [1, 5, 12, 15, 16, 17, content.len()] {
        fs::write(&cache, &content[..content.len() - cut]).expect("written");
        assert_eq!(own(&repo).snapshot(&repo.open()).expect("a snapshot"), first, "cut by {cut}");
    }
}

#[test]
fn attributes_of_all_files_are_read_only_if_some_name_a_filter_or_an_encoding() {
    let repo = repo_with_crlf();
    let plain = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    assert_eq!(snapshot_with(&repo, "check-attr", "exit 1"), plain);
    repo.write("sub/.gitattributes", "*.u16 text working-tree-encoding=UTF-16LE\n");
    let encoded = own(&repo).snapshot(&repo.open()).expect("a snapshot");
    let ran = repo.outside().join("ran");
    assert_eq!(snapshot_with(&repo, "check-attr", &format!("touch {}", ran.display())), encoded);
    assert!(ran.exists());
}

#[test]
fn files_outside_of_a_sparse_checkout_are_not_named_in_each_snapshot() {
    let repo = Repo::new();
    repo.write("in/a", "a\n").write("out/b", "b\n").commit("files");
    repo.git(&["sparse-checkout", "set", "in"]);
    assert!(!repo.path().join("out").exists());
    let own = own(&repo);
    let snapshot = own.snapshot(&repo.open()).expect("a snapshot");
    let message = own.command("log").args(["-1", "--format=%B", &snapshot]).run().expect("a message");
    assert_eq!(String::from_utf8_lossy(&message).trim(), "snapshot\n\nraw-files-are-complete");
}

#[test]
fn attributes_that_git_ignores_and_those_of_the_repository_alone_apply_too() {
    for place in ["sub/.gitattributes", ".git/info/attributes"] {
        let repo = Repo::new();
        repo.write(".gitignore", ".gitattributes\n").write("sub/a.secret", "text\n");
        repo.git(&["config", "filter.crypt.clean", "tr a-z A-Z"]);
        repo.write(place, "*.secret filter=crypt\n").commit("files");
        let own = own(&repo);
        let snapshot = own.snapshot(&repo.open()).expect("a snapshot");
        let message = own.command("log").args(["-1", "--format=%B", &snapshot]).run().expect("a message");
        let message = String::from_utf8(message).expect("text");
        // The object has the same size, and other bytes.
        assert!(message.contains("omitted-file: \"sub/a.secret\"\n"), "{place}: {message}");
        let [held, restored] = back_after(&repo, || {
            repo.write("readme", "changed\n");
        });
        assert_eq!(restored, held, "{place}");
    }
}

#[test]
fn objects_that_a_partial_clone_lacks_are_not_looked_for_in_each_snapshot() {
    let repo = Repo::new();
    repo.write("in/a", "a\n").write("out/b", "b\n").commit("files");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.path().display());
    let clone = repo.outside().join("clone");
    let clone_path = clone.to_str().expect("text");
    repo.git(&["clone", "--quiet", "--filter=blob:none", "--sparse", &url, clone_path]);
    repo.git_in(&clone, &["sparse-checkout", "set", "in"]);
    let lost = repo.git(&["rev-parse", "HEAD:out/b"]);
    let asked = repo.outside().join("asked");
    let line = format!("tee {} | PATH=\"$PATH\" exec git \"$@\"; exit", asked.display());
    let (bin, path) = (repo.outside().join("bin"), std::env::var("PATH").expect("a path"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'cat-file --batch-check'*) PATH='{path}'; {line};; esac\nPATH='{path}'; exec git \"$@\"\n"
    );
    executable(&bin.join("git"), &script);
    let vars = [("PATH", format!("{}:{path}", bin.display())), ("HOME", repo.outside().display().to_string())];
    let git = Git::new(vars.map(|(name, value)| (name.to_owned(), value)));
    let opened = Repository::open(&git, &clone).expect("a repository");
    let own = OwnRepository::open(&git, &repo.outside().join("own"), &opened.common_dir).expect("opened");
    own.snapshot(&opened).expect("a snapshot");
    let ids = fs::read_to_string(&asked).expect("the sizes of the others");
    assert!(!ids.contains(&lost) && ids.lines().count() == 2, "{ids}");
    fs::remove_file(&asked).expect("removed");
    own.snapshot(&opened).expect("a snapshot");
    assert!(!asked.exists(), "nothing is unknown any more");
}
