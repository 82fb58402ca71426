//! Key files and pins.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use kessai_client::{KeyError, PeerKey, PinError, RootPin};

#[test]
fn a_key_file_round_trips_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("till.pem");
    let key = PeerKey::generate().unwrap();
    key.save(&path).unwrap();
    let loaded = PeerKey::load(&path).unwrap();
    assert_eq!(loaded.pin(), key.pin());
    assert_eq!(*loaded.to_pem().unwrap(), *key.to_pem().unwrap());
    assert_ne!(PeerKey::generate().unwrap().pin(), key.pin());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A key is never written over.
    let before = std::fs::read(&path).unwrap();
    let error = PeerKey::generate().unwrap().save(&path).unwrap_err();
    assert!(matches!(error, KeyError::File { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_key_from_a_seed_is_the_same_one_always() {
    let key = PeerKey::from_seed(&[7; 32]).unwrap();
    assert_eq!(*PeerKey::from_seed(&[7; 32]).unwrap().to_pem().unwrap(), *key.to_pem().unwrap());
    assert_eq!(PeerKey::from_pem(&key.to_pem().unwrap()).unwrap().pin(), key.pin());
    assert_ne!(PeerKey::from_seed(&[8; 32]).unwrap().pin(), key.pin());
    // Populations that were provisioned must not become strangers.
    let pin: String = key.pin().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(pin, "67349b4f41a758562275338ff9afb57aedf11f7d7eb7f1aa2b61f0e584628301");
}

#[test]
fn what_is_no_key_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = PeerKey::load(&folder.path().join("none.pem")).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    let pem = PeerKey::generate().unwrap().to_pem().unwrap();
    let truncated = pem.get(..pem.len() / 2).unwrap();
    let garbled = pem.replace("MI", "AA");
    for text in ["", "no key", truncated, &garbled] {
        assert!(matches!(PeerKey::from_pem(text), Err(KeyError::Malformed)), "{text}");
    }
}

#[test]
fn a_key_shows_its_pin_only() {
    let key = PeerKey::generate().unwrap();
    let pin: String = key.pin().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(format!("{key:?}"), format!("PeerKey {{ pin: \"{pin}\", .. }}"));
}

#[test]
fn a_root_pin_is_written_in_hexadecimal() {
    let pin = RootPin([0xab; 32]);
    assert_eq!(pin.to_string(), "ab".repeat(32));
    assert_eq!(pin.to_string().parse(), Ok(pin));
    assert_eq!("AB".repeat(32).parse(), Ok(pin));
    for text in ["", "ab", &"ab".repeat(33), &"zz".repeat(32)] {
        assert_eq!(text.parse::<RootPin>(), Err(PinError), "{text}");
    }
}
