//! Time of a snapshot of a repository with 50,000 files of which 20 changed, and its share of the repository's size.

use std::path::{Path, PathBuf};
use std::process::Command;

use divan::Bencher;
use salon::git::own_repository::OwnRepository;
use salon::git::{Git, Repository};
use salon::stdx::files::{self, SizeLimit};

/// Files of the repository.
const FILES: usize = 50_000;

/// Files that change before each snapshot.
const CHANGED: usize = 20;

/// Files of the repository of which a day has snapshots: about 12 MB of objects.
const DAY_FILES: usize = 8_000;

/// Turns of a day.
const TURNS: usize = 200;

/// Files that each turn changes, of those on which an agent works.
const EDITS: usize = 5;

/// Files on which an agent works that day.
const WORKED_ON: usize = 60;

fn main() {
    print_share_of_a_day();
    divan::main();
}

/// Prints the size of the snapshots of a day beside that of the repository. The goal is 5 %.
fn print_share_of_a_day() {
    let scene = Scene::with(DAY_FILES, |file| (0..120).map(|line| words(file * 1000 + line)).collect());
    let mut commits = std::collections::BTreeSet::new();
    for turn in 0..TURNS {
        for nth in 0..EDITS {
            let file = (turn * 7 + nth * 13) % WORKED_ON * (DAY_FILES / WORKED_ON);
            let path = path(&scene.root, file);
            let text = files::read_text(&path, SizeLimit::DOCUMENT).expect("a file");
            let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
            let at = (turn * 31 + nth) % lines.len();
            lines.splice(at..=at, [words(turn * 17), words(turn * 19 + nth), words(turn * 23)]);
            std::fs::write(&path, lines.concat()).expect("written");
        }
        let repository = Repository::open(&scene.git, &scene.root).expect("a repository");
        let commit = scene.own.snapshot(&repository).expect("a snapshot");
        scene.own.set_ref(&format!("refs/salon/turns/{commit}"), &commit).expect("kept");
        commits.insert(commit);
        // As the clean-up of each hour does.
        if turn % (TURNS / 8) == 0 {
            scene.own.pack().expect("packed");
        }
    }
    scene.own.pack().expect("packed");
    let (own, user) = (size(&scene.own.path), size(&scene.root.join(".git")));
    let share = own * 1000 / user;
    let (own, user) = (own / 1000, user / 1000);
    println!("{} snapshots: {own} KB, {}.{} % of {user} KB", commits.len(), share / 10, share % 10);
}

/// A line of words that compresses like a text.
fn words(seed: usize) -> String {
    const WORDS: [&str; 16] = [
        "let",
        "value",
        "index",
        "return",
        "match",
        "session",
        "path",
        "Result",
        "error",
        "clone",
        "iter",
        "snapshot",
        "commit",
        "repository",
        "collect",
        "prompt",
    ];
    let mut state = seed as u64 + 1;
    let mut line = String::new();
    for _ in 0..7 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        line.push_str(WORDS[(state >> 60) as usize]);
        line.push(if (state >> 40).is_multiple_of(4) { '(' } else { ' ' });
    }
    line.push('\n');
    line
}

/// Returns the size of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let of = |entry: std::fs::DirEntry| match entry.metadata().expect("a file") {
        metadata if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.len(),
    };
    entries.map(of).sum()
}

struct Scene {
    _dir: tempfile::TempDir,
    root: PathBuf,
    own: OwnRepository,
    git: Git,
    round: usize,
}

impl Scene {
    fn new() -> Self {
        Self::with(FILES, |file| format!("file {file}\n{}", "a line of text\n".repeat(file % 40)))
    }

    fn with(count: usize, text: impl Fn(usize) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let root = dir.path().canonicalize().expect("a path").join("repository");
        for file in 0..count {
            let path = path(&root, file);
            if file % 100 == 0 {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            }
            std::fs::write(path, text(file)).expect("written");
        }
        let first = &["-c", "gc.auto=0", "commit", "--quiet", "-m", "first"];
        // A clean-up in the background would be measured too.
        for args in [&["init", "--quiet"][..], &["add", "--all"], first, &["gc", "--quiet"]] {
            run(&root, args);
        }
        let vars = [("PATH", std::env::var("PATH").unwrap_or_default()), ("HOME", dir.path().to_string_lossy().into())];
        let git = Git::new(vars.map(|(name, value)| (name.to_owned(), value)));
        let opened = Repository::open(&git, &root).expect("a repository");
        let own = OwnRepository::open(&git, &dir.path().join("own"), &opened.common_dir).expect("opened");
        Self { _dir: dir, root, own, git, round: 0 }
    }

    fn change(&mut self) {
        self.round += 1;
        for nth in 0..CHANGED {
            let file = nth * (FILES / CHANGED);
            std::fs::write(path(&self.root, file), format!("round {}\n", self.round)).expect("written");
        }
    }
}

fn path(root: &Path, file: usize) -> PathBuf {
    root.join(format!("folder-{}/file-{file}.txt", file / 100))
}

fn run(root: &Path, args: &[&str]) {
    let who = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    let status = Command::new("git").current_dir(root).args(who).args(args).status().expect("git");
    assert!(status.success(), "{args:?}");
}

/// From the request to the commit, as a turn begins or ends. The goal is 150 ms.
#[divan::bench(sample_count = 20)]
fn snapshot_of_50_000_files_with_20_changes(bencher: Bencher) {
    let scene = std::cell::RefCell::new(Scene::new());
    bencher.with_inputs(|| scene.borrow_mut().change()).bench_local_values(|()| {
        let scene = scene.borrow();
        let repository = Repository::open(&scene.git, &scene.root).expect("a repository");
        scene.own.snapshot(&repository).expect("a snapshot")
    });
}
