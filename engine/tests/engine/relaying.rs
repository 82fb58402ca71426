//! Proofs that come through a carrier hub: what only the handset can have sent counts, and nothing
//! else.

use kessai_engine::terms::collation::{Outcome, Proof, ServerNonce, Signature};
use kessai_engine::terms::reason::Reason;
use kessai_engine::{Claim, Collated, Mismatched, Offer, PaymentState, Record, Verdict};

use crate::kit::{BALANCE, TILL, TRAIL, World, auth, nonce, offer, person, relayed};

/// Opens a payment to person 1 and asks with nonce 1.
fn asked(world: &World) -> Offer {
    let offer = offer(1, TILL, &person(1), 1_200);
    world.opened(&offer);
    world.ask(&offer, &person(1), 1).unwrap();
    offer
}

/// Every tag that a hub could put on `claim` without the handset.
fn made_up(claim: &Claim, offer: &Offer) -> [Signature; 4] {
    let other_prompt = Claim { server_nonce: ServerNonce([9; 32]), ..claim.clone() };
    let mut spoilt = person(1).tag(claim, offer);
    spoilt.0[31] ^= 1;
    [Signature([0; 32]), spoilt, person(2).tag(claim, offer), person(1).tag(&other_prompt, offer)]
}

#[test]
fn a_hub_passes_a_right_proof_on() {
    let world = World::new();
    let offer = asked(&world);
    let claim = person(1).claim(&offer, nonce(1));
    let claim = relayed(&claim, person(1).tag(&claim, &offer));
    let Ok(Collated::Approved { view, signature }) = world.collate(&claim, 2) else {
        panic!("not approved")
    };
    assert_eq!(view.state, PaymentState::Captured);
    let (keys, auth) = (person(1).secrets.device_keys(), auth(&claim, offer.terms.content));
    assert!(keys.server.verify_outcome(&auth, Outcome::Approved, &signature));
    world.assert_sound();
}

#[test]
fn a_wrong_password_through_a_hub_is_counted() {
    let world = World::new();
    let offer = asked(&world);
    for (at, left) in [(1, Some(2)), (2, Some(1)), (3, None)] {
        let claim = person(1).mistyped(&offer, nonce(at));
        let claim = relayed(&claim, person(1).tag(&claim, &offer));
        let (answer, records) = world.recorded(|world| world.collate(&claim, at + 1));
        let verdict = left.map_or(Verdict::Decline, |_| Verdict::TryAgain);
        let (payment, device) = (offer.terms.payment, person(1).device);
        assert_eq!(
            records,
            [Record::Mismatched(Mismatched { payment, device, verdict, trail: TRAIL })]
        );
        match (answer, left) {
            (Ok(Collated::Mismatched { tries_left, .. }), Some(left)) => {
                assert_eq!(tries_left, left);
            }
            (Ok(Collated::Declined { view, .. }), None) => {
                assert_eq!(view.reason, Some(Reason::TriesExceeded));
            }
            (other, _) => panic!("try {at}: {other:?}"),
        }
    }
    world.assert_sound();
}

#[test]
fn a_hub_cannot_burn_tries() {
    let world = World::new();
    let offer = asked(&world);
    let mut guess = person(1).claim(&offer, nonce(1));
    for byte in 0..20 {
        guess.proof = Proof([byte; 32]);
        for tag in made_up(&guess, &offer) {
            let refused = world.traceless(|world| world.collate(&relayed(&guess, tag), 2));
            assert_eq!(refused, Err(Reason::ProofRefused));
        }
    }
    assert_eq!(world.customer(&person(1)).wrong_in_row, 0);
    // The prompt is still open: its one use is the handset's.
    let claim = person(1).claim(&offer, nonce(1));
    let claim = relayed(&claim, person(1).tag(&claim, &offer));
    assert!(matches!(world.collate(&claim, 3), Ok(Collated::Approved { .. })));
    world.assert_sound();
}

/// Whoever can make the proof is the handset, whatever a hub did to the tag.
#[test]
fn a_spoilt_tag_does_not_hinder_a_right_proof() {
    let offers = World::new();
    let claim = person(1).claim(&asked(&offers), nonce(1));
    for tag in made_up(&claim, &offer(1, TILL, &person(1), 1_200)) {
        let world = World::new();
        asked(&world);
        let answer = world.collate(&relayed(&claim, tag), 2);
        assert!(matches!(answer, Ok(Collated::Approved { .. })), "{answer:?}");
        assert_eq!(world.money(&person(1)), (BALANCE - 1_200, 0));
    }
}

#[test]
fn a_hub_cannot_replace_a_prompt() {
    let world = World::new();
    let offer = asked(&world);
    let stale = person(1).claim(&offer, nonce(77));
    for tag in made_up(&stale, &offer) {
        let refused = world.traceless(|world| world.collate(&relayed(&stale, tag), 2));
        assert_eq!(refused, Err(Reason::ProofRefused));
    }
    let genuine = relayed(&stale, person(1).tag(&stale, &offer));
    let answer = world.traceless(|world| world.collate(&genuine, 3));
    assert_eq!(answer, Ok(Collated::Stale { nonce: nonce(3) }));
    let claim = person(1).claim(&offer, nonce(3));
    let claim = relayed(&claim, person(1).tag(&claim, &offer));
    assert!(matches!(world.collate(&claim, 4), Ok(Collated::Approved { .. })));
}

#[test]
fn a_hub_cannot_use_a_counted_proof_again() {
    let world = World::new();
    let offer = asked(&world);
    let wrong = person(1).mistyped(&offer, nonce(1));
    let wrong = relayed(&wrong, person(1).tag(&wrong, &offer));
    assert!(matches!(world.collate(&wrong, 2), Ok(Collated::Mismatched { .. })));
    for next in 3..9 {
        let again = world.traceless(|world| world.collate(&wrong, next));
        assert_eq!(again, Ok(Collated::Stale { nonce: nonce(next) }));
    }
    assert_eq!(world.customer(&person(1)).wrong_in_row, 1);
}

/// The tag covers the proof: one that a hub has spoilt is the hub's, and burns no try.
#[test]
fn a_hub_that_spoils_a_proof_burns_no_try() {
    let world = World::new();
    let offer = asked(&world);
    let claim = person(1).claim(&offer, nonce(1));
    let genuine = relayed(&claim, person(1).tag(&claim, &offer));
    let mut spoilt = genuine.clone();
    spoilt.proof.0[0] ^= 1;
    let refused = world.traceless(|world| world.collate(&spoilt, 2));
    assert_eq!(refused, Err(Reason::ProofRefused));
    assert_eq!(world.customer(&person(1)).wrong_in_row, 0);
    // The prompt stands, and the handset's own proof is still good for it.
    assert!(matches!(world.collate(&genuine, 3), Ok(Collated::Approved { .. })));
}

#[test]
fn whoever_is_unknown_is_refused_alike() {
    let world = World::new();
    let offer = asked(&world);
    let (strange, other) = (person(99), person(2));
    for nobody in [&strange, &other, &person(1).with_handset(11)] {
        let claim = nobody.claim(&offer, nonce(1));
        let tagged = relayed(&claim, nobody.tag(&claim, &offer));
        for claim in [claim, tagged] {
            let refused = world.traceless(|world| world.collate(&claim, 2));
            assert_eq!(refused, Err(Reason::ProofRefused));
        }
    }
}
