//! The password, and the slow function that makes guessing it dear.

use argon2::{Algorithm, Argon2, Params, Version};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::Profile;
use secrecy::{ExposeSecret, SecretString};

use crate::collation::{Salt, Stretched};
use crate::limits;

/// Argon2id's memory, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Argon2id's passes over the memory.
const PASSES: u32 = 2;
/// Argon2id's lanes.
const LANES: u32 = 1;

/// Holds a password as RFC 8265 prepares it; it cannot be printed or serialised and is wiped.
///
/// # Source
/// RFC 8265 section 4.2, the `OpaqueString` profile.
#[derive(Clone)]
pub struct Password(SecretString);

/// Says why a text cannot be a password. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// There are too few characters.
    #[error("a password has at least {} characters", limits::MIN_PASSWORD)]
    TooShort,
    /// There are too many bytes.
    #[error("a password has at most {} bytes", limits::MAX_PASSWORD_BYTES)]
    TooLong,
    /// A character cannot be typed on every device alike.
    #[error("a password has no control or unassigned characters")]
    Forbidden,
}

impl Password {
    /// Prepares a password as it was typed: other spaces become plain ones, characters are
    /// composed.
    ///
    /// # Errors
    /// [`PasswordError`] says what is wrong with it.
    pub fn new(typed: &str) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::TooShort);
        }
        if typed.len() > limits::MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        // The cause is dropped: it tells where in the password which character stands.
        let prepared = OpaqueString::new().enforce(typed).map_err(|_| PasswordError::Forbidden)?;
        let prepared = SecretString::from(prepared.into_owned());
        if prepared.expose_secret().chars().count() < limits::MIN_PASSWORD {
            return Err(PasswordError::TooShort);
        }
        if prepared.expose_secret().len() > limits::MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(prepared))
    }

    /// Lends the prepared password, which is secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Stretches a password with Argon2id; takes tens of milliseconds and 19 MiB, on purpose.
///
/// # Panics
/// Never: the parameters are constants that Argon2 accepts.
///
/// # Source
/// RFC 9106.
#[must_use]
pub fn stretch(password: &Password, salt: &Salt) -> Stretched {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).expect("the constants are valid");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut stretched = [0; 32];
    argon2
        .hash_password_into(password.expose().as_bytes(), salt.as_bytes(), &mut stretched)
        .expect("a password of bounded length and a salt of 16 bytes are valid");
    Stretched::from_bytes(stretched)
}

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;

    fn check(typed: &str, expected: Result<&str, PasswordError>) {
        let prepared = Password::new(typed);
        assert_eq!(prepared.as_ref().map(Password::expose).map_err(|e| *e), expected);
    }

    #[test]
    fn passwords_are_prepared() {
        check("490172", Ok("490172"));
        check("Correct Horse", Ok("Correct Horse"));
        check("pass\u{3000}word", Ok("pass word"));
        check("cafe\u{301}s!", Ok("cafés!"));
        check("あいう-暗証", Ok("あいう-暗証"));
        check(&"x".repeat(512), Ok(&"x".repeat(512)));
    }

    #[test]
    fn unfit_passwords_are_refused() {
        check("", Err(PasswordError::TooShort));
        check("12345", Err(PasswordError::TooShort));
        // Six characters as typed, three when composed.
        check("e\u{301}e\u{301}e\u{301}", Err(PasswordError::TooShort));
        check(&"x".repeat(513), Err(PasswordError::TooLong));
        check("pass\0word", Err(PasswordError::Forbidden));
        check("pass\u{202e}word", Err(PasswordError::Forbidden));
    }

    /// RFC 9106, section 5.3.
    #[test]
    fn the_vector_of_rfc_9106() {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .output_len(32)
            .data(AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon2 =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
        let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(hex::encode(tag), expected);
    }
}
