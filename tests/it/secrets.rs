//! Masking of secrets: real formats are found, and data that only resembles them is not.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use salon::domain::secrets::{self, MASK, SecretCounts};

use crate::support;

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
    ]
}

/// Text after a secret, which ends it.
fn after(prefix: &str) -> &'static str {
    match prefix {
        prefix if prefix.ends_with('"') => "\" end",
        prefix if prefix.contains("://") => "@db.example:5432/shop",
        _ => "\nend",
    }
}

#[test]
fn each_known_format_is_masked_and_named() {
    for (prefix, secret, kind) in samples() {
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
        "pub const B_MAIL_WRONG_PASSWORD: status_t = B_MAIL_ERROR_BASE + 2;".to_owned(),
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
        parts in proptest::collection::vec((0..40_usize, "[ -~\\n\u{e9}\u{1f600}]{0,12}"), 0..12)
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
    fn no_text_makes_it_panic(text in "(://|token|=|\"|-----BEGIN |eyJ|\\.|Bearer |@|:|\\\\|\u{e9}|[a-zA-Z0-9 ]{1,30}){0,30}") {
        let found = secrets::find(&text);
        prop_assert!(found.iter().all(|secret| text.is_char_boundary(secret.range.start)));
    }
}
