//! Work of two agents and by hand in one work tree, discarded and rewound in any order: the tree is that of the model, and
//! what was thrown away comes back byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::domain::Time;
use salon::domain::changes::{ComparedStates, FileDiffStatus, Restoration};
use salon::git::own_repository::OwnRepository;
use salon::runtime::rewind;

use super::rewind::files;
use crate::git::repo::{self, Repo};
use crate::support::SmallDisk;

/// Content of the work tree: lines of each file.
type Model = BTreeMap<String, Vec<String>>;

/// Number of files that are changed.
const FILES: usize = 4;

/// A change of a file by one of three authors: the first agent, the second one, or by hand.
#[derive(Clone, Debug)]
enum Step {
    /// Replaces a line, or adds one; `\r` and a missing end are part of the content.
    Line { author: usize, file: usize, line: usize, text: String },
    /// Deletes a file.
    Delete { file: usize },
    /// Begins a turn of an agent: the files before it are kept.
    Turn,
    /// Discards the changes of a file since the last commit.
    DiscardFile { file: usize },
    /// Discards one hunk of a file.
    DiscardHunk { file: usize, hunk: usize },
    /// Takes the files back to before a turn.
    Rewind { turn: usize },
    /// Brings back what the last restoration threw away.
    Undo,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..FILES;
    prop_oneof![
        6 => (0usize..3, file.clone(), 0usize..40, "[a-c é\t]{0,6}\r?")
            .prop_map(|(author, file, line, text)| Step::Line { author, file, line, text }),
        1 => file.clone().prop_map(|file| Step::Delete { file }),
        2 => Just(Step::Turn),
        1 => file.clone().prop_map(|file| Step::DiscardFile { file }),
        2 => (file, 0usize..3).prop_map(|(file, hunk)| Step::DiscardHunk { file, hunk }),
        1 => (0usize..5).prop_map(|turn| Step::Rewind { turn }),
        2 => Just(Step::Undo),
    ]
}

fn name(file: usize) -> String {
    ["a", "dir/b", "dir/deep/c d", "é"][file % FILES].to_owned()
}

struct Scene {
    repo: Repo,
    own: OwnRepository,
    model: Model,
    /// Content at the last commit.
    committed: Model,
    turns: Vec<(String, Model)>,
    /// Commits that take changes back, with what their files were.
    undo: Vec<(String, Vec<(String, Option<Vec<String>>)>)>,
    clock: i64,
}

impl Scene {
    fn new() -> Self {
        let repo = Repo::empty();
        let lines = |file: usize| (0..30).map(|line| format!("{file} line {line}")).collect::<Vec<_>>();
        // The last file does not exist at first.
        let committed: Model = (0..FILES - 1).map(|file| (name(file), lines(file))).collect();
        for (name, lines) in &committed {
            repo.write(name, &content(lines));
        }
        repo.commit("first");
        let own = super::own(&repo);
        Self { repo, own, model: committed.clone(), committed, turns: Vec::new(), undo: Vec::new(), clock: 0 }
    }

    fn write(&self, name: &str) {
        let path = self.repo.path().join(name);
        match self.model.get(name) {
            Some(lines) => repo::write(&path, &content(lines)),
            None => fs::remove_file(path).unwrap_or_default(),
        }
    }

    fn snapshot(&self) -> String {
        self.own.snapshot(&self.repo.open()).expect("a snapshot")
    }

