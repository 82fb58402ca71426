//! Turns a purchase into an offer: payee from the register, times from our clock, every sum
//! checked, the confirmation encoded and digested once.

use bytes::{Bytes, BytesMut};
use kessai_engine::terms::collation::content_digest;
use kessai_engine::terms::{Amount, Basket, Currency, CustomerId, Reason};
use kessai_engine::{
    Capture, Charge, NamedBy, Offer, Place, RequestDigest, Rules, TerminalKind, Terms,
};
use kessai_wire::v1::ToGateway;
use kessai_wire::{Call, CaptureTerms, Confirmation, Exchange, Purchase, Request, RequestId};
use kessai_wire::{TerminalRequest, frame};

use crate::rates::Table;

/// Who is to pay, once an id or a code has been resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payer {
    pub(crate) customer: CustomerId,
    pub(crate) named_by: NamedBy,
    /// What their balance is kept in; none if there is no such customer.
    pub(crate) currency: Option<Currency>,
}

/// What an offer depends on besides the purchase itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) rates: &'a Table,
    /// How long the customer may take to answer.
    pub(crate) prompt_ms: u64,
    pub(crate) now_ms: u64,
}

/// Builds the offer of a purchase at `place`, whose request has the digest `request`.
///
/// # Errors
/// The reason why there can be none: the basket, its total or its currency.
pub(crate) fn build(
    place: &Place,
    purchase: Purchase,
    request: RequestDigest,
    payer: &Payer,
    around: Surroundings<'_>,
) -> Result<Offer, Reason> {
    let Surroundings { rules, now_ms, .. } = around;
    // A machine that took money at approval would keep it for goods that did not come out.
    if purchase.capture != capture_of(place.terminal.kind) {
        return Err(Reason::RoleNotPermitted);
    }
    if purchase.currency != place.store.currency {
        return Err(Reason::CurrencyNotAccepted);
    }
    let (capture, shown_capture) = match purchase.capture {
        kessai_wire::Capture::AtApproval => (Capture::AtApproval, CaptureTerms::AtApproval),
        kessai_wire::Capture::OnDelivery => {
            let within_ms = u32::try_from(rules.delivery_ms).unwrap_or(u32::MAX);
            (Capture::OnDelivery, CaptureTerms::OnDelivery { within_ms })
        }
    };
    let basket = Basket::check(purchase.lines, place.store.rounding, purchase.claimed_total)?;
    let (charge, unpriced) = match charge(basket.total(), purchase.currency, payer, around) {
        Ok(charge) => (charge, None),
        // Declined on record, and never shown: the shop must not learn from it who has which
        // currency.
        Err(reason) => (plain(basket.total(), purchase.currency), Some(reason)),
    };
    let exchange = charge.foreign.map(|foreign| Exchange {
        total: charge.amount.of(charge.currency),
        rate: foreign.rate,
        markup_bp: foreign.markup_basis_points,
    });
    let expires_at_ms = now_ms.saturating_add(around.prompt_ms);
    let confirmation = Confirmation {
        payment: purchase.payment,
        terminal: place.terminal.id,
        merchant: place.merchant.id,
        merchant_name: place.merchant.name.clone(),
        store: place.store.id,
        store_name: place.store.name.clone(),
        customer: payer.customer,
        basket,
        currency: purchase.currency,
        exchange,
        opened_at_ms: now_ms,
        utc_offset_minutes: i16::try_from(rules.calendar.utc_offset_minutes).unwrap_or(0),
        expires_at_ms,
        capture: shown_capture,
    }
    .encode();
    let terms = Terms {
        payment: purchase.payment,
        terminal: place.terminal.id,
        store: place.store.id,
        merchant: place.merchant.id,
        charge,
        capture,
        named_by: payer.named_by,
        request,
        content: content_digest(&confirmation),
    };
    let customer = payer.customer;
    Ok(Offer { terms, customer, expires_at_ms, received_at_ms: now_ms, unpriced, confirmation })
}

