//! Sessions that another process of OpenCode has open.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rusqlite::Connection;
use salon::domain::launch::OWNER_VARIABLE;

use super::{MAIN, V1_18, db, opencode, root};
use crate::support::{Home, clock, end};

/// A process with the name of the agent and the database open; killed on drop.
struct Holder(Child);

impl Holder {
    fn start(home: &Home, args: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .arg0("opencode")
            .args(["-c", "exec 3<\"$DATABASE\"; echo open; read end"])
            .args(args)
            .env("DATABASE", db(home))
            .envs(vars.iter().copied())
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("stdout")).read_line(&mut line).expect("open");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn open(home: &Home) -> Vec<(String, Option<u32>)> {
    let statuses = opencode().live(&root(home)).into_iter();
    statuses.map(|status| (status.key.id.to_string(), status.pid)).collect()
}

#[test]
fn a_session_that_another_process_names_is_open() {
    let home = Home::of(&[V1_18]);
    assert_eq!(open(&home), []);
    let holder = Holder::start(&home, &["opencode", "-s", MAIN], &[]);
    assert_eq!(open(&home), [(MAIN.to_owned(), Some(holder.0.id()))]);
    drop(holder);
    assert_eq!(open(&home), []);
}

#[test]
fn a_session_that_another_process_has_changed_since_its_start_is_open() {
    let home = Home::of(&[V1_18]);
    let holder = Holder::start(&home, &["opencode"], &[]);
    assert_eq!(open(&home), [], "it may have any session open, or none");
    let directory = home.path().canonicalize().expect("the home").to_string_lossy().into_owned();
    let changed = Connection::open(db(&home)).expect("the database").execute(
        "UPDATE session SET time_updated = ?1, directory = ?2 WHERE id = ?3",
        (clock().millis() + 1000, directory, MAIN),
    );
    assert_eq!(changed.expect("changed"), 1);
    assert_eq!(open(&home), [(MAIN.to_owned(), Some(holder.0.id()))]);
}

#[test]
fn a_process_that_salon_started_opens_nothing_elsewhere() {
    let home = Home::of(&[V1_18]);
    let _holder = Holder::start(&home, &["opencode", "-s", MAIN], &[(OWNER_VARIABLE, "1-2")]);
    assert_eq!(open(&home), []);
}
