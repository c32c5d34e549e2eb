//! Which settings are secrets, by their names.

/// What is shown instead of a secret.
const HIDDEN: &str = "(secret)";

/// A key with one of these in it holds a secret, or may: better one hidden too many.
const WORDS: &[&str] = &[
    "password",
    "passphrase",
    "secret",
    "token",
    "credential",
    "jaas",
    "jwt",
    "oauthbearer",
    "private",
    ".pem",
    "ssl_key",
];

/// `value` as it may be shown beside `key`, under whatever prefix.
pub(super) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    let key = key.to_lowercase();
    let is_secret = WORDS.iter().any(|word| key.contains(word)) || key.ends_with(".key");
    if is_secret { HIDDEN } else { value }
}
