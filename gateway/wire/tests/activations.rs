//! What an activation string says, what is refused as one, and what is never printed of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kessai_wire::terms::collation::{ActivationCode, PeerName, SpkiHash};
use kessai_wire::{Activation, ActivationError, Subject};

/// Computed outside the project: CRC-32C bit by bit, in Python.
const TERMINAL: &str = "kessai1:[2001:db8::1]:4433:terminal:POS00001:\
    5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b:\
    90909090909090909090909090909090:2e7f0b22";

#[test]
fn a_string_says_where_whom_and_with_what_code() {
    let activation: Activation = TERMINAL.parse().unwrap();
    assert_eq!(activation.gateway.as_str(), "[2001:db8::1]:4433");
    assert_eq!(activation.root, SpkiHash([0x5b; 32]));
    let terminal = PeerName::Terminal("POS00001".parse().unwrap());
    assert_eq!(activation.subject, Subject::Peer(terminal));
    assert_eq!(activation.code.expose(), &[0x90; 16]);
    assert_eq!(activation.to_string(), TERMINAL);
}

#[test]
fn breaks_and_spaces_do_not_matter_nor_the_case_of_digits() {
    let broken = format!(" {}\r\n", TERMINAL.replace(":5b5b", ":\n  5b5b"));
    assert_eq!(broken.parse::<Activation>().unwrap().to_string(), TERMINAL);
    let shouted = TERMINAL.replace("5b", "5B");
    assert_eq!(shouted.parse::<Activation>().unwrap().to_string(), TERMINAL);
}

#[test]
fn every_role_has_its_ids() {
    let code = || ActivationCode::from_bytes([7; 16]);
    for (role, id) in
        [("customer", "1234-567-890"), ("terminal", "T1"), ("controller", "C1"), ("hub", "H1")]
    {
        let subject = Subject::parse(role, id).unwrap();
        assert_eq!((subject.role(), subject.id()), (role, id));
        let gateway = "pay.example:4433".parse().unwrap();
        let activation = Activation { gateway, root: SpkiHash([1; 32]), subject, code: code() };
        let read: Activation = activation.to_string().parse().unwrap();
        assert_eq!(read.subject, subject);
    }
    for (role, id) in [
        ("Customer", "1"),
        ("handset", "1"),
        ("", "1"),
        ("terminal", ""),
        ("terminal", "POS000001"),
        ("hub", "1_2"),
    ] {
        assert_eq!(Subject::parse(role, id), Err(ActivationError::Subject), "{role} {id}");
    }
}

#[test]
fn what_is_none_is_refused_by_name() {
    let check = |text: &str, expected| {
        assert_eq!(text.parse::<Activation>().err(), Some(expected), "{text}");
    };
    check("", ActivationError::Shape);
    check("kessai1:", ActivationError::Shape);
    check(&TERMINAL.replace("kessai1", "kessai2"), ActivationError::Shape);
    check(&TERMINAL.replace("[2001:db8::1]:4433", "pay.example"), ActivationError::Gateway);
    check(&TERMINAL.replace("4433", "0"), ActivationError::Gateway);
    check(&TERMINAL.replace("terminal", "till"), ActivationError::Subject);
    check(&TERMINAL.replace("POS00001", "POS_0001"), ActivationError::Subject);
    check(&TERMINAL.replacen("5b", "5", 1), ActivationError::Root);
    check(&TERMINAL.replacen("5b", "5g", 1), ActivationError::Root);
    check(&TERMINAL.replacen("9090", "90", 1), ActivationError::Code);
    check(&TERMINAL.replacen("9090", "909090", 1), ActivationError::Code);
    check(&TERMINAL.replacen("9090", "9009", 1), ActivationError::Checksum);
    check(&TERMINAL.replace("POS00001", "POS00010"), ActivationError::Checksum);
    check(&TERMINAL.replace("2e7f0b22", ""), ActivationError::Checksum);
    check(&format!("{TERMINAL}0"), ActivationError::Checksum);
}

#[test]
fn the_code_is_never_printed() {
    let activation: Activation = TERMINAL.parse().unwrap();
    let printed = format!("{activation:?}");
    assert!(printed.contains("POS00001") && printed.contains("5b5b"), "{printed}");
    assert!(!printed.contains("9090") && !printed.contains("144"), "{printed}");
    let error = TERMINAL.replacen("9090", "9099", 1).parse::<Activation>().unwrap_err();
    assert!(!error.to_string().contains("9099"), "{error}");
}
