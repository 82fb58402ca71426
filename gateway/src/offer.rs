//! Turns a purchase into an offer: payee from the register, times from our clock, every sum
//! checked, the confirmation encoded and digested once.

use bytes::{Bytes, BytesMut};
use kessai_engine::terms::collation::content_digest;
use kessai_engine::terms::{Basket, Reason};
use kessai_engine::{Capture, Charge, Offer, Place, RequestDigest, Rules, Terms};
use kessai_wire::v1::ToGateway;
use kessai_wire::{Call, Confirmation, Delivery, Payer, Purchase, Request, RequestId};
use kessai_wire::{TerminalRequest, frame};

/// Builds the offer of a purchase at `place`.
///
/// # Errors
/// The reason why there can be none: the basket, its total or its currency.
pub(crate) fn build(
    place: &Place,
    purchase: Purchase,
    rules: &Rules,
    prompt_ms: u64,
    now_ms: u64,
) -> Result<Offer, Reason> {
    let request = digest(place, &purchase)?;
    if purchase.currency != place.store.currency {
        return Err(Reason::CurrencyNotAccepted);
    }
    let Payer::Customer(customer) = purchase.payer;
    let (capture, delivery) = match purchase.capture {
        kessai_wire::Capture::AtApproval => (Capture::AtApproval, Delivery::AtApproval),
        kessai_wire::Capture::OnDelivery => {
            let within_ms = u32::try_from(rules.delivery_ms).unwrap_or(u32::MAX);
            (Capture::OnDelivery, Delivery::ByMachine { within_ms })
        }
    };
    let basket = Basket::check(purchase.lines, place.store.rounding, purchase.claimed_total)?;
    let charge = Charge { amount: basket.total(), currency: purchase.currency, foreign: None };
    let expires_at_ms = now_ms.saturating_add(prompt_ms);
    let confirmation = Confirmation {
        payment: purchase.payment,
        terminal: place.terminal.id,
        merchant: place.merchant.id,
        merchant_name: place.merchant.name.clone(),
        store: place.store.id,
        store_name: place.store.name.clone(),
        customer,
        basket,
        currency: purchase.currency,
        exchange: None,
        opened_at_ms: now_ms,
        utc_offset_minutes: i16::try_from(rules.calendar.utc_offset_minutes).unwrap_or(0),
        expires_at_ms,
        delivery,
    }
    .encode();
    let terms = Terms {
        payment: purchase.payment,
        terminal: place.terminal.id,
        store: place.store.id,
        merchant: place.merchant.id,
        charge,
        capture,
        request,
        content: content_digest(&confirmation),
    };
    Ok(Offer { terms, customer, expires_at_ms, confirmation })
}

/// Tells a repeat from another request: the digest of what was asked, in one canonical form.
fn digest(place: &Place, purchase: &Purchase) -> Result<RequestDigest, Reason> {
    let body = Request::Terminal(place.terminal.id, TerminalRequest::Open(purchase.clone()));
    let call = Call { request: RequestId::FIRST, route: Bytes::new(), body };
    let mut canonical = BytesMut::new();
    frame::encode(&ToGateway::from(&call), &mut canonical).map_err(|_| Reason::Malformed)?;
    Ok(RequestDigest(content_digest(&canonical).0))
}
