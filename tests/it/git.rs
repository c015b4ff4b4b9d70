//! Git, with real repositories: what is read, what is refused, and that looking at a repository runs nothing.

mod hostile;
mod obstacles;
mod packs;
pub mod repo;
mod summaries;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use salon::git::status::{ChangedFileKind, IgnoredFiles, WorkTreeStatus};
use salon::git::{Git, GitError, Repository};

use repo::Repo;

#[test]
fn the_status_has_branch_changes_and_ignored_files() {
    let repo = Repo::with_remote();
    repo.write(".gitignore", "*.log\ntarget/\n").commit("ignore");
    repo.write("readme", "changed\n").write("new", "").write("staged", "x\n").git(&["add", "staged"]);
    repo.write("a.log", "").write("target/x/y", "");
    let status = repo.open().status(IgnoredFiles::Listed).expect("a status");
    assert_eq!(status.branch.as_deref(), Some("main"));
    assert_eq!(status.upstream.as_deref(), Some("origin/main"));
    assert_eq!(status.divergence, Some((1, 0)));
    assert_eq!(status.head, Some(repo.git(&["rev-parse", "HEAD"])));
    let changes: Vec<_> = status.changes.iter().map(|file| (file.path.to_str().expect("text"), file.kind)).collect();
    assert_eq!(
        changes,
        [
            ("readme", ChangedFileKind::Modified),
            ("staged", ChangedFileKind::Staged),
            ("new", ChangedFileKind::Untracked)
        ]
    );
    assert_eq!(status.ignored, [PathBuf::from("a.log"), PathBuf::from("target/")]);
}

#[test]
fn names_of_files_are_exact_to_the_byte() {
    let repo = Repo::new();
    let names: [&[u8]; 6] = [b"a\nb", b"a\tb", b"\"quoted\"", b"\xff\xfe", b" leading", b"-x"];
    for name in names {
        fs::write(repo.path().join(OsStr::from_bytes(name)), "1\n").expect("written");
    }
    let untracked = repo.open().status(IgnoredFiles::Omitted).expect("a status");
    let of = |status: &WorkTreeStatus| {
        let mut names: Vec<_> = status.changes.iter().map(|file| file.path.as_os_str().as_bytes().to_owned()).collect();
        names.sort();
        names
    };
    let mut sorted: Vec<_> = names.iter().map(|name| name.to_vec()).collect();
    sorted.sort();
    assert_eq!(of(&untracked), sorted);
    repo.commit("strange names");
    for name in names {
        fs::write(repo.path().join(OsStr::from_bytes(name)), "22\n").expect("written");
    }
    assert_eq!(of(&repo.open().status(IgnoredFiles::Omitted).expect("a status")), sorted);
}

#[test]
fn a_repository_without_commits_has_a_status_and_no_commit() {
    let repo = Repo::empty();
    repo.write("first", "");
    let opened = repo.open();
    let status = opened.status(IgnoredFiles::Omitted).expect("a status");
    assert_eq!((status.head, status.branch.as_deref(), status.changes.len()), (None, Some("main"), 1));
    assert!(matches!(opened.commit("HEAD"), Err(GitError::NoCommits(_))));
}

#[test]
fn directories_that_are_no_work_tree_are_refused_with_the_reason() {
    let repo = Repo::new();
    let plain = tempfile::tempdir().expect("a scratch directory");
    let open = |path: &Path| Repository::open(&repo.program(), path);
    assert!(matches!(open(plain.path()), Err(GitError::NotARepository(_))));
    assert!(matches!(open(&plain.path().join("gone")), Err(GitError::NoDirectory(_))));
    assert!(matches!(open(&repo.path().join(".git")), Err(GitError::Bare(_))));
    let bare = plain.path().join("bare.git");
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().expect("text")]);
    assert!(matches!(open(&bare), Err(GitError::Bare(_))));
    repo.git(&["config", "core.worktree", plain.path().to_str().expect("text")]);
    assert!(matches!(open(repo.path()), Err(GitError::OtherWorkTree(..))), "{:?}", open(repo.path()));
    repo.git(&["config", "core.worktree", "/nowhere"]);
    assert!(matches!(open(repo.path()), Err(GitError::OtherWorkTree(..))), "{:?}", open(repo.path()));
    let missing = Git::new([("PATH".to_owned(), String::new())]);
    assert!(matches!(Repository::open(&missing, repo.path()), Err(GitError::NotInstalled)));
}

#[test]
fn a_symlinked_root_is_the_same_repository() {
    let repo = Repo::new();
    let plain = tempfile::tempdir().expect("a scratch directory");
    let link = plain.path().join("link");
    symlink(repo.path(), &link).expect("a link");
    fs::create_dir(repo.path().join("sub")).expect("created");
    for path in [link.clone(), link.join("sub")] {
        let opened = Repository::open(&repo.program(), &path).expect("a repository");
        assert_eq!(opened.root, repo.path());
        assert_eq!(opened.main_root(), repo.path());
    }
}

