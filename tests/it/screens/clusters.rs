//! Clusters of several code points: the screen of a terminal is the one that was drawn, and nothing of them stays behind.

use std::num::NonZeroU16;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use salon::domain::Agent;

use super::stage::{Stage, change, session};
use salon::app::Msg;

/// Texts on whose width terminals disagree.
const CLUSTERS: [&str; 12] = [
    "family 👩\u{200d}👩\u{200d}👧\u{200d}👦 end",
    "flags 🇩🇪🇫🇷 end",
    "क्षि हिन्दी में शीर्षक end",
    "heart ❤\u{fe0f} scissors ✂\u{fe0f} end",
    "keys 1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3} end",
    "skin 👍\u{1f3fd} 🏳\u{fe0f}\u{200d}🌈 end",
    "বাংলা ভাষা তৈরি end",
    "தமிழ் மொழி end",
    "ไทย กำลัง ที่ end",
    "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} end",
    "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}algo end",
    "ｶﾞ ﾊﾟ ﾊﾞ end",
];

/// Terminal that gives each code point its own width, as tmux does.
struct Emulator {
    parser: vt100::Parser,
    before: Buffer,
}

impl Emulator {
    fn new(width: u16, height: u16) -> Self {
        let cells = |count| NonZeroU16::new(count).expect("a terminal is not empty");
        let before = Buffer::empty(ratatui::layout::Rect::new(0, 0, width, height));
        Self { parser: vt100::Parser::new(cells(height), cells(width), 0), before }
    }

    /// Writes what changed, and compares all cells.
    fn show(&mut self, drawn: Buffer) {
        let mut bytes = Vec::new();
        for (x, y, cell) in self.before.diff(&drawn) {
            let mut backend = CrosstermBackend::new(&mut bytes);
            backend.draw(std::iter::once((x, y, cell))).expect("memory takes bytes");
            backend.flush().expect("memory takes bytes");
        }
        self.parser.process(&bytes);
        for y in 0..drawn.area.height {
            for x in 0..drawn.area.width {
                let cell = self.parser.screen().cell(y, x).expect("a cell");
                let shown = if cell.has_contents() { cell.contents() } else { " " };
                let wanted = drawn[(x, y)].symbol();
                let row = || (0..drawn.area.width).map(|x| drawn[(x, y)].symbol()).collect::<Vec<_>>();
                assert_eq!(shown.trim_end(), wanted.trim_end(), "column {x} of row {y}: {:?}", row());
            }
        }
        self.before = drawn;
    }
}

#[test]
fn a_terminal_shows_each_cluster_where_it_was_drawn_and_keeps_nothing_of_it() {
    let (width, height) = (80, 24);
    let mut stage = Stage::new(width, height);
    let titled = |(at, title): (usize, &&str)| session(Agent::Claude, &format!("5d0c0f6e-{at:04}"), title, 5);
    stage.send(Msg::Catalog(change(CLUSTERS.iter().enumerate().map(titled).collect())));
    let mut emulator = Emulator::new(width, height);
    emulator.show(stage.buffer());
    let screen = stage.screen();
    assert_eq!(screen.matches(" end").count(), CLUSTERS.len(), "{screen}");
    assert!(screen.contains("family 👩 end") && screen.contains("flags DEFR end"), "{screen}");
    for keys in ["?", "esc", "j j", "h", "l enter", "esc", "\\ x y z"] {
        stage.keys(keys);
        emulator.show(stage.buffer());
    }
}
