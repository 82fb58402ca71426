//! A proof, or what it covers, changed in any one bit.

use kessai_engine::terms::collation::{
    ChannelBinding, HandsetNonce, Proof, ServerNonce, content_digest,
};
use kessai_engine::{Claim, Collated, Offer, Rules};

use crate::checking::asked;
use crate::kit::{BALANCE, HOME, NOON_MS, TILL, World, nonce, offer, person};

fn flipped<const N: usize>(bytes: [u8; N], bit: usize) -> [u8; N] {
    let mut flipped = bytes;
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

/// Opens a payment of its own, answers with what `alter` makes of the right claim, and expects it
/// to be refused: as a wrong proof if `counted`, else as stale.
#[track_caller]
fn check_altered(
    world: &World,
    serial: u16,
    counts: u8,
    alter: impl FnOnce(&Offer, Claim) -> Claim,
) {
    let offer = asked(world, serial);
    let claim = alter(&offer, person(1).claim(&offer, nonce(1)));
    match (counts, world.collate(&claim, 2)) {
        (1, Ok(Collated::Declined { .. })) | (0, Ok(Collated::Stale { .. })) => {}
        (_, other) => panic!("{other:?}"),
    }
    assert_eq!(world.customer(&person(1)).wrong_in_row, counts);
    world.cancel_by_customer(&offer, &person(1)).unwrap();
    world.engine.unblock(person(1).customer, NOON_MS, world.slot()).unwrap();
    assert_eq!(world.money(&person(1)), (BALANCE, 0));
}

#[test]
fn a_proof_changed_in_any_bit_is_refused() {
    let world = World::with(Rules { tries_per_payment: 1, ..Rules::default() });
    for bit in 0..256 {
        check_altered(&world, bit, 1, |_, claim| {
            let proof = Proof(flipped(claim.proof.0, usize::from(bit)));
            Claim { proof, ..claim }
        });
    }
}

#[test]
fn a_confirmation_changed_in_any_bit_is_refused() {
    let world = World::with(Rules { tries_per_payment: 1, ..Rules::default() });
    let bits = offer(1, TILL, &person(1), 1_200).confirmation.len() * 8;
    for bit in 0..bits {
        check_altered(&world, u16::try_from(bit).unwrap() + 1_000, 1, |offer, claim| {
            // The handset was shown one thing and the engine has another.
            let mut shown = offer.confirmation.to_vec();
            shown[bit / 8 % offer.confirmation.len()] ^= 1 << (bit % 8);
            let content = content_digest(&shown);
            person(1).claim_for(claim.payment, content, HOME, nonce(1))
        });
    }
}

#[test]
fn nonces_and_channels_changed_in_any_bit_are_refused() {
    let world = World::with(Rules { tries_per_payment: 1, ..Rules::default() });
    for bit in 0..256 {
        let at = usize::from(bit);
        check_altered(&world, bit, 1, |_, claim| Claim {
            handset_nonce: HandsetNonce(flipped(claim.handset_nonce.0, at)),
            ..claim
        });
        check_altered(&world, 1_000 + bit, 0, |_, claim| Claim {
            server_nonce: ServerNonce(flipped(claim.server_nonce.0, at)),
            ..claim
        });
        check_altered(&world, 2_000 + bit, 0, |_, claim| Claim {
            channel: ChannelBinding(flipped(claim.channel.0, at)),
            ..claim
        });
    }
}
