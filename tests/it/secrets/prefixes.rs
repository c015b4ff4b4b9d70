//! Prefixes within names: they hide no setting, and words after them are no secret.

use std::time::{Duration, Instant};

use salon::domain::secrets::{self, MASK};

use super::{made_up, masked};

#[test]
fn a_prefix_in_the_name_of_a_setting_does_not_hide_its_value() {
    let names = [
        "ZENDESK_PASS=",
        "HELPDESK_PASS=",
        "DISK_PWD=",
        "TASK_PASS=",
        "FLASK_PASS=",
        "OPENAPI_KEY=",
        "INFO_PASS=",
        "VCR_PASS=",
        "JINA_PASS=",
        "NVAPI-KEY: ",
        "é→\u{1f511} NVAPI_KEY=",
        "cookies: task_pass=",
    ];
    for name in names {
        let text = |value: &str| format!("{name}{value}\n");
        assert_eq!(masked(&text("hunter2pw9zq")), text(MASK));
    }
}

#[test]
fn overlapping_prefixes_take_linear_time() {
    let long_names = ["sk_", "sk-ant-", "nvapi-", "github_pat_", "-sk_api_key", "aB~8Q~", "12345678:AA", "sk_pass=x "];
    for word in long_names {
        let text = word.repeat((1 << 20) / word.len());
        let start = Instant::now();
        secrets::find(&text);
        assert!(start.elapsed() < Duration::from_secs(10), "{word}: {:?}", start.elapsed());
    }
}

#[test]
fn a_secret_of_azure_may_end_a_sentence() {
    for length in [31, 33, 34] {
        let secret = format!("aB~8Q~{}", made_up(length));
        let shown = masked(&format!("It is {secret}... Ask."));
        assert!(!shown.contains(&secret[..8]) && shown.ends_with(". Ask."), "{shown}");
    }
    let longest = format!("aB~8Q~{}", made_up(34));
    assert_eq!(masked(&format!("It is {longest}. Ask.")), format!("It is {MASK}. Ask."));
}

#[test]
fn words_after_a_prefix_are_a_name() {
    let texts = [
        "cd /sk-api-gateway-integration-tests",
        "cargo test sk-sp-shopping-basket-price-rules",
        "git switch sk-cp-control-plane-migration",
        "sgp_production_database_connection_pool_size = 4",
        "sgp_Production_Database2_Connection_Pool_Size_Of_Shop",
        "tskey-authentication-of-the-whole-network",
    ];
    for text in texts {
        assert_eq!(masked(text), text);
    }
}
