//! Turns a purchase into an offer: payee from the register, times from our clock, every sum
//! checked, the confirmation encoded and digested once.

use bytes::{Bytes, BytesMut};
use kessai_engine::terms::collation::content_digest;
use kessai_engine::terms::{Basket, Reason};
use kessai_engine::{Capture, Charge, Offer, Place, RequestDigest, Rules, TerminalKind, Terms};
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
    // A machine that took money at approval would keep it for goods that did not come out.
    if purchase.capture != capture_of(place.terminal.kind) {
        return Err(Reason::RoleNotPermitted);
    }
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

/// When a terminal of that kind may have its money.
const fn capture_of(kind: TerminalKind) -> kessai_wire::Capture {
    match kind {
        TerminalKind::PointOfSale => kessai_wire::Capture::AtApproval,
        TerminalKind::Vending => kessai_wire::Capture::OnDelivery,
    }
}

/// Tells a repeat from another request: the digest of what was asked, in one canonical form.
fn digest(place: &Place, purchase: &Purchase) -> Result<RequestDigest, Reason> {
    let body = Request::Terminal(place.terminal.id, TerminalRequest::Open(purchase.clone()));
    let call = Call { request: RequestId::FIRST, route: Bytes::new(), body };
    let mut canonical = BytesMut::new();
    frame::encode(&ToGateway::from(&call), &mut canonical).map_err(|_| Reason::Malformed)?;
    Ok(RequestDigest(content_digest(&canonical).0))
}

#[cfg(test)]
mod tests {
    use kessai_engine::terms::basket::Rounding;
    use kessai_engine::terms::collation::content_digest;
    use kessai_engine::terms::{
        Amount, Currency, Gtin, Line, MerchantName, ProductName, Reason, StoreName, Tax, TaxRate,
    };
    use kessai_engine::{
        Capture, Merchant, Offer, Place, Register, RegisterChange, Rules, Store, Terminal,
        TerminalKind,
    };
    use kessai_wire::{Confirmation, Delivery, Payer, Purchase};

    use crate::testing::{NOW_MS, payment};

    fn place(kind: TerminalKind) -> Place {
        let mut register = Register::default();
        let id = |text: &str| text.parse().unwrap();
        for change in [
            RegisterChange::Merchant(Merchant {
                id: "MERCHANT1".parse().unwrap(),
                name: MerchantName::new("Suzuki").unwrap(),
            }),
            RegisterChange::Store(Store {
                id: "STORE1".parse().unwrap(),
                merchant: "MERCHANT1".parse().unwrap(),
                name: StoreName::new("Ueno").unwrap(),
                currency: Currency::JPY,
                rounding: Rounding::Down,
            }),
            RegisterChange::Terminal(Terminal {
                id: id("POS1"),
                store: "STORE1".parse().unwrap(),
                kind,
                pin: None,
            }),
        ] {
            register.apply(&change).unwrap();
        }
        register.place(&id("POS1")).unwrap().clone()
    }

    fn yen(minor: u64) -> Amount {
        Amount::new(minor).unwrap()
    }

    /// Three bottles of tea at 100 yen and 8 per cent on top: 324 yen.
    fn purchase() -> Purchase {
        Purchase {
            payment: payment(1),
            payer: Payer::Customer("C-1".parse().unwrap()),
            lines: vec![Line {
                code: Gtin::complete("490177701868").unwrap(),
                name: ProductName::new("Tea").unwrap(),
                unit_price: yen(100),
                quantity: 3,
                discount: Amount::ZERO,
                tax: Tax::Exclusive(TaxRate::JAPAN_REDUCED),
            }],
            claimed_total: yen(324),
            currency: Currency::JPY,
            capture: kessai_wire::Capture::AtApproval,
        }
    }

    fn build(purchase: Purchase) -> Result<Offer, Reason> {
        let till = place(TerminalKind::PointOfSale);
        super::build(&till, purchase, &Rules::default(), 60_000, NOW_MS)
    }

