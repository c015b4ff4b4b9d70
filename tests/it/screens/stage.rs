//! Interface with hand-made sessions, and its screen as text.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use salon::app::keys::Keymap;
use salon::app::{App, Effect, Msg};
use salon::config::key::Key;
use salon::config::settings::Settings;
use salon::config::theme::{Background, Themes};
use salon::config::theme_file::ColourDepth;
use salon::domain::catalog::{CatalogChange, IndexProgress};
use salon::domain::{Agent, Session, SessionKey, SessionState, Time, Title, TitleSource, Tokens};
use salon::stdx::text;
use salon::ui::{ViewCache, draw};

/// 2026-11-21T12:00:00Z.
pub const NOW: Time = Time::from_secs(1_795_262_400);

/// The interface and its screen.
pub struct Stage {
    pub app: App,
    pub effects: Vec<Effect>,
    cache: ViewCache,
    terminal: Terminal<TestBackend>,
}

impl Stage {
    /// Creates an empty interface of a size, with the default configuration, in the workspace `/home/ann/shop-api`.
    pub fn new(width: u16, height: u16) -> Self {
        Self::with(width, height, "", ColourDepth::Full)
    }

    /// Creates an interface with a configuration and a colour depth.
    pub fn with(width: u16, height: u16, config: &str, depth: ColourDepth) -> Self {
        let (settings, problems) = Settings::read(config);
        assert_eq!(problems, []);
        let (keymap, problems) = Keymap::new(&settings.keys);
        assert_eq!(problems, Vec::<String>::new());
        let themes = Themes::shipped(depth, Background::Dark);
        let app = App::new(settings, keymap, themes, (width, height), NOW, Some("/home/ann/shop-api".into()));
        let terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
        Self { app, effects: Vec::new(), cache: ViewCache::default(), terminal }
    }

    /// Creates an interface with the [`sessions`] of a working day.
    pub fn full(width: u16, height: u16) -> Self {
        let mut stage = Self::new(width, height);
        stage.send(Msg::Catalog(change(sessions())));
        stage
    }

    /// Sends a message and draws.
    pub fn send(&mut self, msg: Msg) -> &mut Self {
        if let Msg::Resized { width, height } = msg {
            self.terminal.backend_mut().resize(width, height);
        }
        let effects = self.app.update(msg);
        self.effects.extend(effects);
        let effects = self.app.update(Msg::Frame);
        self.effects.extend(effects);
        self.draw();
        self
    }

    /// Presses keys, as words of the key map.
    pub fn keys(&mut self, words: &str) -> &mut Self {
        for word in words.split_whitespace() {
            let key = Key::parse(word).unwrap_or_else(|| panic!("{word} is no key"));
            self.send(Msg::Key(key));
        }
        self
    }

    /// Takes the effects since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Draws a frame, sends the feedback, and draws again, as the runtime does.
    pub fn draw(&mut self) {
        for _ in 0..2 {
            let (app, cache) = (&self.app, &mut self.cache);
            let mut drawn = None;
            self.terminal.draw(|frame| drawn = Some(draw(frame, app, cache))).expect("drawn");
            let effects = self.app.update(Msg::Layout(drawn.expect("drawn")));
            self.effects.extend(effects);
        }
    }

    /// Returns the screen as text without trailing spaces.
    pub fn screen(&mut self) -> String {
        let buffer = self.buffer();
        let row = |y| {
            let (mut row, mut x) = (String::new(), 0);
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                // The cells covered by a wide character have no text.
                x += u16::try_from(text::width(symbol).max(1)).expect("a cell");
            }
            row.trim_end().to_owned()
        };
        (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
    }

    /// Returns the cells of the screen.
    pub fn buffer(&mut self) -> ratatui::buffer::Buffer {
        // Unlike a real terminal, the test's keeps cells under a wide character: everything is redrawn.
        self.terminal.clear().expect("cleared");
        self.draw();
        self.terminal.backend().buffer().clone()
    }

