//! Masking of secrets: real formats are found, and data that only resembles them is not.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::domain::secrets::{self, MASK, SecretCounts};
use salon::domain::session::{Title, TitleSource};
use salon::domain::transcript::{Entry, EntryKind, Role, Tool, ToolAction, ToolStatus};
use salon::domain::{Agent, EntryKey, Session, SessionKey};
use serde_json::{Value, json};

use crate::support;

mod prefixes;

/// Characters of a made-up secret, so that no scanner takes this file for one that contains any.
fn made_up(length: usize) -> String {
    "a1B2c3D4e5F6g7H8i9J0".chars().cycle().take(length).collect()
}

fn hex(length: usize) -> String {
    "0f1e2d3c4b5a6978".chars().cycle().take(length).collect()
}

fn capitals(length: usize) -> String {
    "Q7ZP2KXW4M".chars().cycle().take(length).collect()
}

fn masked(text: &str) -> String {
    secrets::mask(text, &mut SecretCounts::default()).into_owned()
}

/// Prefix, secret rest and name of each format.
fn samples() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("AKIA", capitals(16), "AWS access key"),
        ("ghp_", made_up(36), "GitHub token"),
        ("github_pat_", format!("{}_{}", made_up(22), made_up(59)), "GitHub token"),
        ("glpat-", made_up(20), "GitLab token"),
        ("sk-", made_up(48), "OpenAI key"),
        ("sk-proj-", format!("{}_{}-x", made_up(40), made_up(40)), "OpenAI key"),
        ("sk-ant-", format!("api03-{}-{}", made_up(60), made_up(20)), "Anthropic key"),
        ("sk-or-v1-", hex(64), "OpenRouter key"),
        ("gsk_", made_up(52), "Groq key"),
        ("hf_", made_up(34), "Hugging Face token"),
        ("AIza", made_up(35), "Google API key"),
        ("GOCSPX-", made_up(28), "Google OAuth secret"),
        ("ya29.", made_up(80), "Google OAuth token"),
        ("xoxb-", format!("123456789012-123456789012-{}", made_up(24)), "Slack token"),
        ("hooks.slack.com/services/", format!("T0000/B0000/{}", made_up(24)), "Slack webhook"),
        ("sk_live_", made_up(24), "Stripe key"),
        ("whsec_", made_up(32), "Stripe webhook secret"),
        ("npm_", made_up(36), "npm token"),
        ("pypi-AgE", made_up(150), "PyPI token"),
        ("rubygems_", hex(48), "RubyGems key"),
        ("dckr_pat_", made_up(27), "Docker token"),
        ("SG.", format!("{}.{}", made_up(22), made_up(43)), "SendGrid key"),
        ("dop_v1_", hex(64), "DigitalOcean token"),
        ("shpat_", hex(32), "Shopify token"),
        ("hvs.", made_up(90), "Vault token"),
        ("lin_api_", made_up(40), "Linear key"),
        ("AGE-SECRET-KEY-1", capitals(58), "age key"),
        ("eyJ", format!("hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}", made_up(43)), "JSON web token"),
        ("Authorization: Bearer ", made_up(40), "authorisation header"),
        ("authorization: basic ", "dXNlcjpwYXNzd29yZDE=".to_owned(), "authorisation header"),
        ("postgres://shop:", "hunter2".to_owned(), "password in a URL"),
        ("DB_PASSWORD=", "correct-horse".to_owned(), "secret setting"),
        ("export STRIPE_API_KEY=", "abcdef".to_owned(), "secret setting"),
        ("aws_secret_access_key = ", made_up(40), "secret setting"),
        ("client_secret: \"", made_up(12), "secret setting"),
        ("\"accessToken\":\"", made_up(24), "secret setting"),
        ("curl --token ", made_up(16), "secret setting"),
        ("MYSQL_ROOT_PASSWORD: ", "s3cret-pw".to_owned(), "secret setting"),
        ("/ghp_", made_up(36), "GitHub token"),
        ("key-", hex(32), "Mailgun key"),
        ("9846681747:", format!("AA{}", made_up(33)), "Telegram token"),
        ("bot ", format!("MTEM{}.GB0Fi7.{}", made_up(20), made_up(38)), "Discord token"),
        ("https://a.example/c?sv=2021&sig=", format!("{}%3D", made_up(43)), "Azure signature"),
        ("Authorization: token ", hex(40), "authorisation header"),
        ("curl -u bob:", "hunter2pw".to_owned(), "password of a user"),
        ("curl -s \\\n  --user 'bob:", "hunter 2".to_owned(), "password of a user"),
        ("DB_PASS=", "hunter2pw9zq".to_owned(), "secret setting"),
        ("SMTP_PASS=\"", "hunter2pw9zr".to_owned(), "secret setting"),
        ("export MYSQL_PWD=", "hunter2pw9zs".to_owned(), "secret setting"),
        ("SECRET_KEY_BASE=", hex(128), "secret setting"),
        ("DB_PASSWORD=\"", "correct horse 42 battery".to_owned(), "secret setting"),
        ("DB_PASSWORD=", "p@ss;w0rd&x12".to_owned(), "secret setting"),
        ("DB_PASSWORD='", "a$b`c1d2e3f4".to_owned(), "secret setting"),
        ("DB_PASSWORD=", "$uper5ecretpw".to_owned(), "secret setting"),
        ("database_password=", "hunter2pw9zw".to_owned(), "secret setting"),
        ("spring.datasource.password=", "hunter2pw9ai".to_owned(), "secret setting"),
        ("  password: ", "hunter2pw9zv".to_owned(), "secret setting"),
        ("password = ", "hunter2pw9aj".to_owned(), "secret setting"),
        ("X-Api-Key: ", hex(32), "secret setting"),
        ("curl -H 'x-api-key: ", hex(32), "secret setting"),
        ("//registry.example/:_authToken=", "3cf575dc-ad6b-4a2b-a0ae-e0ca92373288".to_owned(), "secret setting"),
        ("machine a.example\nlogin bob\npassword ", "hunter2pw9zy".to_owned(), "secret setting"),
        ("password: ", "12345678".to_owned(), "secret setting"),
        ("the login is bob, the password: ", "20261130".to_owned(), "secret setting"),
        ("{\"db\": {\"password\": ", "12345678".to_owned(), "secret setting"),
        ("DB_PASSWORD=", "123456".to_owned(), "secret setting"),
        ("mysql --password=", "4711471147".to_owned(), "secret setting"),
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"", "correct horse".to_owned(), "secret setting"),
        ("{\\\"name\\\": \\\"DB_PASSWORD\\\", \\\"value\\\": \\\"", "hunter2pw9b1".to_owned(), "secret setting"),
        ("  - name: DB_PASSWORD\n    value: ", "hunter2pw9b2".to_owned(), "secret setting"),
        ("name = \"api_key\"\nvalue = \"", made_up(24), "secret setting"),
        ("<add key=\"DbPassword\" value=\"", "hunter2pw9b3".to_owned(), "secret setting"),
        ("<server><password>", "swordfish".to_owned(), "secret setting"),
        ("<ns:api_key>", made_up(24), "secret setting"),
        ("Cookie: theme=dark; sessionid=", "k3j2h1g4".to_owned(), "cookie"),
        ("set-cookie: sid=", format!("s%3A{}", made_up(40)), "cookie"),
        ("curl --cookie 'connect.sid=", made_up(30), "cookie"),
        ("\"Set-Cookie\": [\"auth=", made_up(20), "cookie"),
        ("root:$6$", format!("rounds=5000$saltsalt${}", made_up(86)), "password hash"),
        ("PASS='$y$", format!("j9T$F5Jx5fExrKuPp53xLKQ..1${}", made_up(43)), "password hash"),
        ("hash: $2b$", format!("10$.{}", made_up(52)), "password hash"),
        ("\"$argon2id$", format!("v=19$m=65536,t=3,p=4$c2FsdHNhbHQ${}", made_up(43)), "password hash"),
    ]
}

