//! Table of secret formats, one row each.

use std::ops::RangeInclusive;

use super::shape::{
    Shape, is_alphanumeric, is_base64, is_dotted, is_hex, is_upper_or_digit, is_word, is_word_or_dash, is_word_or_slash,
};

/// A format of secrets.
#[derive(Debug)]
pub(super) struct SecretFormat {
    /// Name in reports, in the singular.
    pub name: &'static str,
    /// Texts with which a candidate begins.
    pub prefixes: &'static [&'static str],
    /// Rule for the text after the prefix.
    pub shape: Shape,
}

/// Creates the row of a token whose rest has a length and characters of a class.
const fn token(
    name: &'static str,
    prefixes: &'static [&'static str],
    chars: fn(u8) -> bool,
    length: RangeInclusive<usize>,
) -> SecretFormat {
    SecretFormat { name, prefixes, shape: Shape::Token { chars, length } }
}

/// Creates the row of hashes of passwords, as `crypt` writes them. The length is that of the last part.
const fn crypt(prefixes: &'static [&'static str], length: RangeInclusive<usize>) -> SecretFormat {
    SecretFormat { name: "password hash", prefixes, shape: Shape::Crypt { length } }
}

const fn other(name: &'static str, prefixes: &'static [&'static str], shape: Shape) -> SecretFormat {
    SecretFormat { name, prefixes, shape }
}

/// All formats. Lengths are those that the issuers document, or lower where they vary.
pub(super) static FORMATS: &[SecretFormat] = &[
    token("AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], is_upper_or_digit, 16..=16),
    token("GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], is_alphanumeric, 36..=255),
    token("GitHub token", &["github_pat_"], is_word, 60..=255),
    token("GitLab token", &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-"], is_dotted, 20..=300),
    token("OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], is_word_or_dash, 20..=300),
    token("OpenAI key", &["sk-"], is_alphanumeric, 32..=64),
    token("OpenRouter key", &["sk-or-v1-"], is_hex, 32..=128),
    token("Anthropic key", &["sk-ant-"], is_word_or_dash, 20..=300),
    token("xAI key", &["xai-"], is_alphanumeric, 40..=128),
    token("Groq key", &["gsk_"], is_alphanumeric, 40..=128),
    token("Perplexity key", &["pplx-"], is_alphanumeric, 40..=128),
    token("Replicate token", &["r8_"], is_alphanumeric, 37..=40),
    token("Hugging Face token", &["hf_"], is_alphanumeric, 30..=64),
    token("Google API key", &["AIza"], is_word_or_dash, 35..=35),
    token("Google OAuth secret", &["GOCSPX-"], is_word_or_dash, 24..=64),
    token("Google OAuth token", &["ya29."], is_dotted, 20..=2048),
    token(
        "Slack token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-"],
        is_dotted,
        16..=300,
    ),
    token("Slack token", &["xoxe.xoxp-", "xoxe.xoxb-", "xapp-"], is_dotted, 20..=400),
    token("Slack webhook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/"], is_word_or_slash, 20..=200),
    token("Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], is_webhook, 40..=200),
    token("Stripe key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_"], is_alphanumeric, 16..=255),
    token("Stripe webhook secret", &["whsec_"], is_base64, 24..=128),
    token("npm token", &["npm_"], is_alphanumeric, 36..=36),
    token("PyPI token", &["pypi-AgE"], is_word_or_dash, 50..=1024),
    token("RubyGems key", &["rubygems_"], is_hex, 48..=48),
    token("Docker token", &["dckr_pat_", "dckr_oat_"], is_word_or_dash, 24..=64),
    token("SendGrid key", &["SG."], is_dotted, 60..=72),
    token("DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], is_hex, 64..=64),
    token("Databricks token", &["dapi"], is_hex, 32..=32),
    token("Shopify token", &["shpat_", "shpss_", "shpca_", "shppa_"], is_hex, 32..=32),
    token("Vault token", &["hvs.", "hvb.", "hvr."], is_word_or_dash, 24..=300),
    token("Grafana token", &["glsa_", "glc_"], is_base64, 32..=300),
    token("Linear key", &["lin_api_", "lin_oauth_"], is_alphanumeric, 32..=128),
    token("Notion token", &["ntn_"], is_alphanumeric, 40..=64),
    token("Supabase token", &["sbp_", "sb_secret_"], is_word, 30..=64),
    token("Sentry token", &["sntrys_", "sntryu_"], is_base64, 40..=400),
    token("PlanetScale token", &["pscale_tkn_", "pscale_pw_"], is_dotted, 32..=64),
    token("New Relic key", &["NRAK-"], is_upper_or_digit, 27..=27),
    token("Postman key", &["PMAK-"], is_word_or_dash, 59..=59),
    token("Pulumi token", &["pul-"], is_hex, 40..=40),
    token("Doppler token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], is_dotted, 40..=64),
    token("Atlassian token", &["ATATT3x"], is_token_of_atlassian, 150..=250),
    token("Heroku key", &["HRKU-"], is_word_or_dash, 36..=80),
    token("age key", &["AGE-SECRET-KEY-1"], is_upper_or_digit, 58..=58),
    token("Azure signature", &["sig="], is_percent_encoded, 40..=80),
    token("Mailgun key", &["key-"], is_hex, 32..=32),
    token("Azure storage key", &["AccountKey="], is_base64, 80..=90),
    other("JSON web token", &["eyJ"], Shape::Jwt),
    other("private key", &["-----BEGIN "], Shape::PrivateKey),
    crypt(&["$6$"], 86..=86),
    crypt(&["$5$", "$y$", "$gy$", "$7$"], 43..=43),
    crypt(&["$2a$", "$2b$", "$2x$", "$2y$"], 53..=53),
    crypt(&["$1$", "$apr1$"], 22..=22),
    crypt(&["$P$", "$H$"], 31..=31),
    crypt(&["$argon2id$", "$argon2i$", "$argon2d$", "$scrypt$"], 20..=128),
    other("Telegram token", &[":AA"], Shape::TelegramToken),
    other("authorisation header", &["bearer ", "basic "], Shape::Header),
    other("authorisation header", TOKEN_HEADERS, Shape::Header),
    other("password in a URL", &["://"], Shape::UrlPassword),
    other("cookie", &["cookie"], Shape::Cookies),
    other("password of a user", &[" -u ", " --user "], Shape::UserPassword),
    other(SETTING, SETTING_WORDS, Shape::Setting),
];

/// Name of the format of a setting.
pub(super) const SETTING: &str = "secret setting";

/// Name of the format that [`super::shape::discord_tokens`] finds; it has no prefix.
pub(super) const DISCORD: &str = "Discord token";

/// Headers of GitHub and of others, in HTTP, JSON and Python.
const TOKEN_HEADERS: &[&str] =
    &["authorization: token ", "authorization\": \"token ", "authorization\":\"token ", "authorization': 'token "];

/// Words that names of secret settings contain. Their end decides; see [`super::name`].
const SETTING_WORDS: &[&str] = &[
    "_pass",
    "-pass",
    "_pwd",
    "-pwd",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "access-key",
    "accesskey",
    "private_key",
    "private-key",
    "privatekey",
    "encryption_key",
    "signing_key",
    "auth_key",
    "authkey",
    "master_key",
    "service_key",
    "account_key",
    "deploy_key",
    "storage_key",
    "app_key",
    "admin_key",
    "credential",
];

fn is_webhook(byte: u8) -> bool {
    is_word_or_dash(byte) || byte == b'/'
}

fn is_token_of_atlassian(byte: u8) -> bool {
    is_word_or_dash(byte) || byte == b'='
}

/// Characters of base64 in a URL.
fn is_percent_encoded(byte: u8) -> bool {
    is_base64(byte) || byte == b'%'
}