    /// Returns the title of the selected session.
    pub fn selected(&self) -> String {
        self.app.stack.home.list.session().map(|session| session.title.text.to_string()).unwrap_or_default()
    }
}

/// Returns a session with a title that is `minutes` old.
pub fn session(agent: Agent, id: &str, title: &str, minutes: i64) -> Session {
    let mut session = Session::new(SessionKey::new(agent, id), format!("/home/ann/.agents/{id}.jsonl").into());
    session.title = Title::new(title, TitleSource::Agent);
    session.last_activity = Some(Time::from_millis(NOW.millis() - minutes * 60_000));
    session.started_at = Some(Time::from_millis(NOW.millis() - minutes * 60_000 - 1_800_000));
    session.workspace = "/home/ann/shop-api".into();
    session.cwd = session.workspace.clone();
    session.branch = Some("main".into());
    session.turns = 3;
    session.messages = 12;
    session.tokens = Tokens { input: 1_200, output: 800, cache_read: 24_000, cache_write: 0 };
    session.complete = true;
    session
}

/// Returns the change after a complete scan.
pub fn change(sessions: Vec<Session>) -> CatalogChange {
    let count = sessions.len();
    CatalogChange {
        sessions: sessions.into_iter().map(Arc::new).collect(),
        progress: Some(IndexProgress { done: count, total: count }),
        ..CatalogChange::default()
    }
}

/// Returns the sessions of a working day: all states, agents and marks, and titles that are hard to draw.
pub fn sessions() -> Vec<Session> {
    let with = |mut session: Session, change: &dyn Fn(&mut Session)| {
        change(&mut session);
        session
    };
    vec![
        with(session(Agent::Claude, "5d0c0f6e-0001", "Retry failed webhooks with a back-off", 2), &|s| {
            s.state = SessionState::NeedsYou;
            s.model = Some("claude-opus-4-8-20260801".into());
            s.branch = Some("webhook-retry".into());
        }),
        with(session(Agent::Codex, "019a-0002", "Why does the nightly import time out?", 0), &|s| {
            s.state = SessionState::Working;
            s.model = Some("gpt-5.5-codex".into());
            s.tokens.cache_read = 3_400_000;
        }),
        with(session(Agent::OpenCode, "ses_0003", "Move the price rules into their own crate", 14), &|s| {
            s.state = SessionState::Idle;
            s.model = Some("anthropic/claude-sonnet-5".into());
            s.workspace = "/home/ann/pricing".into();
        }),
        session(Agent::Claude, "5d0c0f6e-0004", "Explain the flaky test in cart_total", 95),
        with(session(Agent::Gemini, "gem-0005", "下書き：在庫の同期を設計する", 60 * 5), &|s| {
            s.workspace = "/home/ann/在庫".into();
            s.model = Some("gemini-3-pro".into());
        }),
        with(session(Agent::Goose, "goose-0006", "", 60 * 26), &|s| {
            s.turns = 0;
            s.branch = None;
        }),
        with(
            session(Agent::Qwen, "qwen-0007", "cafe\u{301} menu: e\u{301}tude of combining marks", 60 * 24 * 3),
            &|s| {
                s.workspace = "/home/ann/menu".into();
            },
        ),
        with(session(Agent::Claude, "5d0c0f6e-0008", "placeholder", 60 * 24 * 9), &|s| {
            // As in a hostile file, not sanitised by a reader.
            s.title.text = "\u{1b}[31mred\u{1b}[0m \u{202e}desrever\u{202c} \u{7}bell".into();
            s.workspace = "/home/ann/work/shop-api".into();
        }),
        with(session(Agent::Claude, "agent-0009", "Look for callers of price()", 3), &|s| s.flags.subagent = true),
        with(session(Agent::Claude, "5d0c0f6e-0010", "", 400), &|s| s.flags.empty = true),
        with(session(Agent::Codex, "019a-0011", "Count the TODOs", 4_000), &|s| s.flags.headless = true),
    ]
}
