//! Robustness of the search screen against any order of keys and updates.

use proptest::prelude::{Just, Strategy, prop};
use proptest::{prop_oneof, proptest};
use salon::app::layer::Layer;
use salon::app::{Msg, RequestTicket};
use salon::config::key::{Key, KeyCode};
use salon::domain::transcript_event::TranscriptEvent;

use super::{DONE, GOING, found, place, webhook_hits};
use crate::screens::stage::{Stage, change, sessions};

fn some_input() -> impl Strategy<Value = Msg> {
    let words = "enter esc tab up down left right home end backspace delete pgdn pgup ctrl-j ctrl-k ctrl-s ctrl-v ctrl-y \
        ctrl-w ctrl-u ctrl-c alt-up alt-down f1 / n N Y ] [ H s R q : \" - /";
    let keys: Vec<_> = words.split_whitespace().filter_map(Key::parse).collect();
    prop_oneof![
        6 => prop::sample::select(keys).prop_map(Msg::Key),
        6 => proptest::char::any().prop_map(|c| Msg::Key(Key::char(c))),
        2 => prop::sample::select(vec!["agent:", "is:", "OR ", "\"", "/(/ ", "turns:>", "-", "界e\u{301}", "#", "\u{202e}"])
            .prop_map(|text| Msg::Paste(text.to_owned())),
        1 => ".{0,40}".prop_map(Msg::Paste),
        1 => Just(Msg::Key(Key::plain(KeyCode::Tab))),
        1 => (0u16..130, 0u16..45).prop_map(|(width, height)| Msg::Resized { width, height }),
    ]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 60, ..Default::default() })]

    #[test]
    fn no_text_and_no_key_breaks_the_search(
        size in (0u16..130, 0u16..45),
        inputs in prop::collection::vec(some_input(), 0..50),
        reach in prop_oneof![Just(GOING), Just(DONE)],
    ) {
        let mut stage = Stage::full(size.0, size.1);
        stage.keys("/");
        for (at, input) in inputs.into_iter().enumerate() {
            stage.send(input);
            let query = stage.app.stack.layers.iter().find_map(Layer::search).map(|search| search.input.text().trim().to_owned());
            if let Some(query) = query.filter(|_| at % 3 == 0) {
                let mut hits = webhook_hits();
                hits.rotate_left(at % 5);
                hits.truncate(at % 6);
                stage.send(found(&query, hits, reach));
            }
            if at % 7 == 0 {
                stage.send(Msg::Catalog(change(sessions())));
                stage.send(Msg::Transcript(RequestTicket(1), TranscriptEvent::Located { location: place("0001-0"), entry: Some(3) }));
            }
        }
    }
}
