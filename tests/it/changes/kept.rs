//! What snapshots know of files beside their contents: modes, files that are too large, submodules.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use salon::domain::Time;
use salon::domain::changes::{FileDiff, FileDiffStatus, Restoration};
use salon::runtime::rewind::{self, NOT_KEPT};

use super::own;
use super::rewind::back_after;
use crate::git::repo::{self, Repo};

fn mode(repo: &Repo, name: &str) -> u32 {
    fs::metadata(repo.path().join(name)).expect("a file").permissions().mode() & 0o777
}

fn set_mode(repo: &Repo, name: &str, mode: u32) {
    fs::set_permissions(repo.path().join(name), Permissions::from_mode(mode)).expect("set");
}

#[test]
fn a_deleted_file_comes_back_with_its_mode() {
    let repo = Repo::new();
    repo.write("tracked", "secret\n").commit("files").write("new \"one\"", "secret\n").write("tool", "x\n");
    let modes = [("tracked", 0o600), ("new \"one\"", 0o640), ("tool", 0o700), ("readme", 0o444)];
    modes.iter().for_each(|(name, mode)| set_mode(&repo, name, *mode));
    let (own, opened) = (own(&repo), repo.open());
    let before = own.snapshot(&opened).expect("a snapshot");
    modes.iter().for_each(|(name, _)| fs::remove_file(repo.path().join(name)).expect("removed"));
    // Git gives it a usual mode.
    repo.write("readme", "changed\n");
    let current = own.snapshot(&opened).expect("a snapshot");
    let checked = own.check(&opened.root, own.restorations(&current, &before).expect("a list")).expect("checked");
    own.restore(&opened.root, &before, &checked.safe).expect("checked").expect("restored");
    let restored = modes.map(|(name, _)| (name, mode(&repo, name)));
    assert_eq!(restored, modes);
    assert_eq!(own.snapshot(&opened).expect("a snapshot"), before);
}

#[test]
fn files_that_are_too_large_are_named_as_such() {
    let repo = Repo::new();
    repo.write("a", "a\n").commit("a");
    let grow = |name: &str| fs::File::create(repo.path().join(name)).and_then(|file| file.set_len(101 << 20));
    let (own, opened) = (own(&repo), repo.open());
    let head = opened.commit("HEAD").expect("a commit");
    grow("readme").expect("large");
    let before = own.snapshot(&opened).expect("a snapshot");
    grow("new").expect("large");
    repo.write("z", "z\n");
    let after = own.snapshot(&opened).expect("a snapshot");
    let large = |files: &[FileDiff]| -> Vec<(String, FileDiffStatus, bool)> {
        files.iter().map(|file| (file.path.clone(), file.status, file.is_large)).collect()
    };
    let named = |name: &str, status, is_large| (name.to_owned(), status, is_large);
    let since = own.diff(&head, &after).expect("a diff");
    let (added, modified) = (FileDiffStatus::Added, FileDiffStatus::Modified);
    let all = [named("new", added, true), named("readme", modified, true), named("z", added, false)];
    assert_eq!(large(&since), all);
    let of_turn = own.diff(&before, &after).expect("a diff");
    assert_eq!(large(&of_turn), [named("new", added, true), named("z", added, false)]);
    fs::remove_file(repo.path().join("new")).expect("removed");
    let gone = own.snapshot(&opened).expect("a snapshot");
    assert_eq!(large(&own.diff(&after, &gone).expect("a diff")), [named("new", FileDiffStatus::Deleted, true)]);
    let restoration = Restoration::File(since[1].clone(), head);
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    let refused = rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0));
    assert_eq!(refused.expect_err("no snapshot has it"), format!("readme is left as it is: {NOT_KEPT}"));
}

