//! The signature of a webhook: who sent these bytes, and when.

use std::time::Duration;

use aws_lc_rs::hmac;

use super::NotifyError;
use super::secret::Secret;
use crate::settings::millis;

/// The header that carries the signature: `t=<unix ms>,v1=<hex>`, where the hexadecimal digits are
/// HMAC-SHA256 of `<unix ms>.<body>` under the shared secret.
///
/// While the secret is being changed there are two `v1`, one for each secret.
pub const SIGNATURE_HEADER: &str = "kessai-signature";

/// The fewest bytes of a shared secret; as many as SHA-256 gives.
pub const SECRET_LEAST: usize = 32;

/// The secrets that a webhook is signed with.
pub(super) struct SigningKeys(Vec<hmac::Key>);

impl SigningKeys {
    /// Takes one secret a line: the current one, and while receivers change over, the next one.
    pub(super) fn parse(secret: &Secret) -> Result<Self, NotifyError> {
        let keys: Vec<_> = secret.text().lines().map(str::trim).collect();
        if !(1..=2).contains(&keys.len()) || keys.iter().any(|key| key.len() < SECRET_LEAST) {
            return Err(secret.malformed("one or two lines, each a secret of 32 bytes or more"));
        }
        Ok(Self(keys.into_iter().map(|key| self::key(key.as_bytes())).collect()))
    }

    /// Writes the header for a body sent at `at_ms`.
    pub(super) fn sign(&self, at_ms: u64, body: &[u8]) -> String {
        let time = at_ms.to_string();
        let message = message(&time, body);
        let mut header = format!("t={time}");
        for key in &self.0 {
            header.push_str(",v1=");
            header.push_str(&hex::encode(hmac::sign(key, &message)));
        }
        header
    }
}

/// Why a receiver must not believe a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not of the form `t=<unix ms>,v1=<hex>`.
    #[error("the signature header is not of the form t=<unix ms>,v1=<hex>")]
    Malformed,
    /// Another secret, another body or another time was signed.
    #[error("the signature does not match")]
    Wrong,
    /// The signature is right, but the time in it is too far from the receiver's.
    #[error("the signature is of another time")]
    Stale,
}

/// Checks a webhook where it is received.
///
/// - `secret`: a line of the shared secret's file, without the line's end.
/// - `header`: the value of [`SIGNATURE_HEADER`].
/// - `body`: the bytes as they came, before anything parses them.
/// - `now_ms` and `tolerance`: the receiver's time, and how far from it the sender's may be; five
///   minutes are usual.
///
/// The comparison takes the same time wherever two signatures differ, so that a forger learns
/// nothing from how long a refusal takes; whoever writes this in another language takes its
/// constant-time comparison too, never `==` on text.
///
/// Within the tolerance a webhook can be played again, and the gateway itself repeats one that
/// was not answered: a receiver remembers each `event` until its `expires_at_ms` and acts once.
///
/// # Units
/// `now_ms` is in milliseconds since 1970-01-01T00:00:00Z.
///
/// # Errors
/// [`SignatureError`]; the body must not be used then.
pub fn verify_signature(
    secret: &[u8],
    header: &str,
    body: &[u8],
    now_ms: u64,
    tolerance: Duration,
) -> Result<(), SignatureError> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=').ok_or(SignatureError::Malformed)? {
            ("t", value) if time.is_none() => time = Some(value),
            ("t", _) => return Err(SignatureError::Malformed),
            ("v1", digits) => {
                signatures.push(hex::decode(digits).map_err(|_| SignatureError::Malformed)?);
            }
            // What a later version may add does not make this one less true.
            _ => {}
        }
    }
    let time = time.ok_or(SignatureError::Malformed)?;
    let at_ms: u64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let (key, message) = (key(secret), message(time, body));
    if !signatures.iter().any(|signature| hmac::verify(&key, &message, signature).is_ok()) {
        return Err(SignatureError::Wrong);
    }
    if now_ms.abs_diff(at_ms) > millis(tolerance) {
        return Err(SignatureError::Stale);
    }
    Ok(())
}

fn key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

fn message(time: &str, body: &[u8]) -> Vec<u8> {
    [time.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{SignatureError, SigningKeys, verify_signature};
    use crate::notify::secret::Secret;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    const AT_MS: u64 = 1_700_000_000_000;
    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    fn signed(secret: &str, body: &[u8]) -> String {
        SigningKeys::parse(&Secret::of(secret)).unwrap().sign(AT_MS, body)
    }

    fn check(secret: &str, header: &str, body: &[u8], expected: Result<(), SignatureError>) {
        let found = verify_signature(secret.as_bytes(), header, body, AT_MS, FIVE_MINUTES);
        assert_eq!(found, expected, "{header}");
    }

    /// Computed with Python's `hmac`, so that no two faults of ours can agree.
    #[test]
    fn the_header_is_what_another_implementation_makes() {
        assert_eq!(signed(OLD, b"{\"a\":1}"), VECTOR);
    }

    const VECTOR: &str = "t=1700000000000,v1=\
         14d903a7968191213f1336d145a46fb179d74631812ab6f38f0018433c500c39";

    #[test]
    fn only_what_was_signed_verifies() {
        let header = signed(OLD, b"body");
        check(OLD, &header, b"body", Ok(()));
        check(NEW, &header, b"body", Err(SignatureError::Wrong));
        check(OLD, &header, b"bodY", Err(SignatureError::Wrong));
        check(OLD, &header.replace("t=17", "t=18"), b"body", Err(SignatureError::Wrong));
        let (short, _) = header.split_at(header.len() - 2);
        check(OLD, short, b"body", Err(SignatureError::Wrong));
    }

    #[test]
    fn while_secrets_change_either_verifies() {
        let header = signed(&format!("{OLD}\n{NEW}\n"), b"body");
        check(OLD, &header, b"body", Ok(()));
        check(NEW, &header, b"body", Ok(()));
    }

    #[test]
    fn a_signature_is_of_its_time() {
        let header = signed(OLD, b"body");
        let at = |now_ms| verify_signature(OLD.as_bytes(), &header, b"body", now_ms, FIVE_MINUTES);
        assert_eq!(at(AT_MS + 300_000), Ok(()));
        assert_eq!(at(AT_MS - 300_000), Ok(()));
        assert_eq!(at(AT_MS + 300_001), Err(SignatureError::Stale));
        assert_eq!(at(AT_MS - 300_001), Err(SignatureError::Stale));
    }

    #[test]
    fn a_malformed_header_is_refused() {
        let header = signed(OLD, b"body");
        let digits = header.split_once("v1=").unwrap().1;
        for bad in [
            String::new(),
            "t".to_owned(),
            "t=1700000000000".to_owned(),
            format!("v1={digits}"),
            format!("t=now,v1={digits}"),
            format!("t=1700000000000,t=1700000000000,v1={digits}"),
            "t=1700000000000,v1=zz".to_owned(),
        ] {
            check(OLD, &bad, b"body", Err(SignatureError::Malformed));
        }
        check(OLD, &format!("{header},v2=later"), b"body", Ok(()));
    }

    #[test]
    fn a_weak_or_crowded_secret_is_refused() {
        for bad in ["", &OLD[1..], &format!("{OLD}\n"), &format!("{OLD}\n{NEW}\n{OLD}")] {
            let result = SigningKeys::parse(&Secret::of(bad));
            assert_eq!(result.is_ok(), bad.trim() == OLD, "{bad}");
        }
    }
}
