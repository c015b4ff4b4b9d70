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
    token("GitHub token", &["ghp_", "gho_", "ghu_", "ghr_"], is_alphanumeric, 36..=255),
    // Tokens of installations may have three parts with dots between them.
    token("GitHub token", &["ghs_"], is_dotted, 36..=1024),
    token("GitHub token", &["github_pat_"], is_word, 60..=255),
    token("GitLab token", &["glpat-", "gldt-", "glrt-", "glrtr-", "glptt-", "glcbt-"], is_dotted, 20..=300),
    token("GitLab token", &["glsoat-", "glft-", "glffct-", "glimt-", "glagent-", "gloas-"], is_dotted, 20..=300),
    token("GitLab token", &["GR1348941"], is_word_or_dash, 20..=20),
    token("OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-"], is_word_or_dash, 20..=300),
    token("OpenAI key", &["sk-"], is_alphanumeric, 20..=64),
    token("OpenAI key", &["sess-"], is_alphanumeric, 40..=40),
    token("API key", &["sk-lf-", "sk-kimi-", "sk-cp-", "sk-sp-", "sk-api-", "sk-helicone-"], is_word_or_dash, 20..=300),
    token("OpenRouter key", &["sk-or-v1-"], is_hex, 32..=128),
    token("Anthropic key", &["sk-ant-"], is_word_or_dash, 20..=300),
    token("xAI key", &["xai-"], is_alphanumeric, 40..=128),
    token("Groq key", &["gsk_"], is_alphanumeric, 40..=128),
    token("Perplexity key", &["pplx-"], is_alphanumeric, 40..=128),
    token("Replicate token", &["r8_"], is_alphanumeric, 37..=40),
    token("Hugging Face token", &["hf_"], is_alphanumeric, 30..=64),
    token("Google API key", &["AIza"], is_word_or_dash, 35..=35),
    token("Google API key", &["AQ.Ab"], is_word_or_dash, 40..=128),
    token("NVIDIA key", &["nvapi-"], is_word_or_dash, 60..=70),
    token("Cerebras key", &["csk-"], is_alphanumeric, 40..=64),
    token("Together key", &["tgp_v1_"], is_word_or_dash, 40..=64),
    token("Cursor key", &["crsr_"], is_hex, 64..=64),
    token("ElevenLabs key", &["sk_"], is_hex, 48..=48),
    token("LangSmith key", &["lsv2_pt_", "lsv2_sk_"], is_word, 40..=64),
    token("Weights & Biases key", &["wandb_v1_"], is_word, 40..=128),
    token("Pinecone key", &["pcsk_"], is_word, 60..=80),
    token("Tavily key", &["tvly-"], is_word_or_dash, 30..=64),
    token("Firecrawl key", &["fc-"], is_hex, 32..=32),
    token("Jina key", &["jina_"], is_word_or_dash, 50..=70),
    token("E2B key", &["e2b_"], is_hex, 40..=40),
    token("Bedrock key", &["ABSK"], is_base64, 109..=269),
    token("Bedrock key", &["bedrock-api-key-"], is_base64, 40..=2048),
    token("Google OAuth secret", &["GOCSPX-"], is_word_or_dash, 24..=64),
    token("Google OAuth token", &["ya29."], is_dotted, 20..=2048),
    token(
        "Slack token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-"],
        is_dotted,
        16..=300,
    ),
    token("Slack token", &["xoxe.xoxp-", "xoxe.xoxb-", "xapp-"], is_dotted, 20..=400),
    token("Slack token", &["xoxo-"], is_word_or_dash, 20..=300),
    token("Slack webhook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/"], is_word_or_slash, 20..=200),
    token("Slack webhook", &["hooks.slack.com/triggers/"], is_word_or_slash, 20..=200),
    token("Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], is_webhook, 40..=200),
    token("Stripe key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_"], is_alphanumeric, 16..=255),
    token("Stripe key", &["sk_prod_", "rk_prod_", "sk_org_live_", "sk_org_test_"], is_alphanumeric, 16..=255),
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
    token("PlanetScale token", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], is_dotted, 32..=64),
    token("Neon key", &["napi_"], is_alphanumeric, 60..=72),
    token("Vercel token", &["vcp_", "vck_", "vci_", "vca_", "vcr_"], is_alphanumeric, 40..=72),
    token("Cloudflare token", &["cfut_", "cfat_", "cfk_"], is_alphanumeric, 40..=64),
    token("Cloudflare key", &["v1.0-"], is_hex_or_dash, 171..=171),
    token("Netlify token", &["nfp_", "nfc_", "nfo_", "nfu_"], is_alphanumeric, 36..=48),
    token("Fly token", &["fo1_"], is_word_or_dash, 43..=43),
    token("Fly token", &["fm1r_", "fm1a_", "fm2_"], is_base64, 100..=2048),
    token("Tailscale key", &["tskey-"], is_word_or_dash, 20..=80),
    token("Figma token", &["figd_", "figu_"], is_word_or_dash, 40..=64),
    token("PostHog key", &["phx_", "phs_"], is_alphanumeric, 40..=64),
    token("CircleCI token", &["CCIPAT_", "CCIPRJ_"], is_word, 40..=80),
    token("Buildkite token", &["bkua_", "bkat_", "bkct_"], is_hex, 40..=64),
    token("SonarQube token", &["squ_", "sqp_", "sqa_"], is_hex, 40..=40),
    token("Sourcegraph token", &["sgp_"], is_hex_or_line, 40..=57),
    token("Sourcegraph token", &["sgp_local_"], is_hex, 40..=40),
    token("Terraform token", &["atlasv1."], is_word_or_dash, 60..=70),
    token("1Password token", &["ops_eyJ"], is_base64, 250..=2048),
    token("Square token", &["sq0atp-", "sq0csp-"], is_word_or_dash, 22..=64),
    token("Brevo key", &["xkeysib-"], is_word_or_dash, 81..=81),
    token("Dropbox token", &["sl."], is_word_or_dash, 130..=160),
    token("Dynatrace token", &["dt0c01.", "dt0s01."], is_dotted, 80..=100),
    token("Prefect key", &["pnu_"], is_alphanumeric, 36..=36),
    token("Clojars token", &["CLOJARS_"], is_alphanumeric, 60..=60),
    token("JFrog key", &["AKCp", "cmVmd"], is_alphanumeric, 59..=69),
    token("Alibaba key", &["LTAI"], is_alphanumeric, 20..=20),
    token("Adafruit key", &["aio_"], is_alphanumeric, 28..=28),
    token("Typeform token", &["tfp_"], is_dotted, 44..=64),
    token("Shippo token", &["shippo_live_", "shippo_test_"], is_hex, 40..=40),
    token("Duffel token", &["duffel_live_", "duffel_test_"], is_word_or_dash, 43..=43),
    token("Plaid token", &["access-production-", "access-sandbox-", "access-development-"], is_hex_or_dash, 36..=36),
    token("Infracost key", &["ico-"], is_alphanumeric, 32..=32),
    token("ReadMe key", &["rdme_"], is_alphanumeric, 70..=80),
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
    other("Azure client secret", &["Q~"], Shape::AzureSecret),
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

fn is_hex_or_dash(byte: u8) -> bool {
    is_hex(byte) || byte == b'-'
}

fn is_hex_or_line(byte: u8) -> bool {
    is_hex(byte) || byte == b'_'
}

fn is_token_of_atlassian(byte: u8) -> bool {
    is_word_or_dash(byte) || byte == b'='
}

/// Characters of base64 in a URL.
fn is_percent_encoded(byte: u8) -> bool {
    is_base64(byte) || byte == b'%'
}
