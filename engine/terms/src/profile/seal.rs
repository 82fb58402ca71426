//! Profiles at rest: sealed under a key of their own, which is itself sealed.
//!
//! Whoever destroys the sealed key has destroyed the profile, wherever copies of it lie.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Profile;
use crate::collation::{OpenError, SealingKey, lp};
use crate::ids::CustomerId;

const KEY_LABEL: &[u8] = b"kessai/profile/v1/key";
const FIELDS_LABEL: &[u8] = b"kessai/profile/v1/fields";
const TAG_LENGTH: usize = 16;

/// Seals one profile, once: a new one is drawn whenever a profile is sealed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ProfileKey([u8; 32]);

impl ProfileKey {
    /// Takes 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Brings the two nonces of a sealing, each drawn for it.
#[derive(Debug, Clone, Copy)]
pub struct ProfileNonces {
    /// For the key under the sealing key.
    pub key: [u8; 12],
    /// For the fields under the key.
    pub fields: [u8; 12],
}

/// Holds one customer's profile and its key, both sealed.
///
/// It is no secret and is what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SealedProfile {
    /// Names the sealing key.
    pub key_id: u32,
    /// The nonce that the profile's key was sealed with.
    pub key_nonce: [u8; 12],
    /// The profile's key encrypted, 32 bytes, and 16 bytes that authenticate it.
    pub wrapped_key: [[u8; 24]; 2],
    /// The nonce that the fields were sealed with.
    pub nonce: [u8; 12],
    /// The fields encrypted, and 16 bytes that authenticate them.
    pub sealed: Box<[u8]>,
}

/// Says why a sealed profile does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The seal is broken or another key's.
    #[error(transparent)]
    Seal(#[from] OpenError),
    /// What was sealed is no profile as this version knows it.
    #[error("what was sealed is no profile that this version can read")]
    Unreadable,
}

impl SealingKey {
    /// Seals a profile for one customer under `key`, and `key` under this one.
    ///
    /// # Panics
    /// Never: AES-GCM refuses only messages of many GiB.
    #[must_use]
    pub fn seal_profile(
        &self,
        profile: &Profile,
        customer: &CustomerId,
        key: &ProfileKey,
        nonces: ProfileNonces,
    ) -> SealedProfile {
        let mut wrapped_key = [[0; 24]; 2];
        let (body, tag_place) = wrapped_key.as_flattened_mut().split_at_mut(32);
        body.copy_from_slice(&key.0);
        let bound = bound_key(customer, self.id());
        let tag = self
            .cipher()
            .encrypt_inout_detached(&nonces.key.into(), &bound, body.into())
            .expect("a key is far below the limit of AES-GCM");
        tag_place.copy_from_slice(&tag);

        // Encrypted in place: where the fields stood, only the sealed bytes are left.
        let mut sealed = profile.to_parts();
        let tag = Aes256Gcm::new(&key.0.into())
            .encrypt_inout_detached(
                &nonces.fields.into(),
                &bound_fields(customer),
                sealed.as_mut_slice().into(),
            )
            .expect("a profile is far below the limit of AES-GCM");
        sealed.extend_from_slice(&tag);
        SealedProfile {
            key_id: self.id(),
            key_nonce: nonces.key,
            wrapped_key,
            nonce: nonces.fields,
            sealed: sealed.into(),
        }
    }

    /// Opens a profile.
    ///
    /// # Errors
    /// [`ProfileError`] when it is not exactly what was sealed, for this customer.
    pub fn open_profile(
        &self,
        profile: &SealedProfile,
        customer: &CustomerId,
    ) -> Result<Profile, ProfileError> {
        if profile.key_id != self.id() {
            return Err(OpenError::OtherKey { needed: profile.key_id, given: self.id() }.into());
        }
        let mut wrapped = Zeroizing::new(profile.wrapped_key);
        let bound = bound_key(customer, profile.key_id);
        let key = opened(self.cipher(), profile.key_nonce, &bound, wrapped.as_flattened_mut())?;
        let key = ProfileKey(key.try_into().map_err(|_wrong_length| OpenError::Altered)?);

        let mut fields = Zeroizing::new(profile.sealed.to_vec());
        let cipher = Aes256Gcm::new(&key.0.into());
        let fields = opened(&cipher, profile.nonce, &bound_fields(customer), &mut fields)?;
        Profile::from_parts(fields).ok_or(ProfileError::Unreadable)
    }
}

/// Decrypts `sealed` in place and lends what was sealed.
fn opened<'a>(
    cipher: &Aes256Gcm,
    nonce: [u8; 12],
    bound: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a [u8], OpenError> {
    let length = sealed.len().checked_sub(TAG_LENGTH).ok_or(OpenError::Altered)?;
    let (body, tag) = sealed.split_at_mut(length);
    let tag = (&*tag).try_into().map_err(|_wrong_length| OpenError::Altered)?;
    cipher
        .decrypt_inout_detached(&nonce.into(), bound, (&mut *body).into(), tag)
        .map_err(|_not_authentic| OpenError::Altered)?;
    Ok(body)
}

fn bound_key(customer: &CustomerId, key_id: u32) -> Vec<u8> {
    lp(&[KEY_LABEL, customer.as_str().as_bytes(), &key_id.to_be_bytes()])
}

fn bound_fields(customer: &CustomerId) -> Vec<u8> {
    lp(&[FIELDS_LABEL, customer.as_str().as_bytes()])
}

