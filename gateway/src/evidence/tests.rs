//! Evidence over journals that are written record by record, right and wrong.

mod page;
mod story;

use kessai_engine::terms::collation::ContentDigest;
use kessai_engine::terms::{Amount, PaymentId, Rate, Reason};
use kessai_engine::{Charge, DeviceRevoked, Ended, Event, Record, RegisterChange};
use kessai_journal::ChainKey;

use super::checks::Verdict;
use super::{Evidence, EvidenceError, Filed, collect};
use story::{KEY, NOW_MS, Story, asked_for, payment, refund};

/// Journals that were never trimmed need no archive.
fn nothing(_: PaymentId) -> Result<Option<Filed>, String> {
    panic!("the archive is asked")
}

/// The names of the checks that came out so.
fn named(evidence: &Evidence, verdict: Verdict) -> Vec<&'static str> {
    let such = evidence.checks.iter().filter(|check| check.result == verdict);
    such.map(|check| check.name).collect()
}

/// Tells a story with something changed: exactly the checks `failed` and `warned` must not hold.
#[track_caller]
fn check(change: impl FnOnce(&mut Story), failed: &[&str], warned: &[&str]) -> Evidence {
    let mut story = Story::whole();
    change(&mut story);
    let evidence = collect(&story.written().path(), &KEY, payment(), &nothing).unwrap();
    assert_eq!(named(&evidence, Verdict::Failed), failed, "{evidence}");
    assert_eq!(named(&evidence, Verdict::Warning), warned, "{evidence}");
    assert_eq!(evidence.holds(), failed.is_empty());
    assert!(!evidence.is_damaged());
    evidence
}

#[test]
fn a_payment_as_it_should_be_holds() {
    let evidence = check(|_| {}, &[], &[]);
    let names: Vec<_> = evidence.checks.iter().map(|check| check.name).collect();
    let all = [
        "content_digest",
        "content_decodes",
        "content_reencodes",
        "basket_adds_up",
        "content_names_payment",
        "charge",
        "payee_registered",
        "one_end",
        "state_table",
        "refunds_within_capture",
        "times_rise",
        "within_expiry",
        "shown_between",
        "delivered_in_time",
        "device_known",
        "chain",
    ];
    assert_eq!(names, all);
    assert_eq!(evidence.outcome.captured_minor, 15_725);
    assert_eq!(evidence.outcome.refunded_price_minor, 2_500);
    assert_eq!(evidence.wrong_proofs.len(), 1);
}

#[test]
fn a_byte_of_the_content_that_was_changed_fails_the_digest_alone() {
    let change = |story: &mut Story| {
        let opened = story.opened();
        let mut bytes = opened.confirmation.to_vec();
        let place = bytes.windows(5).position(|window| window == b"Green").unwrap();
        bytes[place] ^= 1;
        opened.confirmation = bytes.into();
    };
    let evidence = check(change, &["content_digest"], &[]);
    assert_eq!(evidence.shown.unwrap().lines[0].name, "Freen tea");
    let other = |story: &mut Story| story.opened().terms.content = ContentDigest([7; 32]);
    check(other, &["content_digest"], &[]);
}

#[test]
fn content_that_cannot_be_read_is_told_as_such() {
    let whole = |story: &mut Story| story.opened().terms.content = story_digest(b"\xff\xff");
    let all = [
        "content_decodes",
        "content_reencodes",
        "basket_adds_up",
        "content_names_payment",
        "charge",
    ];
    let evidence = check(
        |story| {
            whole(story);
            story.opened().confirmation = b"\xff\xff"[..].into();
        },
        &all,
        &[],
    );
    assert_eq!(evidence.shown, None);
    assert!(evidence.to_string().contains("cannot be read"));
}

fn story_digest(bytes: &[u8]) -> ContentDigest {
    kessai_engine::terms::collation::content_digest(bytes)
}

#[test]
fn content_of_another_payment_is_found() {
    let names = ["content_names_payment"];
    check(
        |story| story.opened().customer = "C-2".parse().unwrap(),
        &["content_names_payment", "device_known"],
        &[],
    );
    check(
        |story| story.opened().terms.store = "S2".parse().unwrap(),
        &names,
        &["payee_registered"],
    );
    check(|story| story.opened().terms.terminal = "VEND2".parse().unwrap(), &names, &[]);
    check(|story| story.opened().expires_at_ms += 1, &names, &[]);
}

#[test]
fn a_charge_that_is_not_what_was_shown_is_found() {
    let amount = |minor| Amount::new(minor).unwrap();
    fn charge(story: &mut Story) -> &mut Charge {
        &mut story.opened().terms.charge
    }
    check(|story| charge(story).amount = amount(19_995), &["charge"], &[]);
    check(|story| charge(story).foreign.as_mut().unwrap().price = amount(12_716), &["charge"], &[]);
    let rate: Rate = "157.25".parse().unwrap();
    check(|story| charge(story).foreign.as_mut().unwrap().rate = rate, &["charge"], &[]);
    let markup = |story: &mut Story| {
        charge(story).foreign.as_mut().unwrap().markup_basis_points = 1;
    };
    check(markup, &["charge"], &[]);
    check(|story| charge(story).foreign = None, &["charge"], &[]);
}