/// Like [`samples`], for formats without a setting or a place beside them.
fn token_samples() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("ghs_", format!("123456_eyJ{}.eyJ{}.{}", made_up(30), made_up(300), made_up(86)), "GitHub token"),
        ("glagent-", made_up(50), "GitLab token"),
        ("sk-", made_up(22), "OpenAI key"),
        ("sk-lf-", "3cf575dc-ad6b-4a2b-a0ae-e0ca92373288".to_owned(), "API key"),
        ("AQ.Ab", format!("8RN6{}_-", made_up(44)), "Google API key"),
        ("nvapi-", made_up(64), "NVIDIA key"),
        ("csk-", made_up(48), "Cerebras key"),
        ("tgp_v1_", made_up(43), "Together key"),
        ("crsr_", hex(64), "Cursor key"),
        ("sk_", hex(48), "ElevenLabs key"),
        ("lsv2_pt_", format!("{}_{}", hex(32), hex(10)), "LangSmith key"),
        ("pcsk_", format!("{}_{}", made_up(6), made_up(63)), "Pinecone key"),
        ("tvly-", format!("dev-{}", made_up(32)), "Tavily key"),
        ("fc-", hex(32), "Firecrawl key"),
        ("jina_", made_up(60), "Jina key"),
        ("e2b_", hex(40), "E2B key"),
        ("ABSK", made_up(132), "Bedrock key"),
        ("napi_", made_up(64), "Neon key"),
        ("vck_", made_up(56), "Vercel token"),
        ("cfut_", made_up(48), "Cloudflare token"),
        ("nfp_", made_up(40), "Netlify token"),
        ("fm2_", made_up(300), "Fly token"),
        ("tskey-", format!("auth-{}-{}", made_up(17), made_up(32)), "Tailscale key"),
        ("figd_", made_up(43), "Figma token"),
        ("phx_", made_up(47), "PostHog key"),
        ("CCIPAT_", format!("{}_{}", made_up(22), hex(40)), "CircleCI token"),
        ("bkua_", hex(40), "Buildkite token"),
        ("squ_", hex(40), "SonarQube token"),
        ("sgp_", format!("{}_{}", hex(16), hex(40)), "Sourcegraph token"),
        ("TFE=a1B2c3D4e5F6g7.atlasv1.", made_up(67), "Terraform token"),
        ("ops_eyJ", made_up(300), "1Password token"),
        ("sq0atp-", made_up(22), "Square token"),
        ("xkeysib-", format!("{}-{}", hex(64), made_up(16)), "Brevo key"),
        ("dt0c01.", format!("{}.{}", capitals(24), capitals(64)), "Dynatrace token"),
        ("", format!("aB~8Q~{}", made_up(34)), "Azure client secret"),
        ("access-production-", "3cf575dc-ad6b-4a2b-a0ae-e0ca92373288".to_owned(), "Plaid token"),
    ]
}

