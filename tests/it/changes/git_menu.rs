//! Commands of git for a work tree: which are offered, that they do what they say, and that offering them writes nothing.

use std::path::Path;
use std::process::Stdio;

use salon::app::{Effect, Msg};
use salon::domain::changes::ChangesScope;
use salon::domain::git_menu::{CommandPlan, DRAFT, GitMenu, commit_draft};
use salon::domain::{Agent, Session, SessionKey};
use salon::git::Repository;
use salon::git::integration::Remote;
use salon::runtime::git_menu::{GitMenuRequest, base_commit};

use super::everything;
use super::screen::open;
use crate::git::repo::{self, Repo};
use crate::screens::stage::session;

fn menu_at(repo: &Repo, dir: &Path, file: Option<&Path>) -> GitMenu {
    let mut shown: Session = session(Agent::Claude, "aaaaaaaa-1", "# Fix the login", 5);
    shown.cwd = dir.to_string_lossy().into();
    let request = GitMenuRequest {
        git: &repo.program(),
        own: &repo.outside().join("own"),
        state_db: &repo.outside().join("state.db"),
        session: &shown,
        file,
        has_program: |name| name == "gh",
    };
    request.menu().expect("a menu")
}

fn lines(menu: &GitMenu) -> Vec<String> {
    menu.plans.iter().map(CommandPlan::line).collect()
}

