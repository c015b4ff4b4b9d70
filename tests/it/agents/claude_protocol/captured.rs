//! The stream of a run and the transcript that the same run left on disk, side by side (H16).

use std::collections::HashSet;

use salon::agent::{self, SourceSessions, TextLimit};
use salon::domain::transcript::Transcript;
use salon::domain::{Agent, Entry, EntryKey, EntryKind, Event};

use super::talk::Talk;
use crate::support::{Home, fixtures};

/// The entries of one session's transcript in a home.
pub fn on_disk(home: &Home, id: &str) -> Vec<Entry> {
    let claude = agent::format(Agent::Claude);
    let roots = claude.roots(&home.environment());
    let units = roots.iter().flat_map(|root| claude.discover(root).sources);
    let unit = units.into_iter().find(|unit| unit.path.ends_with(format!("{id}.jsonl"))).expect("the file");
    let SourceSessions::All(sessions) = claude.summarise(&unit, None).sessions else { panic!("a whole file") };
    let mut reading = claude.open(&sessions[0]).expect("opens");
    reading.read(0..reading.len(), TextLimit::NONE)
}

/// What two readings of one entry have in common. The plain order of fields makes a difference readable.
fn told(entry: &Entry) -> String {
    let tool = entry.tool.as_deref();
    let tool = tool.map(|tool| (&tool.name, &tool.id, &tool.input, &tool.action, &tool.output, tool.status));
    let subagent = entry.tool.as_deref().and_then(|tool| tool.subagent.as_deref());
    format!(
        "{:?} {:?} {:?} {:?} {:?} {tool:?} {subagent:?}",
        entry.kind, entry.role, entry.level, entry.text, entry.plan
    )
}

/// Both sides, entry by entry; what only one of them has.
pub fn compare(live: &[Entry], disk: &[Entry]) -> (Vec<String>, Vec<String>) {
    let keys = |entries: &[Entry]| entries.iter().map(|entry| entry.key).collect::<Vec<EntryKey>>();
    let (live_keys, disk_keys) = (keys(live), keys(disk));
    // A command is told when it is given and stored when it is done.
    let is_command = |entry: &&Entry| entry.kind == EntryKind::Notice && entry.text.starts_with('/');
    let commands: HashSet<EntryKey> = live.iter().filter(is_command).map(|entry| entry.key).collect();
    let common = |of: &[EntryKey], other: &[EntryKey]| {
        let other: HashSet<&EntryKey> = other.iter().collect();
        of.iter().copied().filter(|key| other.contains(key) && !commands.contains(key)).collect::<Vec<EntryKey>>()
    };
    assert_eq!(common(&live_keys, &disk_keys), common(&disk_keys, &live_keys), "the same order");
    for entry in live {
        if let Some(stored) = disk.iter().find(|stored| stored.key == entry.key) {
            assert_eq!(told(entry), told(stored));
        }
    }
    let only = |of: &[Entry], other: &[EntryKey]| {
        let only = of.iter().filter(|entry| !other.contains(&entry.key));
        only.map(|entry| format!("{:?}: {}", entry.kind, entry.text)).collect::<Vec<_>>()
    };
    (only(live, &disk_keys), only(disk, &live_keys))
}

#[test]
fn h16_a_run_and_its_transcript_tell_the_same_entries() {
    let talk = Talk::captured("tour");
    let home = Home::empty();
    let folder = home.path().join(".claude/projects/-home-dev-shop-api");
    std::fs::create_dir_all(&folder).expect("folder");
    let stored = fixtures().join("claude/2.1.329/streams/tour.transcript.jsonl");
    let stored = talk.renamed(&std::fs::read_to_string(stored).expect("the transcript"));
    let id = "88888888-2222-4333-8444-555555555555";
    std::fs::write(folder.join(format!("{id}.jsonl")), stored).expect("write");
    let fold = talk.fold();
    let disk = on_disk(&home, id);
    let (live, disk_only) = compare(fold.entries(), &disk);
    assert!(fold.entries().len() > 40 && disk.len() > 40, "{} {}", fold.entries().len(), disk.len());
    assert_eq!(live.len(), 1, "{live:?}");
    assert!(live[0].starts_with("Notice: The mode was not changed"), "what concerns this run alone");
    let told = ["Notice: /model opus", "Notice: Sub-agent: Agent \"Look around\" finished"];
    // The record has the sub-agent's report as well.
    let first_lines: Vec<&str> = disk_only.iter().map(|text| text.lines().next().unwrap_or_default()).collect();
    assert_eq!(first_lines, told, "the stream tells these two in other ways");
    // Both folded into one history: nothing is there twice.
    let mut both = Transcript::default();
    for event in talk.events() {
        both.apply(event.clone());
    }
    let kinds = |kind| both.entries().iter().filter(|entry| entry.kind == kind).count();
    assert_eq!(kinds(EntryKind::Prompt), disk.iter().filter(|entry| entry.kind == EntryKind::Prompt).count());
    assert_eq!(kinds(EntryKind::Tool), disk.iter().filter(|entry| entry.kind == EntryKind::Tool).count());
}

#[test]
fn h16_no_captured_stream_tells_another_text_than_its_transcript() {
    let home = Home::of(&["claude/2.1.329"]);
    for (name, id) in [
        ("d1_multi", "ecb23d04-1c2c-482e-b243-a4eb88ad9dcb"),
        ("d2_queue", "7d375c47-30ed-4437-9b24-00a12a9fc06e"),
        ("d2_ERR429", "f9b8bf2e-b6b3-47ad-ac6e-7ba89458f566"),
        ("d2_ERR500", "1b2f6378-e804-4ead-81a1-ab606c44489c"),
        ("d2_SIGINT", "5c032a9e-b2fe-4c10-b2e4-0b76f12e3394"),
        ("p4_task", "dda70f64-33a7-4428-98ee-38edd9c3b46d"),
    ] {
        let fold = Talk::captured(name).fold();
        let (live, _) = compare(fold.entries(), &on_disk(&home, id));
        // These were driven without names for the prompts.
        let live: Vec<_> = live.iter().filter(|entry| !entry.starts_with("Prompt: ")).collect();
        assert!(live.is_empty(), "{name}: {live:?}");
    }
}

#[test]
fn h16_a_version_without_block_numbers_tells_whole_blocks() {
    let talk = Talk::of("claude/2.0.76", "p1");
    let home = Home::of(&["claude/2.0.76"]);
    let fold = talk.fold();
    let (live, _) = compare(fold.entries(), &on_disk(&home, "22e22bb8-95a4-495e-a612-04a08b5d5dde"));
    assert_eq!(live, ["Notice: Claude Code 2.0.76 appears paragraph by paragraph; newer versions stream."]);
    assert!(fold.entries().len() > 6);
    let pieces = talk.events().filter(|event| is_piece(event)).count();
    assert_eq!(pieces, 0);
}

fn is_piece(event: &Event) -> bool {
    use salon::domain::Delta::Append;
    use salon::domain::event::EventBody::{Text, Thinking};
    matches!(event.body, Text(Append(_)) | Thinking(Append(_)))
}