/// Text after a secret, which ends it.
fn after(prefix: &str) -> &'static str {
    match prefix {
        prefix if prefix.contains("Set-Cookie") => "; Path=/\"]",
        prefix if prefix.ends_with("\\\"") => "\\\" end",
        prefix if prefix.ends_with('"') => "\" end",
        prefix if prefix.contains('\'') => "' end",
        prefix if prefix.ends_with("<server><password>") => "</password>",
        prefix if prefix.ends_with("<ns:api_key>") => "</ns:api_key>",
        prefix if prefix.starts_with("{\"db\"") => "}}",
        prefix if prefix.starts_with("the login") => " works",
        prefix if prefix.starts_with("set-cookie") => "; Path=/; Max-Age=31536000; HttpOnly",
        prefix if prefix.starts_with("postgres://") => "@db.example:5432/shop",
        _ => "\nend",
    }
}

#[test]
fn each_known_format_is_masked_and_named() {
    for (prefix, secret, kind) in samples().into_iter().chain(token_samples()) {
        let end = after(prefix);
        let text = format!("first line\n{prefix}{secret}{end}");
        let mut counts = SecretCounts::default();
        let shown = secrets::mask(&text, &mut counts);
        assert_eq!(shown, format!("first line\n{prefix}{MASK}{end}"), "{kind}");
        assert_eq!(counts.iter().collect::<Vec<_>>(), [(kind, 1)], "{text}");
    }
}