impl Profile {
    /// Joins the fields, in the order in which they are declared; one that is missing is empty.
    fn to_parts(&self) -> Vec<u8> {
        let deposit_type = self.deposit_type.map(|kind| kind.digit());
        let texts = [
            self.mobile.as_ref().map(|field| field.as_str()),
            self.email.as_ref().map(|field| field.as_str()),
            self.name.as_ref().map(|field| field.as_str()),
            self.kana.as_ref().map(|field| field.as_str()),
            self.bank.as_ref().map(|field| field.as_str()),
            self.branch.as_ref().map(|field| field.as_str()),
            deposit_type,
            self.account.as_ref().map(|field| field.as_str()),
        ];
        lp(&texts.map(|text| text.unwrap_or_default().as_bytes()))
    }

    fn from_parts(parts: &[u8]) -> Option<Self> {
        let mut parts = Parts(parts);
        let profile = Self {
            mobile: parts.field()?,
            email: parts.field()?,
            name: parts.field()?,
            kana: parts.field()?,
            bank: parts.field()?,
            branch: parts.field()?,
            deposit_type: parts.field()?,
            account: parts.field()?,
        };
        parts.0.is_empty().then_some(profile)
    }
}

/// What is left of joined parts.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    /// Takes the next field off: nothing if there is none or it is not of this kind.
    fn field<T: std::str::FromStr>(&mut self) -> Option<Option<T>> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        if text.is_empty() {
            return Some(None);
        }
        std::str::from_utf8(text).ok()?.parse().ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Profile {
        Profile {
            mobile: Some("090-1234-5678".parse().unwrap()),
            email: Some("hanako@example.jp".parse().unwrap()),
            name: Some("山田 花子".parse().unwrap()),
            kana: Some("ヤマダ ハナコ".parse().unwrap()),
            bank: Some("320-200-123".parse().unwrap()),
            branch: Some("1234".parse().unwrap()),
            deposit_type: Some("2".parse().unwrap()),
            account: Some("78901234".parse().unwrap()),
        }
    }

    fn customer() -> CustomerId {
        CustomerId::new("1234-567-890").unwrap()
    }

    fn sealing_key() -> SealingKey {
        SealingKey::new(4, [9; 32])
    }

    fn sealed(profile: &Profile) -> SealedProfile {
        let nonces = ProfileNonces { key: [1; 12], fields: [2; 12] };
        let key = ProfileKey::from_bytes([5; 32]);
        sealing_key().seal_profile(profile, &customer(), &key, nonces)
    }

    #[test]
    fn what_was_sealed_opens() {
        let alone = Profile { deposit_type: full().deposit_type, ..Profile::default() };
        for profile in [full(), Profile::default(), alone] {
            let sealed = sealed(&profile);
            assert!(sealing_key().open_profile(&sealed, &customer()) == Ok(profile));
            let stored = postcard::to_stdvec(&sealed).unwrap();
            assert_eq!(postcard::from_bytes::<SealedProfile>(&stored).unwrap(), sealed);
        }
    }

    #[test]
    fn nothing_of_a_profile_is_printed_or_stored_in_the_open() {
        let stored = postcard::to_stdvec(&sealed(&full())).unwrap();
        let printed = format!("{:?} {:?}", full(), sealed(&full()));
        for word in ["090-1234", "hanako", "山田", "ヤマダ", "320-200", "78901234"] {
            assert!(!stored.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
            assert!(!printed.contains(word), "{word}");
        }
    }

    #[test]
    fn altered_and_moved_profiles_are_refused() {
        let untouched = sealed(&full());
        let check = |altered: SealedProfile, what: &str| {
            let found = sealing_key().open_profile(&altered, &customer());
            assert!(found == Err(OpenError::Altered.into()), "{what}");
        };
        for at in 0..untouched.sealed.len() {
            let mut altered = untouched.clone();
            altered.sealed[at] ^= 1;
            check(altered, "fields");
        }
        for at in 0..48 {
            let mut altered = untouched.clone();
            altered.wrapped_key.as_flattened_mut()[at] ^= 1;
            check(altered, "key");
        }
        for at in 0..12 {
            let mut altered = untouched.clone();
            altered.nonce[at] ^= 1;
            check(altered, "nonce");
            let mut altered = untouched.clone();
            altered.key_nonce[at] ^= 1;
            check(altered, "nonce of the key");
        }
        check(SealedProfile { sealed: Box::new([0; 15]), ..untouched.clone() }, "no tag");
        let other = CustomerId::new("1234-567-891").unwrap();
        let moved = sealing_key().open_profile(&untouched, &other);
        assert!(moved == Err(OpenError::Altered.into()));
        let by_id = SealingKey::new(5, [9; 32]).open_profile(&untouched, &customer());
        assert!(by_id == Err(OpenError::OtherKey { needed: 4, given: 5 }.into()));
        let same_id = SealingKey::new(4, [8; 32]).open_profile(&untouched, &customer());
        assert!(same_id == Err(OpenError::Altered.into()));
    }

    #[test]
    fn without_its_own_key_a_profile_is_lost() {
        let mut erased = sealed(&full());
        erased.wrapped_key = [[0; 24]; 2];
        let found = sealing_key().open_profile(&erased, &customer());
        assert!(found == Err(OpenError::Altered.into()), "the sealing key alone opens nothing");
    }

    #[test]
    fn what_is_no_profile_is_not_read_as_one() {
        let whole = full().to_parts();
        assert!(Profile::from_parts(&whole) == Some(full()));
        for end in 0..whole.len() {
            assert!(Profile::from_parts(&whole[..end]).is_none(), "cut off at {end}");
        }
        let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
        assert!(Profile::from_parts(&longer).is_none());
        let mobile = lp(&[b"no number", b"", b"", b"", b"", b"", b"", b""]);
        assert!(Profile::from_parts(&mobile).is_none());
        assert!(Profile::from_parts(&lp(&[b"\xff", b"", b"", b"", b"", b"", b"", b""])).is_none());
    }
}
