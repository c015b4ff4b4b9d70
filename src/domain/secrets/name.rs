//! Names of settings that are secret: `API_KEY`, `clientSecret`, `db_pass`. The last words of a name decide.

/// Ends of names that are secret.
const ENDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "credential",
    "credentials",
];

/// Words before `key` with which a name is secret.
const KEY_OWNERS: &[&str] = &[
    "api",
    "access",
    "private",
    "secret",
    "encryption",
    "signing",
    "auth",
    "master",
    "service",
    "account",
    "deploy",
    "storage",
    "app",
    "admin",
];

/// Words before `pass` and `pwd` with which a name in small letters is secret. Others have passes too: `render_pass`.
const PASS_OWNERS: &[&str] = &[
    "account", "admin", "auth", "basic", "cert", "database", "db", "email", "ftp", "http", "imap", "key", "keystore",
    "ldap", "login", "mail", "mongo", "mysql", "pg", "postgres", "proxy", "rabbitmq", "redis", "root", "sftp", "smtp",
    "ssh", "store", "sudo", "user", "vpn", "wifi",
];

/// Words before `token` that make it the place in a list, or a unit of a text.
const TOKEN_OWNERS: &[&str] = &[
    "page",
    "next",
    "continue",
    "continuation",
    "cursor",
    "sync",
    "start",
    "end",
    "stop",
    "bos",
    "eos",
    "pad",
    "unk",
    "special",
    "parse",
    "parser",
    "syntax",
];

/// Words of names whose values are messages or types: `ERR_WRONG_PASSWORD`.
const MESSAGE_WORDS: &[&str] = &[
    "bad", "err", "error", "expired", "invalid", "label", "message", "missing", "msg", "no", "text", "title",
    "unknown", "wrong",
];

/// Returns true if the last words of a name are those of a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.trim_ascii_end().as_bytes();
    let (rest, last) = split_last_word(name);
    // `API_KEY_2`
    let (rest, last) = if last.iter().all(u8::is_ascii_digit) { split_last_word(rest) } else { (rest, last) };
    // `SECRET_KEY_BASE`
    let (rest, last) = if last.eq_ignore_ascii_case(b"base") { split_last_word(rest) } else { (rest, last) };
    let (_, owner) = split_last_word(rest);
    if last.eq_ignore_ascii_case(b"key") {
        // `OPENAPI_KEY`
        let is_api = owner.last_chunk::<3>().is_some_and(|end| end.eq_ignore_ascii_case(b"api"));
        return is_api || is_one_of(owner, KEY_OWNERS);
    }
    if last.eq_ignore_ascii_case(b"pass") || last.eq_ignore_ascii_case(b"pwd") {
        return !owner.is_empty() && (is_capital(name) || is_one_of(owner, PASS_OWNERS));
    }
    if last.eq_ignore_ascii_case(b"token") && is_one_of(owner, TOKEN_OWNERS) {
        return false;
    }
    let ends =
        |end: &&str| last.len() >= end.len() && last[last.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes());
    ENDS.iter().any(ends)
}

/// Returns true if a name is that of a password, which may consist of words.
pub(super) fn is_of_password(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("pass") || name.ends_with("pwd")
}

/// Returns true if digits alone may be the secret of a name: of a password, and not of a token, which may be a count.
pub(super) fn may_be_number(name: &str) -> bool {
    is_of_password(name) || name.to_ascii_lowercase().ends_with("secret")
}

/// Returns true if a value repeats the last word of its name: `TOKEN=token1`.
pub(super) fn is_repeated(name: &str, value: &str) -> bool {
    let (_, last) = split_last_word(name.as_bytes());
    let word = value.trim_end_matches(|c: char| c.is_ascii_digit());
    value.len() - word.len() <= 2 && word.as_bytes().eq_ignore_ascii_case(last)
}

/// Returns true if a word of a name says that its value is a message.
pub(super) fn is_of_message(name: &str) -> bool {
    name.split(['_', '-']).any(|word| is_one_of(word.as_bytes(), MESSAGE_WORDS))
}

/// Returns true for a name without small letters, as environment variables have it.
pub(super) fn is_capital(name: &[u8]) -> bool {
    !name.iter().any(u8::is_ascii_lowercase)
}

fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

/// Splits the last word off a name in any notation: `client_secret`, `client-secret`, `clientSecret`.
fn split_last_word(name: &[u8]) -> (&[u8], &[u8]) {
    let mut start = name.len();
    while let Some(byte) = start.checked_sub(1).map(|at| name[at]) {
        if matches!(byte, b'_' | b'-') {
            return (&name[..start - 1], &name[start..]);
        }
        start -= 1;
        let follows_lower = start.checked_sub(1).is_some_and(|at| name[at].is_ascii_lowercase());
        if byte.is_ascii_uppercase() && follows_lower {
            break;
        }
    }
    name.split_at(start)
}