#[test]
fn a_secret_is_found_after_escapes_colours_and_quotation_marks() {
    let token = format!("ghp_{}", made_up(36));
    for before in ["\\n", "%3D", "\x1b[01;31m", "\"", "'", "`", "(", "=", " ", "http://x/?t="] {
        assert_eq!(masked(&format!("x {before}{token}")), format!("x {before}ghp_{MASK}"), "{before:?}");
    }
    assert_eq!(
        masked(&format!("{{\\\"api_key\\\": \\\"{}\\\"}}", made_up(20))),
        format!("{{\\\"api_key\\\": \\\"{MASK}\\\"}}")
    );
}

#[test]
fn the_value_of_a_pair_may_be_before_its_name() {
    let text = |value: &str| format!("{{ \"value\": \"{value}\",\n  \"name\": \"DB_PASSWORD\" }}");
    assert_eq!(masked(&text("hunter2pw9")), text(MASK));
}

#[test]
fn each_cookie_of_a_header_is_masked_and_its_name_stays() {
    let text = format!("> Cookie: a={}; lang=en; csrftoken={}; n=1\n> Accept: */*", made_up(20), made_up(32));
    assert_eq!(masked(&text), format!("> Cookie: a={MASK}; lang=en; csrftoken={MASK}; n=1\n> Accept: */*"));
    let mut counts = SecretCounts::default();
    secrets::mask(&text, &mut counts);
    assert_eq!(counts.to_string(), "cookie (2)");
}

#[test]
fn repeated_words_take_linear_time() {
    let texts = [
        "cookie=x;",
        "cookie:",
        "cookie=cookie ",
        "<password>",
        "name=password ",
        "\"value\":\"\",\"name\":\"token",
        "$6$",
    ];
    for word in texts {
        let text = word.repeat((1 << 19) / word.len());
        let start = std::time::Instant::now();
        secrets::find(&text);
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{word}: {:?}", start.elapsed());
    }
}

#[test]
fn a_private_key_is_masked_between_its_lines() {
    let key = |label: &str| format!("-----BEGIN {label}-----\n{}\n{}\n", made_up(64), made_up(64));
    for label in ["RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let whole = format!("{}-----END {label}-----\nend", key(label));
        assert_eq!(masked(&whole), format!("-----BEGIN {label}-----{MASK}-----END {label}-----\nend"));
        assert_eq!(masked(&key(label)), format!("-----BEGIN {label}-----{MASK}"), "a key that is cut off");
    }
    for public in [key("PUBLIC KEY"), key("CERTIFICATE"), "-----BEGIN PRIVATE KEY-----\n…\n-----END".to_owned()] {
        assert_eq!(masked(&public), public);
    }
}

#[test]
fn a_setting_names_the_format_of_its_value() {
    let mut counts = SecretCounts::default();
    let token = format!("ghp_{}", made_up(36));
    let text = format!("GITHUB_TOKEN={token}\nurl = https://x:{token}@github.com/a\nGITHUB_TOKEN={token}");
    let shown = secrets::mask(&text, &mut counts);
    let short = format!("ghp_{MASK}");
    assert_eq!(shown, format!("GITHUB_TOKEN={short}\nurl = https://x:{short}@github.com/a\nGITHUB_TOKEN={short}"));
    assert_eq!(counts.to_string(), "GitHub token", "the same secret counts once");
}

#[test]
fn a_text_that_is_cut_has_no_part_of_a_secret() {
    let token = format!("ghp_{}", made_up(36));
    let setting = "DB_PASSWORD=\"correct horse 42 battery\"".to_owned();
    let header = format!("Authorization: Bearer {}", made_up(40));
    let url = "postgres://shop:hunter2pw@db.example".to_owned();
    for (secret, part) in [(token, "a1B2c"), (setting, "corre"), (header, "a1B2c"), (url, "hunte")] {
        for length in 80..=420 {
            let text = format!("{} {secret} and the rest of the prompt", "x".repeat(length));
            let mut session = Session::new(SessionKey::new(Agent::Claude, "a"), PathBuf::new());
            session.set_last_prompt(Some(&text));
            let command = ToolAction::Command { command: text.clone(), exit_code: None };
            let title = Title::new(&text, TitleSource::Prompt).text;
            for shown in [&*title, session.last_prompt.as_deref().unwrap_or_default(), &command.headline()] {
                assert!(!masked(shown).contains(part), "{length}: {shown}");
            }
            assert!(title.chars().count() >= length.min(200), "only the secret is left out: {title}");
        }
    }
    let spaced = format!("{}ghp_{} end", " ".repeat(1590), made_up(36));
    assert!(!masked(&Title::new(&spaced, TitleSource::Prompt).text).contains("a1B2c"));
}

