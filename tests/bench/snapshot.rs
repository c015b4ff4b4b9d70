//! Time of a snapshot of a repository with 50,000 files of which 20 changed, and its share of the repository's size.

use std::path::{Path, PathBuf};
use std::process::Command;

use divan::Bencher;
use salon::git::own_repository::OwnRepository;
use salon::git::{Git, Repository};

/// Files of the repository.
const FILES: usize = 50_000;

/// Files that change before each snapshot.
const CHANGED: usize = 20;

fn main() {
    divan::main();
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
        let dir = tempfile::tempdir().expect("a scratch directory");
        let root = dir.path().canonicalize().expect("a path").join("repository");
        for file in 0..FILES {
            let path = path(&root, file);
            if file % 100 == 0 {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            }
            std::fs::write(path, format!("file {file}\n{}", "a line of text\n".repeat(file % 40))).expect("written");
        }
        for args in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "first"]] {
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
