//! Results of one complete scan.

use super::*;

fn title(found: &Collected, id: &str) -> String {
    found.session(&key(id)).map_or_else(String::new, |session| session.title.text.to_string())
}

#[test]
fn sessions_of_all_roots_are_found_with_their_counts() {
    let home = Home::empty();
    write(&home, "one.log", "cwd /w\nprompt 1000 first\nprompt 2000 second\n");
    write(&home, "deep/er/two.log", "prompt 3000 third\n");
    write(&home, "many.base", "x prompt 10 of x\ny prompt 20 of y\n");
    let found = scan(&home);
    assert_eq!(found.sessions.len(), 4);
    let one = found.session(&key("one")).expect("one");
    assert_eq!((one.turns, &*one.title.text, &*one.cwd, one.complete), (2, "first", "/w", true));
    assert_eq!((found.counts.summaries, found.progress.done, found.progress.total), (3, 3, 3));
    assert_eq!(
        report(&found.roots, &found.sessions).iter().map(|root| (root.found, root.sessions)).collect::<Vec<_>>(),
        [(true, 4), (false, 0)]
    );
}

#[test]
fn a_session_in_several_sources_is_one_row_of_the_best() {
    let home = Home::empty();
    write(&home, "a.log", "prompt 1000 real\nprompt 2000 more\n");
    write(&home, "a~stub.log", "cwd /nothing\n");
    write(&home, "b.log", "prompt 1000 old\n");
    let newer = write(&home, "b~copy.log", "prompt 1000 old\nprompt 9000 goes on\n");
    let found = scan(&home);
    assert_eq!(found.sessions.len(), 2);
    assert_eq!(found.session(&key("a")).expect("a").messages, 2);
    assert_eq!(found.session(&key("b")).expect("b").path, newer);
    fs::remove_file(newer).expect("remove");
    assert_eq!(scan(&home).session(&key("b")).expect("b").messages, 1);
}

#[test]
fn notes_of_other_sources_override_a_session() {
    let home = Home::empty();
    write(&home, "a.log", "tip t1\nprompt 1000 real\ntokens 5\n");
    write(&home, "b.log", "title mine\nprompt 1000 real\n");
    let notes = write(&home, "x.notes", "title a named\nusage a 7\ntip t1 ignored, being weaker\nusage nobody 3\n");
    let found = scan(&home);
    assert_eq!((title(&found, "a"), title(&found, "b")), ("named".into(), "mine".into()));
    assert_eq!(found.session(&key("a")).expect("a").tokens.total(), 12);
    fs::write(&notes, "tip t1 of the tip\n").expect("write");
    assert_eq!(title(&scan(&home), "a"), "of the tip");
    fs::remove_file(notes).expect("remove");
    assert_eq!(title(&scan(&home), "a"), "real");
}

#[test]
fn a_reader_that_panics_costs_one_source_and_is_reported() {
    let home = Home::empty();
    write(&home, "bad.log", "panic\n");
    write(&home, "good.log", "prompt 1000 fine\n");
    let found = scan(&home);
    assert_eq!(title(&found, "good"), "fine");
    assert!(found.issues.iter().any(|issue| issue.path.ends_with("bad.log")), "{:?}", found.issues);
}

#[test]
fn a24_an_unreadable_folder_is_an_issue_and_its_sessions_stay() {
    let home = Home::empty();
    write(&home, "open.log", "prompt 1000 open\n");
    write(&home, "shut/in.log", "prompt 1000 inside\n");
    let options = cached(&home);
    assert_eq!(collect(&options, Refresh::Changed).sessions.len(), 2);
    let denied = write(&home, "shut/.denied", "");
    let found = collect(&options, Refresh::Changed);
    assert_eq!(title(&found, "in"), "inside", "what was known of it stays");
    let issue = found.issues.iter().find(|issue| issue.path.ends_with("shut")).expect("an issue");
    assert!(issue.reason.contains("permission denied"), "{issue:?}");
    fs::remove_file(denied).expect("remove");
    let found = collect(&options, Refresh::Changed);
    assert_eq!((found.sessions.len(), found.issues.len()), (2, 0));
}

#[test]
fn an_unreadable_session_is_listed_as_unreadable() {
    let home = Home::empty();
    write(&home, "garbage.log", "\u{0}\u{1b}[31m nonsense\n");
    let found = scan(&home);
    assert!(found.session(&key("garbage")).expect("a row").flags.unreadable);
}