fn call(input: Value, action: ToolAction, output: &str) -> Entry {
    let (name, id, output) = ("mcp__db__connect".into(), "t".into(), output.to_owned());
    let text = action.headline();
    let tool = Tool { name, id, input, action, output, status: ToolStatus::Done, duration_ms: None, subagent: None };
    let entry = Entry::new(EntryKey::new("m", 0), EntryKind::Tool, Role::Assistant, None);
    Entry { text, tool: Some(Box::new(tool)), ..entry }
}

#[test]
fn names_in_the_input_of_a_tool_make_its_texts_secret() {
    let input = json!({
        "host": "db.example", "user": "shop", "password": "Tr0ub4dor9xyz", "api_key": hex(32),
        "nested": {"client_secret": "abcd1234efgh", "DB_PASSWORD": "correct horse"}, "tokens": ["a", "b"],
        "accessToken": ["one1two2three"], "secret": "", "max_tokens": 4096, "page_token": "abc12345",
    });
    let headline = format!("host: db.example, password: Tr0ub4dor9xyz, api_key: {}, abcd1234efgh", hex(32));
    let output = "connected with Tr0ub4dor9xyz, correct horse";
    let entry = call(input, ToolAction::Other(headline), output);
    let mut counts = SecretCounts::default();
    let shown = secrets::entry::masked(&entry, &mut counts).into_owned();
    let tool = shown.tool.as_ref().expect("a tool");
    let expected = json!({
        "host": "db.example", "user": "shop", "password": MASK, "api_key": MASK,
        "nested": {"client_secret": MASK, "DB_PASSWORD": MASK}, "tokens": ["a", "b"],
        "accessToken": [MASK], "secret": "", "max_tokens": 4096, "page_token": "abc12345",
    });
    assert_eq!(tool.input, expected);
    let line = format!("host: db.example, password: {MASK}, api_key: {MASK}, {MASK}");
    assert_eq!((&*shown.text, tool.action.text()), (&*line, line.clone()));
    assert_eq!(tool.output, format!("connected with {MASK}, correct horse"), "words are no secret in an output");
    assert_eq!(counts.to_string(), "secret setting (5)");
    let pairs = json!({"env": [{"name": "DB_PASSWORD", "value": "correct horse"}, {"name": "LANG", "value": "de_DE1.U"}],
        "password": 12_345_678, "port": 12_345_678});
    let entry = call(pairs, ToolAction::Other("password: 12345678".to_owned()), "");
    let shown = secrets::entry::masked(&entry, &mut counts).into_owned();
    let expected = json!({"env": [{"name": "DB_PASSWORD", "value": MASK}, {"name": "LANG", "value": "de_DE1.U"}],
        "password": MASK, "port": 12_345_678});
    assert_eq!((&shown.tool.as_ref().expect("a tool").input, &*shown.text), (&expected, &*format!("password: {MASK}")));
    // The name of a pair may be behind another one, and a number may be a part of a longer one.
    let other = json!({"env": "prod", "name": "DB_PASSWORD", "value": "hunter22", "password": 12_345_678});
    let entry = call(other, ToolAction::Other("a".to_owned()), "123456780 12345678 912345678 hunter22");
    let shown = secrets::entry::masked(&entry, &mut counts).into_owned();
    let output = &shown.tool.as_ref().expect("a tool").output;
    assert_eq!(*output, format!("123456780 {MASK} 912345678 {MASK}"));
    let plain = call(json!({"file": "a.rs", "text": "password"}), ToolAction::Other("a".to_owned()), "");
    assert!(matches!(secrets::entry::masked(&plain, &mut counts), Cow::Borrowed(_)));
}

