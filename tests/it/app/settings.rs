//! Key map, configuration and themes: the shipped ones and the user's changes.

use std::path::PathBuf;

use salon::app::action::{Action, KeyContext};
use salon::app::keys::Keymap;
use salon::config::describe::describe;
use salon::config::key::{Key, KeyCode};
use salon::config::problem::ConfigProblem;
use salon::config::settings::Settings;
use salon::config::{keymap, theme, theme_file};
use salon::domain::Agent;

#[test]
fn every_action_has_a_row_and_its_description_in_the_shipped_key_map() {
    let described = describe("");
    for action in Action::ALL {
        let name = format!("keys.{}.{}", action.context().name(), action.name());
        let row = described.iter().find(|row| row.key == name).unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(row.about, action.about(), "{name}");
    }
    assert_eq!(keymap::defaults().len(), Action::ALL.len(), "no row without an action");
    assert!(described.iter().all(|row| !row.about.is_empty()), "{described:?}");
}

#[test]
fn no_key_has_two_actions_in_one_context() {
    let mut seen = std::collections::HashMap::new();
    for row in keymap::defaults() {
        for key in row.keys {
            if let Some(other) = seen.insert((row.context.clone(), key), row.action.clone()) {
                panic!("{key} in {} is both {other} and {}", row.context, row.action);
            }
        }
    }
    // A binding of the list must not hide a global one.
    let map = Keymap::default();
    let everywhere: Vec<_> = Action::ALL.iter().filter(|action| action.context() == KeyContext::Everywhere).collect();
    for action in everywhere {
        for key in map.keys(*action) {
            assert_eq!(
                map.action(*key, &[KeyContext::List, KeyContext::Move, KeyContext::Everywhere]),
                Some(*action),
                "{key}"
            );
            assert_eq!(
                map.action(*key, &[KeyContext::Reader, KeyContext::Move, KeyContext::Everywhere]),
                Some(*action),
                "{key}"
            );
        }
    }
}

#[test]
fn keys_are_read_as_they_are_written() {
    for (words, key) in [
        ("j", Key::char('j')),
        ("G", Key::char('G')),
        ("-", Key::char('-')),
        ("ctrl-p", Key::ctrl('p')),
        ("Ctrl-P", Key::ctrl('p')),
        ("ctrl--", Key::ctrl('-')),
        ("space", Key::char(' ')),
        ("f2", Key::plain(KeyCode::F(2))),
        ("pgup", Key::plain(KeyCode::PageUp)),
        ("alt-enter", Key { alt: true, ..Key::plain(KeyCode::Enter) }),
        ("shift-enter", Key { shift: true, ..Key::plain(KeyCode::Enter) }),
        ("é", Key::char('é')),
    ] {
        assert_eq!(Key::parse(words), Some(key), "{words}");
        assert_eq!(Key::parse(&key.to_string()), Some(key), "{key}");
    }
    for wrong in [
        "",
        "ctrl-",
        "strg-p",
        "f0",
        "f25",
        "nonsense",
        "ctrl",
        "ctrl-ctrl-x",
        "alt-Alt-x",
        "shift-shift-tab",
        "ctrl-shift-x",
        "shift-5",
        "shift-space",
    ] {
        assert_eq!(Key::parse(wrong), None, "{wrong}");
    }
}