    #[test]
    fn the_confirmation_shows_payee_sums_and_times_from_our_side() {
        let offer = build(purchase()).unwrap();
        let shown = Confirmation::decode(&offer.confirmation).unwrap();
        assert_eq!(shown.total(), yen(324).of(Currency::JPY));
        assert_eq!((shown.store_name.as_str(), shown.merchant_name.as_str()), ("Ueno", "Suzuki"));
        assert_eq!((shown.opened_at_ms, shown.expires_at_ms), (NOW_MS, NOW_MS + 60_000));
        assert_eq!(shown.delivery, Delivery::AtApproval);
        assert_eq!(offer.terms.content, content_digest(&offer.confirmation));
        assert_eq!(offer.terms.charge.amount, yen(324));
        assert_eq!(offer.expires_at_ms, NOW_MS + 60_000);
    }

    #[test]
    fn a_machine_is_given_time_to_deliver() {
        let machine = Purchase { capture: kessai_wire::Capture::OnDelivery, ..purchase() };
        assert_eq!(build(machine.clone()).unwrap_err(), Reason::RoleNotPermitted, "at a till");
        let place = place(TerminalKind::Vending);
        let build = |purchase| super::build(&place, purchase, &Rules::default(), 60_000, NOW_MS);
        assert_eq!(build(purchase()).unwrap_err(), Reason::RoleNotPermitted, "at a machine");
        let offer = build(machine).unwrap();
        assert_eq!(offer.terms.capture, Capture::OnDelivery);
        let shown = Confirmation::decode(&offer.confirmation).unwrap();
        assert_eq!(shown.delivery, Delivery::ByMachine { within_ms: 120_000 });
    }

    #[test]
    fn each_fault_has_its_reason() {
        let with_line = |change: fn(&mut Line)| {
            let mut purchase = purchase();
            purchase.lines.iter_mut().for_each(change);
            purchase
        };
        for (purchase, reason) in [
            (
                Purchase { currency: Currency::from_code("USD").unwrap(), ..purchase() },
                Reason::CurrencyNotAccepted,
            ),
            (Purchase { lines: Vec::new(), ..purchase() }, Reason::BasketEmpty),
            (
                Purchase { lines: vec![purchase().lines[0].clone(); 201], ..purchase() },
                Reason::TooManyLines,
            ),
            (Purchase { claimed_total: yen(323), ..purchase() }, Reason::TotalMismatch),
            (with_line(|line| line.quantity = 0), Reason::QuantityInvalid),
            (with_line(|line| line.quantity = 10_000), Reason::QuantityInvalid),
            (with_line(|line| line.discount = yen(301)), Reason::AmountInvalid),
            (with_line(|line| line.discount = yen(300)), Reason::AmountInvalid),
            (with_line(|line| line.unit_price = Amount::MAX), Reason::AmountOverflow),
        ] {
            assert_eq!(build(purchase).unwrap_err(), reason);
        }
    }

    #[test]
    fn a_repeat_has_the_same_digest_and_another_content_another() {
        let digest = |purchase| build(purchase).unwrap().terms.request;
        let own = digest(purchase());
        let till = place(TerminalKind::PointOfSale);
        let later = super::build(&till, purchase(), &Rules::default(), 60_000, NOW_MS + 5);
        assert_eq!(later.unwrap().terms.request, own, "the time of asking is not in it");
        let mut cheaper = purchase();
        cheaper.lines[0].discount = yen(100);
        cheaper.claimed_total = yen(216);
        let mut renamed = purchase();
        renamed.lines[0].name = ProductName::new("Teb").unwrap();
        for other in [
            cheaper,
            renamed,
            Purchase { payer: Payer::Customer("C-2".parse().unwrap()), ..purchase() },
            Purchase { payment: payment(2), ..purchase() },
        ] {
            assert_ne!(digest(other), own);
        }
    }
}