#[test]
fn the_end_of_a_headline_has_no_part_of_a_named_secret() {
    for length in 360..=400 {
        let input = json!({"a": "x".repeat(length), "password": "Tr0ub4dor9xyz"});
        let action = ToolAction::Other(format!("a: {}, password: Tr0ub4dor9xyz", "x".repeat(length)));
        let shown = secrets::entry::masked(&call(input, action, ""), &mut SecretCounts::default()).into_owned();
        assert!(!shown.text.contains("Tr0"), "{length}: {}", shown.text);
    }
}

#[test]
fn what_only_resembles_a_secret_stays() {
    let long = made_up(400);
    let texts = [
        hex(40),
        hex(64),
        "550e8400-e29b-41d4-a716-446655440000".to_owned(),
        format!("data:image/png;base64,{long}AKIA{}{long}", capitals(16)),
        format!("sha512-{}==", made_up(86)),
        "commit 0f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c token count".to_owned(),
        "MAX_TOKENS=4096 TOKEN_LIMIT=200000 max_tokens: 1024 output_tokens=12".to_owned(),
        "let token = lexer.next_token(); if token == Token::End { password.clear() }".to_owned(),
        "password: String, secret: Option<Secret>, api_key: None".to_owned(),
        "\"password\": \"Passwort\", \"token\": \"identifier\"".to_owned(),
        "API_KEY=$OPENAI_API_KEY TOKEN=${TOKEN} PASSWORD=<your password> SECRET={{ secret }}".to_owned(),
        "API_KEY=your-api-key-here SECRET=xxxxxxxx TOKEN=\"...\"".to_owned(),
        "SSH_PRIVATE_KEY=/home/dev/.ssh/id_ed25519 CACHE_KEY=cart:12 PRIMARY_KEY=id".to_owned(),
        "https://example.com:8080/path?user=a@b.c and ssh://git@github.com:22/x".to_owned(),
        "Bearer $TOKEN, Bearer <token>, basic usage, Basic concepts, the bearer of bad news".to_owned(),
        "risk-assessment-of-the-desk-sk-short npm_config_registry_is_a_long_setting_name".to_owned(),
        "process.env.API_KEY, os.environ[\"API_KEY\"], secrets.GITHUB_TOKEN".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9 alone is a header".to_owned(),
        "const TIMEOUT_TOKEN: wasi::Userdata = wasi::Userdata::MAX; static NEXT_TOKEN: AtomicUsize = f(1);".to_owned(),
        "DB_PASSWORD=${DB_PASSWORD} A_TOKEN=$(cat /run/token) B_TOKEN=$token C_TOKEN=$this->token".to_owned(),
        "SECRET_KEY=os.environ[\"SECRET_KEY\"] API_TOKEN=config.get(\"token\") A_TOKEN=settings.A_TOKEN".to_owned(),
        "\"next_page_token\": \"CAESBgoEGgIIAQ12\", nextToken: \"abc123def4567\"".to_owned(),
        "TOKEN=token1 CONTINUE_TOKEN=page2_of_results token=\"invalid_token_2\"".to_owned(),
        "PWD=/srv/shop OLDPWD=/srv/old INIT_PWD=C:\\dev render_pass = \"shadow_map_2\" SHADER_PASS: depth".to_owned(),
        "    password=password1,\nlogin(password=hunter2pw)\n    api_key=args.api_key,\n".to_owned(),
        "class User:\n    password: Base64Str\n    token = settings.API_TOKEN2\n".to_owned(),
        "ERR_WRONG_PASSWORD=\"Wrong password 3\" INVALID_TOKEN=\"the token 2 is invalid\"".to_owned(),
        "docker exec -u 1000:1000 box; curl -u $USER:$PASSWORD https://a.example".to_owned(),
        "the login form password strength2 is shown; PASS: 12 tests; Bearer YOUR_TOKEN_HERE_12345".to_owned(),
        "com.example.OrganizationServiceHandler.create.someVeryLongMethodNameHere1 12:AAB".to_owned(),
        "pub const B_MAIL_WRONG_PASSWORD: status_t = B_MAIL_ERROR_BASE + 2;".to_owned(),
        "password: the one you chose, or 8 characters; token: 123456789012, max_tokens: 200000".to_owned(),
        "the cookie: name=value; Cookie: theme=dark; lang=en; a cookie = 2 sessions; Set-Cookie: a=b".to_owned(),
        "cookie=${SESSION_COOKIE}; document.cookie = \"seen=1\"; Cookie: sessionid=<your session id>".to_owned(),
        "<password>string</password> <token>identifier</token> <password>the one you chose</password>".to_owned(),
        "<input name=\"password\" value=\"\"> {\"name\":\"password\",\"value\":\"Passwort\"}".to_owned(),
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db, key: password}\n".to_owned(),
        "{\"name\":\"PATH\",\"value\":\"a1b2c3d4e5\"},{\"name\":\"API_TOKEN\",\"value\":\"$TOKEN\"}".to_owned(),
        "{\"value\":\"abc123def456\",\"label\":\"x\",\"name\":\"DB_PASSWORD\"}".to_owned(),
        "{ name: \"DB_PASSWORD\", value: process.env.DB_PASSWORD }, name = \"DB_PASSWORD\"\n value = var.db_password"
            .to_owned(),
        "{ name: \"DB_PASSWORD\", value: config.requireSecret(\"dbPassword1\") }".to_owned(),
        format!("cookie: ab={}", "\u{e9}".repeat(5_000)),
        "postgres://user:password@db.example/shop abc://username:password@example.com:123/path".to_owned(),
        "user_pass = (self.username_checkout40 + \":\" + self.password).encode('ascii')".to_owned(),
        format!("task_{} sk_{} fc-{} v1.0-rc1 sl.x ABSKX 12Q~x", hex(48), hex(20), hex(40)),
        "s/\\(.*\\)/$1$2/; $6$ and $2b$10$ are prefixes; awk '{print $1$2}'; $y$ = f($x$)".to_owned(),
    ];
    for text in texts {
        assert!(matches!(secrets::mask(&text, &mut SecretCounts::default()), Cow::Borrowed(_)), "{}", masked(&text));
    }
}

