//! Files that the agent reads and writes through salon.

use std::path::Path;

use salon::agent::protocol::{FileError, FileOperation, FileRequest, Incoming};
use salon::domain::Agent;
use salon::live::files::execute;
use serde_json::json;

use super::{Driven, NOW, SESSION};

#[test]
fn a_file_is_requested_of_the_transport_and_its_text_returned() {
    let mut driven = Driven::working(Agent::Gemini);
    let file = "/home/dev/shop-api/a.md";
    driven.request(&json!(0), "fs/read_text_file", &json!({"sessionId": SESSION, "path": file, "line": 2, "limit": 5}));
    driven.request(&json!(1), "fs/write_text_file", &json!({"sessionId": SESSION, "path": file, "content": "x"}));
    let root = Path::new("/home/dev/shop-api");
    let requests: Vec<&FileRequest> = driven.files.iter().map(|(_, request)| request).collect();
    assert!(requests.iter().all(|request| request.root == root && request.path == Path::new(file)));
    assert_eq!(requests[0].operation, FileOperation::Read { line: Some(2), limit: Some(5) });
    assert_eq!(requests[1].operation, FileOperation::Write("x".into()));
    let ids: Vec<u64> = driven.files.iter().map(|(id, _)| *id).collect();
    let missing = FileError::NotFound("a.md".into());
    for (id, result) in [(ids[1], Err(&missing)), (ids[0], Ok("text"))] {
        let step = driven.codec.decode(Incoming::File { id, result }, NOW);
        driven.take(step);
    }
    assert_eq!(driven.answer_to(&json!(0))["result"], json!({"content": "text"}));
    let error = &driven.answer_to(&json!(1))["error"];
    assert_eq!((&error["code"], &error["message"]), (&json!(-32002), &json!("Resource not found: a.md")));
}

/// A directory with a file, beside one that is outside.
fn directories() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let project = dir.path().join("project");
    std::fs::create_dir_all(project.join("src")).expect("a project");
    std::fs::create_dir(dir.path().join("outside")).expect("a directory");
    std::fs::write(project.join("src/a.txt"), "one\ntwo\nthree\n").expect("a file");
    std::fs::write(dir.path().join("outside/secret"), "secret").expect("a file");
    (dir, project)
}

fn read(root: &Path, path: &Path) -> Result<String, FileError> {
    let operation = FileOperation::Read { line: None, limit: None };
    execute(&FileRequest { root: root.to_owned(), path: path.to_owned(), operation })
}

fn write(root: &Path, path: &Path) -> Result<String, FileError> {
    let operation = FileOperation::Write("new".into());
    execute(&FileRequest { root: root.to_owned(), path: path.to_owned(), operation })
}

#[test]
fn files_of_the_session_are_read_and_written() {
    let (_dir, project) = directories();
    assert_eq!(read(&project, &project.join("src/a.txt")).as_deref(), Ok("one\ntwo\nthree\n"));
    let operation = FileOperation::Read { line: Some(2), limit: Some(1) };
    let part = execute(&FileRequest { root: project.clone(), path: project.join("src/a.txt"), operation });
    assert_eq!(part.as_deref(), Ok("two\n"));
    assert!(matches!(read(&project, &project.join("src/b.txt")), Err(FileError::NotFound(_))));
    let new = project.join("docs/deep/b.txt");
    assert_eq!(write(&project, &new).as_deref(), Ok(""));
    assert_eq!(std::fs::read_to_string(&new).expect("written"), "new");
}

#[test]
fn a_path_that_leaves_the_directory_is_refused() {
    let (dir, project) = directories();
    let outside = dir.path().join("outside");
    std::os::unix::fs::symlink(&outside, project.join("link")).expect("a link");
    std::os::unix::fs::symlink(outside.join("new"), project.join("dangling")).expect("a link");
    std::os::unix::fs::symlink(outside.join("secret"), project.join("file")).expect("a link");
    for path in [
        outside.join("secret"),
        project.join("../outside/secret"),
        project.join("src/../../outside/secret"),
        project.join("link/secret"),
        project.join("link/new/file"),
        project.join("nothing/../../outside/secret"),
        project.join("dangling"),
        project.join("file"),
        "src/a.txt".into(),
    ] {
        assert!(read(&project, &path).is_err(), "{}", path.display());
        assert!(write(&project, &path).is_err(), "{}", path.display());
    }
    assert_eq!(std::fs::read_to_string(outside.join("secret")).expect("untouched"), "secret");
    let left: Vec<_> =
        std::fs::read_dir(&outside).expect("a directory").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["secret"], "nothing was created");
}

#[test]
fn a_session_in_a_directory_behind_a_link_has_its_files() {
    let (dir, project) = directories();
    let link = dir.path().join("alias");
    std::os::unix::fs::symlink(&project, &link).expect("a link");
    assert!(read(&link, &link.join("src/a.txt")).is_ok());
    assert!(read(&link, &project.join("src/a.txt")).is_ok());
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let (_dir, project) = directories();
    assert!(matches!(read(&project, &project.join("src")), Err(FileError::Failed(_))));
    assert!(write(&project, &project.join("src")).is_err());
}