/// What a price takes from the payer: converted if their balance is in another currency.
fn charge(
    price: Amount,
    currency: Currency,
    payer: &Payer,
    around: Surroundings<'_>,
) -> Result<Charge, Reason> {
    match payer.currency {
        Some(own) if own != currency => {
            let quotation = around.rates.find(currency, own, around.now_ms)?;
            let (amount, foreign) = quotation
                .convert(price, currency, own)
                .map_err(|_out_of_range| Reason::AmountOverflow)?;
            // A price may come to nothing in a currency of greater units.
            if amount.is_zero() {
                return Err(Reason::AmountInvalid);
            }
            Ok(Charge { amount, currency: own, foreign: Some(foreign) })
        }
        Some(_) | None => Ok(plain(price, currency)),
    }
}

const fn plain(amount: Amount, currency: Currency) -> Charge {
    Charge { amount, currency, foreign: None }
}

/// When a terminal of that kind may have its money.
const fn capture_of(kind: TerminalKind) -> kessai_wire::Capture {
    match kind {
        TerminalKind::PointOfSale => kessai_wire::Capture::AtApproval,
        TerminalKind::Vending => kessai_wire::Capture::OnDelivery,
    }
}

/// Tells a repeat from another request: the digest of what was asked, in one canonical form.
///
/// # Errors
/// [`Reason::Malformed`] if it is too long to be sent.
pub(crate) fn digest(place: &Place, purchase: &Purchase) -> Result<RequestDigest, Reason> {
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
        Capture, Limits, Merchant, NamedBy, Offer, Place, Register, RegisterChange, Rules,
        Standing, Store, Terminal, TerminalKind,
    };
    use kessai_wire::{CaptureTerms, Confirmation, Purchase};

    use super::{Payer, Surroundings};
    use crate::rates::Table;
    use crate::testing::{NOW_MS, payment};

    fn place(kind: TerminalKind) -> Place {
        let mut register = Register::default();
        let id = |text: &str| text.parse().unwrap();
        for change in [
            RegisterChange::Merchant(Merchant {
                id: "MERCHANT1".parse().unwrap(),
                name: MerchantName::new("Suzuki").unwrap(),
                invoice_number: None,
            }),
            RegisterChange::Store(Store {
                id: "STORE1".parse().unwrap(),
                merchant: "MERCHANT1".parse().unwrap(),
                name: StoreName::new("Ueno").unwrap(),
                currency: Currency::JPY,
                rounding: Rounding::Down,
                standing: Standing::Active,
            }),
            RegisterChange::Terminal(Terminal {
                id: id("POS1"),
                store: "STORE1".parse().unwrap(),
                kind,
                pin: None,
                standing: Standing::Active,
                limits: Limits::default(),
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
            payer: kessai_wire::Payer::Customer("C-1".parse().unwrap()),
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

    fn build_at(
        place: &Place,
        purchase: Purchase,
        (own, rates): (Currency, &Table),
        now_ms: u64,
    ) -> Result<Offer, Reason> {
        let kessai_wire::Payer::Customer(customer) = purchase.payer else { panic!("a code") };
        let payer = Payer { customer, named_by: NamedBy::Id, currency: Some(own) };
        let rules = Rules::default();
        let around = Surroundings { rules: &rules, rates, prompt_ms: 60_000, now_ms };
        let request = super::digest(place, &purchase)?;
        super::build(place, purchase, request, &payer, around)
    }

    fn build(purchase: Purchase) -> Result<Offer, Reason> {
        let at_home = (Currency::JPY, &Table::default());
        build_at(&place(TerminalKind::PointOfSale), purchase, at_home, NOW_MS)
    }

    #[test]
    fn the_confirmation_shows_payee_sums_and_times_from_our_side() {
        let offer = build(purchase()).unwrap();
        let shown = Confirmation::decode(&offer.confirmation).unwrap();
        assert_eq!(shown.total(), yen(324).of(Currency::JPY));
        assert_eq!((shown.store_name.as_str(), shown.merchant_name.as_str()), ("Ueno", "Suzuki"));
        assert_eq!((shown.opened_at_ms, shown.expires_at_ms), (NOW_MS, NOW_MS + 60_000));
        assert_eq!(shown.capture, CaptureTerms::AtApproval);
        assert_eq!(offer.terms.content, content_digest(&offer.confirmation));
        assert_eq!(offer.terms.charge.amount, yen(324));
        assert_eq!(offer.expires_at_ms, NOW_MS + 60_000);
    }

    #[test]
    fn a_price_is_converted_into_the_payers_currency_and_shown_with_both() {
        let usd = Currency::from_code("USD").unwrap();
        let rates = Table::of(Currency::JPY, usd, "0.0064", 150, NOW_MS..NOW_MS + 1);
        let till = place(TerminalKind::PointOfSale);
        let offer = build_at(&till, purchase(), (usd, &rates), NOW_MS).unwrap();
        // 324 yen at 0.0064 with 1.5 per cent on top: 2.104704 dollars.
        let charge = offer.terms.charge;
        assert_eq!((charge.amount, charge.currency, offer.unpriced), (yen(210), usd, None));
        assert_eq!((charge.price(), charge.price_currency()), (yen(324), Currency::JPY));
        let shown = Confirmation::decode(&offer.confirmation).unwrap();
        assert_eq!(shown.total(), yen(210).of(usd));
        assert_eq!(shown.basket.total(), yen(324));
        let exchange = shown.exchange.unwrap();
        assert_eq!((exchange.rate.to_string().as_str(), exchange.markup_bp), ("0.006496", 150));
    }

    #[test]
    fn a_price_that_cannot_be_converted_is_still_an_offer_that_names_why() {
        let usd = Currency::from_code("USD").unwrap();
        let stale = Table::of(Currency::JPY, usd, "0.0064", 0, NOW_MS..NOW_MS + 1);
        let till = place(TerminalKind::PointOfSale);
        let all_time = || 0..NOW_MS + 1;
        let to_nothing = Table::of(Currency::JPY, usd, "0.00001", 0, all_time());
        let beyond = Table::of(Currency::JPY, usd, "9999999999999", 0, all_time());
        for (rates, now_ms, reason) in [
            (&Table::default(), NOW_MS, Reason::RateMissing),
            (&stale, NOW_MS + 1, Reason::RateStale),
            (&to_nothing, NOW_MS, Reason::AmountInvalid),
            (&beyond, NOW_MS, Reason::AmountOverflow),
        ] {
            let offer = build_at(&till, purchase(), (usd, rates), now_ms).unwrap();
            assert_eq!(offer.unpriced, Some(reason));
            assert_eq!(offer.terms.charge.currency, Currency::JPY);
        }
    }

    #[test]
    fn a_machine_is_given_time_to_deliver() {
        let machine = Purchase { capture: kessai_wire::Capture::OnDelivery, ..purchase() };
        assert_eq!(build(machine.clone()).unwrap_err(), Reason::RoleNotPermitted, "at a till");
        let place = place(TerminalKind::Vending);
        let at_home = (Currency::JPY, &Table::default());
        let build = |purchase| build_at(&place, purchase, at_home, NOW_MS);
        assert_eq!(build(purchase()).unwrap_err(), Reason::RoleNotPermitted, "at a machine");
        let offer = build(machine).unwrap();
        assert_eq!(offer.terms.capture, Capture::OnDelivery);
        let shown = Confirmation::decode(&offer.confirmation).unwrap();
        assert_eq!(shown.capture, CaptureTerms::OnDelivery { within_ms: 120_000 });
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
        let at_home = (Currency::JPY, &Table::default());
        let later = build_at(&till, purchase(), at_home, NOW_MS + 5);
        assert_eq!(later.unwrap().terms.request, own, "the time of asking is not in it");
        let mut cheaper = purchase();
        cheaper.lines[0].discount = yen(100);
        cheaper.claimed_total = yen(216);
        let mut renamed = purchase();
        renamed.lines[0].name = ProductName::new("Teb").unwrap();
        for other in [
            cheaper,
            renamed,
            Purchase { payer: kessai_wire::Payer::Customer("C-2".parse().unwrap()), ..purchase() },
            Purchase { payment: payment(2), ..purchase() },
        ] {
            assert_ne!(digest(other), own);
        }
    }
}