#[test]
fn the_commit_of_a_submodule_is_part_of_the_changes_and_is_never_taken_back() {
    let repo = Repo::new();
    let inner = Repo::new();
    repo.git(&["submodule", "--quiet", "add", inner.path().to_str().expect("text"), "inner"]);
    repo.commit("a submodule");
    let place = repo.path().join("inner");
    repo::write(&place.join("more"), "m\n");
    repo.commit_in(&place, "more");
    let (own, opened) = (own(&repo), repo.open());
    let head = opened.commit("HEAD").expect("a commit");
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    let changed = own.diff(&head, &snapshot).expect("a diff");
    let [file] = &changed[..] else { panic!("{changed:?}") };
    let commit = repo.git_in(&place, &["rev-parse", "HEAD"]);
    assert_eq!((file.path.as_str(), file.is_large), ("inner", false));
    assert_eq!(file.hunks[0].lines[1], format!("+Subproject commit {commit}"));
    assert_eq!(own.restorations(&snapshot, &head).expect("a list"), []);
    let restoration = Restoration::File(file.clone(), head);
    let (program, folder) = (repo.program(), repo.outside().join("own"));
    rewind::restore((&program, &folder), repo.path(), &restoration, Time::from_millis(0)).expect_err("not a file");
    assert_eq!(repo.git_in(&place, &["rev-parse", "HEAD"]), commit);
    // A repository within, of which git knows nothing, is left out.
    repo.git(&["init", "--quiet", "other"]);
    repo::write(&repo.path().join("other/x"), "x\n");
    repo.commit_in(&repo.path().join("other"), "x");
    assert_eq!(own.snapshot(&opened).expect("a snapshot"), snapshot);
}

#[test]
fn an_empty_directory_where_a_file_was_is_no_file() {
    let repo = Repo::new();
    fs::remove_file(repo.path().join("readme")).expect("removed");
    fs::create_dir(repo.path().join("readme")).expect("created");
    let (own, opened) = (own(&repo), repo.open());
    let snapshot = own.snapshot(&opened).expect("a snapshot");
    let changed = own.diff(&opened.commit("HEAD").expect("a commit"), &snapshot).expect("a diff");
    assert_eq!((changed.len(), changed[0].status), (1, FileDiffStatus::Deleted));
}

#[test]
fn files_of_a_store_for_large_files_come_back_and_pointers_are_files_like_others() {
    let repo = Repo::new();
    repo.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 5\n";
    repo.write("pointer.bin", pointer).commit("without the program");
    let [held, restored] = back_after(&repo, || {
        repo.write("pointer.bin", &pointer.replace("aa", "bb"));
    });
    assert_eq!(restored, held);
    // As the program that the user's own configuration names.
    let (store, lfs) = (repo.outside().join("store"), repo.outside().join("lfs"));
    fs::create_dir(&store).expect("created");
    let script = format!(
        "#!/bin/sh\ncd {}\nif [ $1 = clean ]; then cat > new.$$; id=$(sha256sum new.$$ | cut -c1-64); mv new.$$ $id; echo $id\n\
         else read id; if [ -f \"$id\" ]; then cat $id; else echo \"$id\"; fi; fi\n",
        store.display()
    );
    repo::executable(&lfs, &script);
    let program = lfs.display();
    let config = format!("[filter \"lfs\"]\nclean = {program} clean\nsmudge = {program} smudge\nrequired\n");
    repo::write(&repo.outside().join(".gitconfig"), &config);
    repo.write("large.bin", "large one\n").commit("with the program");
    let [held, restored] = back_after(&repo, || {
        repo.write("large.bin", "large two\n").write("new.bin", "new\n");
    });
    assert_eq!(restored, held);
}

#[test]
fn names_that_differ_in_case_only_are_two_files() {
    let repo = Repo::new();
    repo.write("Readme", "upper\n").write("dir/a", "a\n").write("Dir/a", "A\n").commit("both");
    repo.git(&["config", "core.ignorecase", "true"]);
    let [held, restored] = back_after(&repo, || {
        repo.write("Readme", "changed\n").write("dir/a", "changed\n");
        fs::remove_file(repo.path().join("readme")).expect("removed");
        repo.write("DIR/new", "x\n");
    });
    assert_eq!(restored, held);
}