/// Runs the commands of a plan as they are, with an editor that keeps the draft.
fn run(repo: &Repo, menu: &GitMenu, line: &str) {
    let plan = menu.plans.iter().find(|plan| plan.line() == line).unwrap_or_else(|| panic!("{:?}", lines(menu)));
    let draft = repo.outside().join("draft.md");
    if let Some(text) = &plan.draft {
        repo::write(&draft, text);
    }
    for words in &plan.commands {
        let words: Vec<_> = words.iter().map(|word| word.replace(DRAFT, &draft.to_string_lossy())).collect();
        let args: Vec<_> = words[1..].iter().map(String::as_str).collect();
        let mut command = repo.command(&plan.dir, &args);
        let ended = command.env("GIT_EDITOR", "true").stdin(Stdio::null()).output().expect("git");
        assert!(ended.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn a_file_is_staged_and_unstaged_and_everything_committed_with_a_draft() {
    let repo = Repo::new();
    let file = repo.path().join("a*b");
    repo.write("a*b", "x\n").write("axb", "y\n").write("readme", "changed\n");
    let before = everything(&repo.path().join(".git"));
    let menu = menu_at(&repo, repo.path(), Some(&file));
    assert!(everything(&repo.path().join(".git")) == before, "offering writes nothing");
    let add = "git --literal-pathspecs add -- 'a*b'";
    let all = "git add --all && git commit --edit --file DRAFT";
    assert_eq!(lines(&menu), [add, "git add --all", all]);
    assert_eq!((menu.state.as_str(), &menu.notes[..]), ("main ±3", &["There is no remote to push to.".to_owned()][..]));
    run(&repo, &menu, add);
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "a*b", "the pattern is a name");
    let menu = menu_at(&repo, repo.path(), Some(&file));
    let unstage = "git --literal-pathspecs restore --staged -- 'a*b'";
    assert_eq!(lines(&menu), [unstage, "git add --all", "git commit --edit --file DRAFT"]);
    assert_eq!(menu.state, "main ±3, 1 staged");
    run(&repo, &menu, "git commit --edit --file DRAFT");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", "--name-only"]), "Fix the login\n\na*b");
    run(&repo, &menu_at(&repo, repo.path(), None), all);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(lines(&menu_at(&repo, repo.path(), Some(&file))), Vec::<String>::new());
}

#[test]
fn the_draft_has_the_title_and_the_prompts() {
    let prompts = ["Fix it\nplease".to_owned(), "  ".to_owned(), "x".repeat(200)];
    let expected = format!("Fix the login\n\n- Fix it\n- {}\n", "x".repeat(100));
    assert_eq!(commit_draft("# Fix the login\nmore", &prompts), expected);
    assert_eq!(commit_draft("Title", &[]), "Title\n");
}

#[test]
fn a_branch_is_pushed_once_and_then_as_it_is_and_a_pull_request_needs_its_program() {
    let repo = Repo::with_remote();
    assert_eq!(lines(&menu_at(&repo, repo.path(), None)), Vec::<String>::new());
    repo.git(&["checkout", "--quiet", "-b", "feature"]);
    repo.write("new", "x\n").commit("new");
    let menu = menu_at(&repo, repo.path(), None);
    let push = "git push --set-upstream origin feature";
    assert_eq!(lines(&menu), [push, "gh pr create --fill"]);
    run(&repo, &menu, push);
    assert_eq!(lines(&menu_at(&repo, repo.path(), None)), ["gh pr create --fill"]);
    repo.write("new", "y\n").commit("newer");
    run(&repo, &menu_at(&repo, repo.path(), None), "git push");
    assert_eq!(repo.git(&["rev-parse", "origin/feature"]), repo.git(&["rev-parse", "HEAD"]));
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    let menu = menu_at(&repo, repo.path(), None);
    assert_eq!(lines(&menu)[0], "git pull --ff-only");
    run(&repo, &menu, "git pull --ff-only");
    let url = "https://gitlab.example/x.git".to_owned();
    repo.git(&["remote", "set-url", "origin", &url]);
    assert_eq!(repo.open().remotes().expect("remotes"), [Remote { name: "origin".to_owned(), url }]);
    assert_eq!(lines(&menu_at(&repo, repo.path(), None)), Vec::<String>::new(), "gh is not for this host");
    repo.git(&["checkout", "--quiet", "--detach"]);
    assert!(menu_at(&repo, repo.path(), None).notes.iter().any(|note| note.starts_with("HEAD is detached")));
}

fn base(repo: &Repo, dir: &Path) -> Option<String> {
    let opened = Repository::open(&repo.program(), dir).expect("a repository");
    base_commit(&opened).expect("a base")
}

#[test]
fn a_clean_branch_is_merged_into_the_main_worktree_and_the_base_is_renewed() {
    let repo = Repo::new();
    let path = repo.outside().join("feature");
    repo.git(&["worktree", "add", "--quiet", "-b", "feature", path.to_str().expect("text")]);
    let first = repo.git(&["rev-parse", "HEAD"]);
    repo::write(&path.join("new"), "x\n");
    repo.commit_in(&path, "new");
    repo.write("other", "y\n").commit("other");
    assert_eq!(base(&repo, &path).as_ref(), Some(&first));
    let menu = menu_at(&repo, &path, None);
    let merge = format!("git -C {} merge --no-edit feature", repo.path().display());
    assert_eq!(lines(&menu), ["git rebase main".to_owned(), merge.clone()]);
    run(&repo, &menu, "git rebase main");
    assert_eq!(base(&repo, &path), Some(repo.git(&["rev-parse", "main"])));
    repo::write(&path.join("uncommitted"), "z\n");
    let menu = menu_at(&repo, &path, None);
    assert!(menu.notes.contains(&"A merge leaves out what is not committed.".to_owned()), "{menu:?}");
    run(&repo, &menu, &merge);
    let head = repo.git_in(&path, &["rev-parse", "HEAD"]);
    assert_eq!((repo.git(&["rev-parse", "main"]), base(&repo, &path)), (head.clone(), Some(head)), "nothing is left");
    assert!(!lines(&menu_at(&repo, &path, None)).contains(&merge));
}

#[test]
fn a_merge_with_conflicts_is_not_offered_and_names_the_files() {
    let repo = Repo::new();
    let path = repo.outside().join("feature");
    repo.git(&["worktree", "add", "--quiet", "-b", "feature", path.to_str().expect("text")]);
    repo::write(&path.join("readme"), "theirs\n");
    repo.commit_in(&path, "theirs");
    repo.write("readme", "ours\n").commit("ours");
    let before = everything(&repo.path().join(".git"));
    let menu = menu_at(&repo, &path, None);
    assert!(everything(&repo.path().join(".git")) == before, "trying writes nothing");
    assert_eq!(lines(&menu), Vec::<String>::new());
    let note = "feature and main have conflicts in readme: merge them with git.".to_owned();
    assert!(menu.notes.contains(&note), "{menu:?}");
    repo.command(&path, &["merge", "--quiet", "main"]).output().expect("git");
    let notes = menu_at(&repo, &path, None).notes;
    assert!(notes.contains(&"Some files have conflicts: resolve them with git first.".to_owned()), "{notes:?}");
}

#[test]
fn the_dialog_shows_each_command_as_it_runs_and_the_changes_are_read_again() {
    let (mut stage, _) = open(120, 40);
    let key = SessionKey::new(Agent::Claude, "aaaaaaaa-1");
    stage.keys("s");
    let asked = Effect::LoadGitMenu { key: key.clone(), file: None };
    assert!(stage.take_effects().contains(&asked));
    let plan = CommandPlan::git("/x".into(), &["push"], "Pushed");
    let menu =
        GitMenu { state: "feature ↑1".to_owned(), notes: vec!["A note.".to_owned()], plans: vec![plan.clone()] };
    stage.send(Msg::GitMenu(key.clone(), Ok(menu.clone())));
    let screen = stage.screen();
    for text in ["feature ↑1", "A note.", "1  git push", "2  Cancel"] {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    stage.keys("1");
    assert!(stage.take_effects().contains(&Effect::RunCommands(Box::new(plan))));
    stage.send(Msg::WorkTreeChanged(Ok("Pushed".to_owned())));
    assert!(stage.screen().contains("Pushed"), "{}", stage.screen());
    let reloads = |effect: &Effect| matches!(effect, Effect::LoadChanges { scope: ChangesScope::Session, .. });
    assert!(stage.take_effects().iter().any(reloads));
    stage.send(Msg::WorkTreeChanged(Err("The command ended with exit status: 1".to_owned())));
    assert!(stage.screen().contains("exit status: 1"), "{}", stage.screen());
    stage.keys("esc").send(Msg::GitMenu(key, Ok(menu)));
    assert!(stage.app.stack.layers.is_empty(), "an answer that is too late opens nothing");
}