/// Line, key and message of each problem.
fn shown(problems: &[ConfigProblem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {problem}", problem.line.unwrap_or_default())).collect()
}

#[test]
fn the_user_rebinds_and_unknown_actions_are_reported() {
    let config = "[keys.list]\nfilter = \"f\"\nsort = [\"x\", \"y\"]\nfly = \"f1\"\nopen = \"hyper-o\"\nnote = [\"N\", \"ctrl-ctrl-x\"]\n[keys.nowhere]\nhelp = \"?\"";
    let (settings, problems) = Settings::read(config);
    assert_eq!(
        shown(&problems),
        [
            "4: keys.list.fly: unknown action",
            "5: keys.list.open: \"hyper-o\" is not a key",
            "6: keys.list.note: \"ctrl-ctrl-x\" is not a key",
            "7: keys.nowhere: unknown context; must be one of everywhere, move, list, reader, search, chat, changes",
        ]
    );
    let (map, problems) = Keymap::new(&settings.keys);
    assert_eq!(problems, Vec::<String>::new());
    let does = |key: char| map.action(Key::char(key), &[KeyContext::List, KeyContext::Move, KeyContext::Everywhere]);
    assert_eq!((does('f'), does('\\')), (Some(Action::Filter), None));
    assert_eq!((does('y'), map.keys(Action::CopyId)), (Some(Action::Sort), [].as_slice()), "the user's key wins");
    assert_eq!(map.keys(Action::Open), [Key::plain(KeyCode::Enter)], "the default stands");
}

#[test]
fn a_configuration_with_mistakes_is_used_as_far_as_it_goes() {
    let (defaults, problems) = Settings::read("");
    assert_eq!(problems, []);
    assert!(defaults.preview && defaults.mouse && defaults.scope.is_none());
    let (settings, problems) =
        Settings::read("theme = \"light\"\nmouse = 1\n\ncolour = true\nsort = \"best\"\n[limits]\nruns = 0\nrun = 1");
    assert_eq!((settings.theme, settings.mouse), (salon::config::settings::ThemeChoice::Light, true));
    assert_eq!(
        shown(&problems),
        [
            "2: mouse: 1 must be true or false",
            "4: colour: unknown setting, ignored",
            "5: sort: \"best\" must be one of \"activity\", \"started\", \"turns\", \"tokens\", \"size\", \"title\", \"last\"",
            "7: limits.runs: 0 is not a number above 0",
            "8: limits.run: unknown limit, ignored",
        ]
    );
    let (settings, problems) = Settings::read("theme = \"dark\"\n\n[roots\nclaude = []");
    assert_eq!(settings, defaults);
    assert!(!problems.is_empty() && problems[0].line == Some(3), "{problems:?}");
    let (settings, problems) = Settings::read("[roots]\nclaude = [\"~/work/.claude\"]\ncodex = \"/x\"");
    assert_eq!(problems, []);
    assert_eq!(settings.roots[&Agent::Claude], [PathBuf::from("~/work/.claude")]);
    assert_eq!(settings.roots[&Agent::Codex], [PathBuf::from("/x")]);
}

#[test]
fn a_number_that_is_too_large_is_reported_with_its_line() {
    for (text, line) in [("theme = \"light\"\n[limits]\nruns = 99999999999999999999", 3), ("bell = 1e999", 1)] {
        let (_, problems) = Settings::read(text);
        assert!(!problems.is_empty() && problems[0].line == Some(line), "{text}: {problems:?}");
    }
}

#[test]
fn a_password_or_key_without_quotes_is_not_repeated() {
    let text = "[servers]\nopencode_password = 271828\n[agents.mine]\nacp = [\"mine\"]\nenv = { API_KEY = 271828 }";
    let (_, problems) = Settings::read(text);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(shown(&problems).iter().all(|problem| !problem.contains("271828") && problem.contains("in quotes")));
}

#[test]
fn the_effective_configuration_is_printed_with_defaults_and_descriptions() {
    let rows = describe("theme = \"light\"\nmouse = 1\n[keys.list]\nfilter = \"f\"\n[roots]\nclaude = [\"/c\"]");
    let row = |key: &str| rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no {key}")).clone();
    assert_eq!((row("theme").value.as_str(), row("theme").default.as_str()), (Some("light"), Some("auto")));
    assert_eq!(row("mouse").value.as_bool(), Some(true), "what cannot be used is not in force");
    assert_eq!(row("keys.list.filter").value.as_str(), Some("f"));
    assert_eq!(row("roots.claude").value.as_array().map(Vec::len), Some(1));
    assert!(row("preview").about.starts_with("Show a preview"));
}

/// Contrast of two colours as accessibility guidelines compute it: 1 to 21.
fn contrast(a: theme::Colour, b: theme::Colour) -> f64 {
    let light = |colour: theme::Colour| {
        let theme::Colour::Rgb(r, g, b) = colour else { panic!("{colour:?} is not exact") };
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    };
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn h42_both_themes_can_be_read() {
    use theme::Colour::Rgb;
    let themes = theme::Themes::shipped(theme_file::ColourDepth::Full, theme::Background::Dark);
    let grounds = [(themes.dark, Rgb(0x1e, 0x1e, 0x1e)), (themes.light, Rgb(0xff, 0xff, 0xff))];
    for (mut look, ground) in grounds {
        for name in theme::Theme::NAMES {
            let paint = *look.style_mut(name).expect("a look");
            // Rules and dots need less contrast, and the divider between panes still less.
            let least = match *name {
                "border" => 1.3,
                "faint" | "past" => 2.8,
                _ => 4.5,
            };
            if let Some(fg) = paint.fg {
                let contrast = contrast(fg, paint.bg.unwrap_or(ground));
                assert!(contrast >= least, "{name}: {contrast:.1} on {ground:?}");
            }
            assert!(paint.bg.is_none() || paint.fg.is_some(), "{name} has a background only");
        }
    }
}

#[test]
fn the_shipped_themes_name_everything_and_nothing_else() {
    for name in ["dark", "light", "ansi", "plain"] {
        let path = format!("{}/assets/themes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("theme");
        let (_, problems) = theme_file::read(&text);
        assert_eq!(problems, Vec::<String>::new(), "{name}");
        // Dark blue cannot be read on black.
        assert!(name != "ansi" || !text.lines().any(|line| line.contains("ansi:4 ") || line.contains("ansi:4\"")));
        for look in theme::Theme::NAMES {
            assert!(text.lines().any(|line| line.starts_with(&format!("{look} = "))), "{name}: {look}");
        }
    }
    assert_eq!(theme_file::parse_style("#zzzzzz"), None);
    assert_eq!(theme_file::parse_style("bold on"), None);
}

/// Cyan and yellow are too pale for texts on white, and dark blue is too dark on black.
#[test]
fn with_16_colours_both_backgrounds_can_be_read() {
    use theme::Colour::Ansi;
    let themes = theme::Themes::shipped(theme_file::ColourDepth::Ansi, theme::Background::Dark);
    for (mut shown, unreadable) in [(themes.dark, vec![4]), (themes.light, vec![3, 6, 11, 12, 14])] {
        for name in theme::Theme::NAMES {
            let style = *shown.style_mut(name).expect("a style");
            let unreadable = unreadable.iter().any(|index| style.fg == Some(Ansi(*index)));
            assert!(!unreadable, "{name}: {style:?}");
        }
    }
}

#[test]
fn with_256_colours_the_bands_of_a_diff_are_green_and_red() {
    let themes = theme::Themes::shipped(theme_file::ColourDepth::Indexed, theme::Background::Dark);
    for shown in [themes.dark, themes.light] {
        let band = |style: theme::ThemeStyle| match style.bg {
            Some(theme::Colour::Ansi(index @ 16..=231)) => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6],
            other => panic!("{other:?} has no hue"),
        };
        let [added, removed] = [shown.added, shown.removed].map(band);
        let [added_word, removed_word] = [shown.added_word, shown.removed_word].map(band);
        for [red, green, blue] in [added, added_word] {
            assert!(green > red && green > blue, "{added:?} {added_word:?}");
        }
        for [red, green, blue] in [removed, removed_word] {
            assert!(red > green && red > blue, "{removed:?} {removed_word:?}");
        }
        assert!(added != added_word && removed != removed_word, "changed words are told apart");
    }
}
