//! Codex: compressed rollouts, messages between agents, goals, images, MCP results, copies of a parent's history.

use super::Case;

#[test]
fn messages_between_agents_are_a_sub_agents_prompt_and_its_parents_notice() {
    let case = Case::of("21-codex-agent-messages");
    let child = case.session("019f54a3-8e2a-7467-8faa-8a99ad52716e");
    assert_eq!(child["title"], "audit the parser tamarinneedle please");
    assert_eq!(case.entries("019f54a3-8e2a-7467-8faa-8a99ad52716e")[0]["kind"], "prompt");
    case.assert_shown_and_found("tamarinneedle");
    case.assert_shown_and_found("pangolinneedle");
    let report = case.entries("019fef9e-4a67-7570-87be-074ba4426616");
    let report = report.iter().find(|entry| entry["text"].as_str().is_some_and(|text| text.contains("pangolin")));
    let report = report.expect("the report");
    assert_eq!((&report["kind"], &report["role"]), (&"notice".into(), &"system".into()));
    assert!(report["text"].as_str().expect("text").starts_with("Message from /root/audit"), "{report}");
}

#[test]
fn a_generated_image_is_its_prompt_and_its_path() {
    let case = Case::of("24-codex-image-generation");
    let session = case.only_session();
    let entries = case.entries(session["id"].as_str().expect("id"));
    let image = entries.iter().find(|entry| entry["kind"] == "tool").expect("a tool");
    assert_eq!(image["tool"]["name"], "image_generation");
    assert_eq!(image["tool"]["input"]["revised_prompt"], "a llama on a hill");
    assert_eq!(image["tool"]["output"], "[image: /home/dev/.codex/generated_images/llama.png]");
    let longest = entries.iter().map(|entry| entry.to_string().len()).max().expect("entries");
    assert!(longest < 2_000, "base64 is shown: {longest} bytes");
}

#[test]
fn a_goal_is_the_title_and_a_notice() {
    let case = Case::of("25-codex-goal");
    let session = case.only_session();
    assert_eq!(session["title"], "make all tests green axolotlneedle");
    assert_eq!(session["turns"], 0);
    let first = &case.entries(session["id"].as_str().expect("id"))[0];
    assert_eq!(
        (&first["kind"], &first["text"]),
        (&"notice".into(), &"Goal: make all tests green axolotlneedle".into())
    );
    case.assert_shown_and_found("axolotlneedle");
}

#[test]
fn a_thread_name_is_the_title_of_a_session_of_images_only() {
    let case = Case::of("26-codex-image-only-name");
    assert_eq!(case.only_session()["title"], "Screenshot of terminal");
}

#[test]
fn results_of_mcp_tools_are_kept_and_failures_fail() {
    let case = Case::of("29-codex-mcp-results");
    for word in ["caracalneedle", "mail one", "servalneedle", "ocelotneedle", "bobcatneedle"] {
        case.assert_shown_and_found(word);
    }
    let session = case.only_session();
    let entries = case.entries(session["id"].as_str().expect("id"));
    let status = |id: &str| {
        let tool = entries.iter().find(|entry| entry["tool"]["id"] == id).expect("a tool");
        (tool["tool"]["name"].clone(), tool["tool"]["status"].clone())
    };
    assert_eq!(status("c1"), ("mcp__mail__list".into(), "done".into()));
    assert_eq!(status("c2"), ("mcp__mail__get".into(), "failed".into()));
    assert_eq!(status("c3"), ("mcp__mail__bad".into(), "failed".into()));
    assert_eq!(status("c5"), ("tool_search".into(), "done".into()));
}

#[test]
fn numbers_are_times() {
    let case = Case::of("48-codex-numeric-timestamps");
    let session = case.only_session();
    assert_eq!(session["last_activity"], "2026-09-10T10:00:06.500Z");
    assert_eq!(case.entries(session["id"].as_str().expect("id"))[0]["time"], "2026-09-10T10:00:04.500Z");
    case.assert_shown_and_found("jaguarundineedle");
}

#[test]
fn kinds_of_0_171_are_shown_as_what_they_are() {
    let case = Case::of("49-codex-0171-kinds");
    for word in ["chinchillaneedle", "degusneedle", "capybaraneedle", "viscachaneedle"] {
        case.assert_shown_and_found(word);
    }
    let session = case.only_session();
    let entries = case.entries(session["id"].as_str().expect("id"));
    let of = |word: &str| {
        let entry = entries.iter().find(|entry| entry.to_string().contains(word)).expect(word);
        (entry["kind"].as_str().expect("kind"), entry["tool"]["name"].as_str().unwrap_or_default())
    };
    assert_eq!(of("chinchillaneedle"), ("prompt", ""));
    assert_eq!(of("degusneedle"), ("text", ""));
    assert_eq!(of("generated_images/l.png"), ("tool", "image_generation"));
    assert_eq!(of("60000"), ("tool", "sleep"));
    assert!(entries.iter().all(|entry| entry["kind"] != "other"), "{entries:#?}");
    assert!(entries.iter().all(|entry| entry.to_string().len() < 2_000), "base64 is shown");
}