/// Files below a directory.
fn files(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = open.pop() {
        for path in std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn the_fixtures_contain_no_secret_and_none_is_found() {
    let mut bytes = 0;
    let mut found = Vec::new();
    for path in files(&support::fixtures()) {
        let content = std::fs::read(&path).expect("a fixture");
        let text = String::from_utf8_lossy(&content);
        bytes += text.len();
        let file = path.strip_prefix(support::fixtures()).expect("below").display().to_string();
        found.extend(
            secrets::find(&text).into_iter().map(|secret| format!("{file}: {} {}", secret.kind, &text[secret.range])),
        );
    }
    assert!(bytes > 4_000_000, "{bytes}");
    assert!(found.is_empty(), "{} false positives: {found:#?}", found.len());
}

proptest! {
    #[test]
    fn masking_keeps_everything_else_and_has_nothing_left_to_mask(
        parts in proptest::collection::vec((0..90_usize, "[ -~\\n\u{e9}\u{1f600}]{0,12}"), 0..12)
    ) {
        let samples = samples();
        let text: String = parts.iter().map(|(at, between)| match samples.get(*at) {
            Some((prefix, secret, _)) => format!("{between}\n{prefix}{secret}{}", after(prefix)),
            None => between.clone(),
        }).collect();
        let found = secrets::find(&text);
        prop_assert!(found.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
        prop_assert!(found.iter().all(|secret| !secret.range.is_empty()));
        let once = masked(&text);
        prop_assert_eq!(masked(&once), once);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(://|token|cookie|name|value|<password>|</password>|\\$6\\$|;|=|\"|-----BEGIN |eyJ|\\.|Bearer |@|:|\\\\|\u{e9}|[a-zA-Z0-9 ]{1,30}){0,30}") {
        let found = secrets::find(&text);
        prop_assert!(found.iter().all(|secret| text.is_char_boundary(secret.range.start)));
    }
}
