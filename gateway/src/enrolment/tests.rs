//! Until when a code is good, and when an enrolment is answered.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kessai_engine::KeyPin;
use kessai_engine::terms::collation::{ActivationCode, ChannelBinding, Salt, SealingKey, SpkiHash};
use kessai_engine::terms::{DeviceId, Reason};
use kessai_wire::{Enrol, EnrolHandset, Handset, Subject};

use super::Registry;
use crate::activations::{Activations, LIFETIME_MS};
use crate::entropy::SystemEntropy;
use crate::testing::{NOW_MS, World, customer};

const PIN: KeyPin = KeyPin([77; 32]);
const CHANNEL: ChannelBinding = ChannelBinding([78; 32]);

fn code() -> ActivationCode {
    ActivationCode::from_bytes([79; 16])
}

/// A registry with a code open for the customer.
fn registry(world: &World) -> Registry {
    let activations = Arc::new(Activations::default());
    activations.issue(Subject::Customer(customer()), code(), NOW_MS).unwrap();
    Registry {
        reception: Arc::clone(&world.reception),
        activations,
        sealing: SealingKey::new(1, [3; 32]),
        entropy: Arc::new(SystemEntropy),
    }
}

/// The right request for a third handset.
fn request(world: &World) -> (Handset, Enrol) {
    let handset = Handset { customer: customer(), device: DeviceId([3; 16]) };
    let (keys, bound) = (world.secrets.device_keys(), (&CHANNEL, &SpkiHash(PIN.0)));
    let request = EnrolHandset::new(handset, Salt([2; 16]), keys, &code(), bound);
    (handset, Enrol::Handset(Box::new(request)))
}

#[test]
fn a_code_that_has_expired_enrols_nobody() {
    let world = World::new();
    let registry = registry(&world);
    world.clock.advance(LIFETIME_MS);
    let before = world.dispatch().engine().state_hash();
    let enrolling = pin!(registry.enrol(request(&world).1, PIN, &CHANNEL));
    let answer = enrolling.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(answer, Poll::Ready(Err(Reason::EnrolmentRefused)));
    assert_eq!(world.dispatch().engine().state_hash(), before);
}

/// One millisecond earlier it is good; and nobody is told so before a crash could not undo it.
#[test]
fn an_enrolment_is_answered_once_it_is_durable() {
    let mut world = World::new();
    let registry = registry(&world);
    world.clock.advance(LIFETIME_MS - 1);
    let (handset, request) = request(&world);
    let mut enrolling = pin!(registry.enrol(request, PIN, &CHANNEL));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(enrolling.as_mut().poll(&mut context), Poll::Pending);
    world.sync();
    assert_eq!(enrolling.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    let device = world.dispatch().engine().device(&handset.customer, &handset.device).unwrap();
    assert_eq!((device.pin, device.salt), (PIN, Salt([2; 16])));
}