#[test]
fn what_the_table_of_states_does_not_allow_is_found() {
    let end = |event, reason| Record::Ended(Ended { payment: payment(), event, reason });
    let cancel = || end(Event::Cancel, Reason::CancelledByCustomer);
    check(|story| story.insert_before("refunded", cancel()), &["one_end", "state_table"], &[]);
    check(|story| story.remove("approved"), &["state_table"], &[]);
    check(|story| story.remove("opened"), &["state_table"], &[]);
    let twice = |story: &mut Story| {
        let opened = story.entries[story.place("opened")].record.clone();
        story.insert_before("mismatched", opened);
    };
    check(twice, &["state_table"], &[]);
}

#[test]
fn more_given_back_than_was_captured_is_found() {
    let change = |story: &mut Story| story.refunded().price = Amount::new(10_001).unwrap();
    check(change, &["refunds_within_capture"], &[]);
    let change = |story: &mut Story| story.refunded().amount = Amount::new(15_726).unwrap();
    check(change, &["refunds_within_capture"], &[]);
}

#[test]
fn times_that_fall_are_found_and_the_handsets_own_only_told() {
    check(|story| story.opened().received_at_ms += 1_000, &["times_rise"], &[]);
    let shown = |story: &mut Story, at_ms| story.approved().trail.shown_at_ms = Some(at_ms);
    check(|story| shown(story, NOW_MS), &[], &["shown_between"]);
    check(|story| shown(story, NOW_MS + 59_000), &[], &["shown_between"]);
    check(|story| story.approved().trail.shown_at_ms = None, &[], &[]);
    let late = |story: &mut Story| story.opened_until(NOW_MS + 1_989);
    check(late, &["within_expiry"], &[]);
    check(|story| story.approved().trail.prompted_at_ms = NOW_MS, &["times_rise"], &[]);
    check(|story| story.approved().trail.answered_at_ms = NOW_MS + 2_001, &["times_rise"], &[]);
    // Another handset may have been asked, and have shown it, before the wrong proof came.
    let other = |story: &mut Story| {
        let trail = &mut story.approved().trail;
        (trail.prompted_at_ms, trail.shown_at_ms) = (NOW_MS + 60, Some(NOW_MS + 70));
    };
    check(other, &[], &[]);
    check(|story| shown(story, NOW_MS + 500), &[], &[]);
    let deliver = |story: &mut Story| story.approved().deliver_by_ms = Some(NOW_MS + 5_500);
    check(deliver, &[], &["delivered_in_time"]);
}

#[test]
fn a_handset_that_could_not_approve_is_found() {
    check(|story| story.remove("device"), &["device_known"], &[]);
    let device = story::DEVICE;
    let revoked = || Record::DeviceRevoked(DeviceRevoked { customer: story::customer(), device });
    check(|story| story.insert_before("opened", revoked()), &["device_known"], &[]);
    check(|story| story.insert_before("captured", revoked()), &[], &[]);
}

#[test]
fn a_payee_of_another_name_is_told() {
    let rename = |story: &mut Story, record: &str| {
        let mut merchant = story::merchant();
        merchant.name = "Other Shop".parse().unwrap();
        story.insert_before(record, Record::Registered(RegisterChange::Merchant(merchant)));
    };
    check(|story| rename(story, "opened"), &[], &["payee_registered"]);
    check(|story| rename(story, "approved"), &[], &[]);
}

#[test]
fn a_refund_leads_to_its_payment() {
    let journal = Story::whole().written();
    let evidence = collect(&journal.path(), &KEY, refund(), &nothing).unwrap();
    assert_eq!(evidence.payment, payment().to_string());
    assert_eq!(evidence.refund, Some(refund().to_string()));
    assert!(evidence.holds());
}

#[test]
fn what_another_payment_displaced_ends_with_it() {
    let journal = Story::displaced().written();
    let evidence = collect(&journal.path(), &KEY, payment(), &nothing).unwrap();
    assert!(evidence.holds(), "{evidence}");
    assert_eq!(evidence.outcome.reason, Some("pre_empted"));
    assert_eq!(evidence.steps.last().unwrap().what, "pre_empted");
    let other = collect(&journal.path(), &KEY, asked_for(9), &nothing).unwrap();
    assert_eq!((other.steps.len(), other.outcome.reason), (1, None));
}

#[test]
fn nothing_is_changed_and_another_key_opens_nothing() {
    let journal = Story::whole().written();
    let before = journal.bytes();
    collect(&journal.path(), &KEY, payment(), &nothing).unwrap();
    let unknown = collect(&journal.path(), &KEY, asked_for(99), &nothing).unwrap_err();
    assert!(matches!(unknown, EvidenceError::Unknown(_)), "{unknown}");
    let wrong = collect(&journal.path(), &ChainKey([9; 32]), payment(), &nothing).unwrap_err();
    assert!(matches!(wrong, EvidenceError::Journal(_)), "{wrong}");
    assert_eq!(journal.bytes(), before);
}

#[test]
fn damage_behind_a_payment_fails_the_chain_alone_and_damage_before_it_loses_it() {
    let mut story = Story::whole();
    story.push(story::merchant_record());
    story.push(story::merchant_record());
    let journal = story.written();
    journal.flip_in_record(story.entries.len() - 1);
    let evidence = collect(&journal.path(), &KEY, payment(), &nothing).unwrap();
    assert_eq!(named(&evidence, Verdict::Failed), ["chain"]);
    assert!(evidence.is_damaged());
    assert!(evidence.to_string().contains("DAMAGED: the journal is corrupt at segment 1 offset"));
    journal.flip_in_record(1);
    let lost = collect(&journal.path(), &KEY, payment(), &nothing).unwrap_err();
    assert!(matches!(lost, EvidenceError::Lost { .. }), "{lost}");
}