    fn restore(&mut self, restoration: &Restoration) -> Result<String, String> {
        self.clock += 1;
        let (program, folder) = (self.repo.program(), self.repo.outside().join("own"));
        rewind::restore((&program, &folder), self.repo.path(), restoration, Time::from_millis(self.clock))
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Line { author, file, line, text } => {
                let lines = self.model.entry(name(*file)).or_default();
                let text = format!("{author}: {text}");
                match lines.get_mut(*line) {
                    Some(line) => *line = text,
                    None => lines.push(text),
                }
                self.write(&name(*file));
            }
            Step::Delete { file } => {
                self.model.remove(&name(*file));
                self.write(&name(*file));
            }
            Step::Turn => self.turns.push((self.snapshot(), self.model.clone())),
            Step::DiscardFile { file } => self.discard(&name(*file), None),
            Step::DiscardHunk { file, hunk } => self.discard(&name(*file), Some(*hunk)),
            Step::Rewind { turn } => {
                let Some((snapshot, state)) = self.turns.get(*turn).cloned() else { return };
                let before = self.restore(&Restoration::Snapshot(snapshot)).expect("rewound");
                let old = std::mem::replace(&mut self.model, state);
                self.push_undo(before, &old);
            }
            Step::Undo => {
                let Some((snapshot, state)) = self.undo.pop() else { return };
                self.restore(&Restoration::Snapshot(snapshot)).expect("undone");
                for (name, lines) in state {
                    match lines {
                        Some(lines) => self.model.insert(name, lines),
                        None => self.model.remove(&name),
                    };
                }
            }
        }
    }

    /// Remembers how the last change is taken back: only the files that it changed.
    fn push_undo(&mut self, commit: String, old: &Model) {
        let names = old.keys().chain(self.model.keys()).cloned().collect::<std::collections::BTreeSet<_>>();
        let changed = names.into_iter().filter(|name| old.get(name) != self.model.get(name));
        self.undo.push((commit, changed.map(|name| (name.clone(), old.get(&name).cloned())).collect()));
    }

    /// Discards a file, or a hunk of it, as the screen of changes does.
    fn discard(&mut self, name: &str, hunk: Option<usize>) {
        let head = self.repo.open().commit("HEAD").expect("a commit");
        let changes = self.own.diff(&head, &self.snapshot()).expect("a diff");
        let Some(file) = changes.into_iter().find(|file| file.path == name) else { return };
        let state = self.model.clone();
        let hunk = hunk.filter(|_| file.hunks.len() > 1 && file.status == FileDiffStatus::Modified);
        let hunk = hunk.and_then(|hunk| file.hunks.get(hunk).cloned());
        let before = match hunk {
            None => {
                match self.committed.get(name) {
                    Some(lines) => self.model.insert(name.to_owned(), lines.clone()),
                    None => self.model.remove(name),
                };
                self.restore(&Restoration::File(file, head))
            }
            Some(hunk) => {
                let old: Vec<_> = side(&hunk.lines, &[' ', '-']);
                let new = side(&hunk.lines, &[' ', '+']);
                let start = hunk.new_start.expect("numbers") as usize;
                let lines = self.model.get_mut(name).expect("the file");
                lines.splice(start - 1..start - 1 + new.len(), old);
                self.restore(&Restoration::Hunk(file, hunk, ComparedStates { base: head, until: None }))
            }
        };
        self.push_undo(before.expect("discarded"), &state);
    }

    fn expected(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.model.iter().map(|(name, lines)| (self.repo.path().join(name), content(lines).into_bytes())).collect()
    }
}

fn side(lines: &[String], signs: &[char]) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with(signs)).map(|line| line[1..].to_owned()).collect()
}

fn content(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_tree_is_that_of_the_model_after_any_steps(steps in proptest::collection::vec(step(), 1..16)) {
        let mut scene = Scene::new();
        for step in &steps {
            scene.apply(step);
            prop_assert_eq!(&files(scene.repo.path()), &scene.expected(), "after {:?}", step);
        }
        // Whatever was thrown away comes back.
        while !scene.undo.is_empty() {
            scene.apply(&Step::Undo);
            prop_assert_eq!(&files(scene.repo.path()), &scene.expected());
        }
        for turn in 0..scene.turns.len() {
            scene.apply(&Step::Rewind { turn });
            prop_assert_eq!(&files(scene.repo.path()), &scene.expected());
        }
    }
}

/// Checks that a full disk fails a snapshot without a trace: no ref, no changed file, and the next one works.
#[test]
fn a_disk_that_is_full_in_the_middle_of_a_snapshot_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let repo = Repo::new();
    let own = OwnRepository::open(&repo.program(), disk.path(), &repo.open().common_dir).expect("opened");
    let earlier = own.snapshot(&repo.open()).expect("a snapshot");
    own.set_ref("refs/salon/undo/1-x", &earlier).expect("kept");
    repo.write("readme", "changed\n");
    // Incompressible, so that it does not fit.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    let noise: Vec<u8> = std::iter::repeat_with(next).take(3 << 20).collect();
    fs::write(repo.path().join("large"), &noise).expect("written");
    let before = files(repo.path());
    let program = repo.program();
    let restore = |restoration: &Restoration| {
        rewind::restore((&program, disk.path()), repo.path(), restoration, Time::from_millis(2))
    };
    let error = restore(&Restoration::Snapshot(earlier.clone())).expect_err("the disk is full");
    assert!(error.contains("space") || error.contains("write") || error.contains("large"), "{error}");
    assert_eq!(files(repo.path()), before, "without a snapshot first, nothing is thrown away");
    assert_eq!(own.refs("refs/salon").expect("refs"), ["refs/salon/undo/1-x"]);
    assert!(leftovers(&own.path).is_empty(), "{:?}", leftovers(&own.path));
    disk.fill();
    restore(&Restoration::Snapshot(earlier.clone())).expect_err("the disk is full");
    disk.free();
    fs::remove_file(repo.path().join("large")).expect("removed");
    let undo = restore(&Restoration::Snapshot(earlier)).expect("there is room");
    assert_eq!(fs::read_to_string(repo.path().join("readme")).expect("readable"), "one\ntwo\nthree\n");
    restore(&Restoration::Snapshot(undo)).expect("undone");
    assert_eq!(fs::read_to_string(repo.path().join("readme")).expect("readable"), "changed\n");
}

/// Returns temporary indexes that a failed snapshot left.
fn leftovers(own: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(own).expect("a folder").flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("index-"))).collect()
}