#[test]
fn worktrees_are_listed_whoever_made_them() {
    let repo = Repo::new();
    let place = tempfile::tempdir().expect("a scratch directory");
    let root = place.path().canonicalize().expect("a path");
    let (named, gone) = (root.join("with\nnewline"), root.join("gone"));
    repo.git(&["worktree", "add", "--quiet", "-b", "a", named.to_str().expect("text")]);
    repo.git(&["worktree", "add", "--quiet", "--detach", gone.to_str().expect("text")]);
    repo.git(&["worktree", "lock", named.to_str().expect("text")]);
    fs::remove_dir_all(&gone).expect("removed");
    let mut listed = repo.open().worktrees().expect("a list");
    // Git lists the linked ones in the order of a directory.
    listed[1..].sort_by_key(|tree| tree.branch.is_none());
    assert_eq!(listed.iter().map(|tree| tree.path.clone()).collect::<Vec<_>>(), [repo.path(), &named, &gone]);
    assert_eq!(listed[1].branch.as_deref(), Some("refs/heads/a"));
    assert!(listed[1].locked && !listed[1].prunable && listed[2].prunable && listed[2].branch.is_none());
}

#[test]
fn a_command_that_hangs_is_ended_with_everything_that_it_started() {
    let place = tempfile::tempdir().expect("a scratch directory");
    let pid = place.path().join("pid");
    let script = format!("#!/bin/sh\nsleep 1000 &\necho $! > {}\nwait\n", pid.display());
    repo::executable(&place.path().join("git"), &script);
    let path = format!("{}:{}", place.path().display(), std::env::var("PATH").unwrap_or_default());
    let git = Git::new([("PATH".to_owned(), path)]).with_limit(Duration::from_secs(1));
    let ended = git.command(place.path(), "status").run();
    assert!(matches!(ended, Err(GitError::TimedOut { seconds: 1, .. })), "{ended:?}");
    let child: u32 = fs::read_to_string(&pid).expect("the pid of a child").trim().parse().expect("a number");
    crate::support::wait_until("the child ended", || !crate::support::is_alive(child));
}

#[test]
fn an_old_git_is_refused_before_it_looks_at_the_repository() {
    let repo = Repo::new();
    let (bin, log) = (repo.outside().join("bin"), repo.outside().join("log"));
    let open = |version: &str| {
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\necho 'git version {version}'\n", log.display());
        repo::executable(&bin.join("git"), &script);
        let git = Git::new([("PATH".to_owned(), format!("{}:/usr/bin:/bin", bin.display()))]);
        Repository::open(&git, repo.path()).expect_err("no repository")
    };
    for old in ["2.30.2", "2.35.1 (Apple Git-137)", "1.8.3.1", "strange"] {
        assert!(matches!(open(old), GitError::TooOld(_)), "{old}");
    }
    let logged = fs::read_to_string(&log).expect("a log");
    assert!(logged.lines().all(|line| line.ends_with(" version")), "{logged}");
    assert!(!matches!(open("2.47.3"), GitError::TooOld(_)) && !matches!(open("3.0.0.rc1"), GitError::TooOld(_)));
}

#[test]
fn the_variables_of_the_user_cannot_redirect_git() {
    let (repo, other) = (Repo::new(), Repo::new());
    let vars = [
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("HOME", other.path().to_string_lossy().into_owned()),
        ("GIT_DIR", other.path().join(".git").to_string_lossy().into_owned()),
        ("GIT_WORK_TREE", other.path().to_string_lossy().into_owned()),
        ("GIT_INDEX_FILE", "/nowhere".to_owned()),
    ];
    let git = Git::new(vars.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(Repository::open(&git, repo.path()).expect("a repository").root, repo.path());
}

#[test]
fn an_unknown_format_of_the_status_is_an_error() {
    assert_eq!(WorkTreeStatus::parse(b"x strange\0"), None);
    assert_eq!(WorkTreeStatus::parse(b"1 M. N...\0"), None);
    assert_eq!(WorkTreeStatus::parse(b"# branch.ab many\0"), None);
    assert_eq!(WorkTreeStatus::parse(b"# new.header x\0"), Some(WorkTreeStatus::default()));
    let renamed = b"2 R. N... 100644 100644 100644 aa bb R100 new name\0old name\0? u\0";
    let status = WorkTreeStatus::parse(renamed).expect("a status");
    assert_eq!(
        status.changes.iter().map(|file| file.path.as_path()).collect::<Vec<_>>(),
        [Path::new("new name"), Path::new("u")]
    );
}
