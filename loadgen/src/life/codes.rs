//! Presentment codes at the till: shown, mistyped, and tried once more after they were used.

use kessai_client::CallError;
use kessai_client::wire::{Payer, Purchase};
use kessai_engine::terms::{PresentmentCode, Reason};

use super::desk::Till;
use crate::course::Naming;
use crate::ledger::Slip;
use crate::messages::{Message, Sending};

/// Learns who pays: from the customer, or from the code that the handset shows. Nothing, if no code
/// is to be had; then the till knows what came of it.
pub(super) async fn payer(
    till: &Till,
    seat: usize,
    naming: Naming,
    purchase: &Purchase,
) -> Option<Payer> {
    if naming == Naming::Id {
        return Some(purchase.payer);
    }
    let handset = till.world.handsets.get(seat)?;
    let messages = &till.world.messages;
    let code =
        match messages.send(Message::PresentCode, Sending::First, handset.present_code()).await {
            Ok(shown) => shown.code,
            Err(CallError::Refused(refusal)) => {
                till.refused(refusal.reason);
                return None;
            }
            Err(error) => {
                till.doubt(&error);
                till.find_out().await;
                return None;
            }
        };
    if naming == Naming::MistypedCode
        && let Some(mistyped) = mistyped(code)
    {
        slip(till, Purchase { payer: Payer::Code(mistyped), ..purchase.clone() }).await;
    }
    Some(Payer::Code(code))
}

/// Tries a code again for another payment, if the first has come into being and so used it up.
pub(super) async fn try_again(till: &Till, purchase: Purchase) {
    let record = till.world.ledger.record(&till.payment);
    let is_used = record.is_some_and(|record| {
        record.refused.is_none() && record.terminal.iter().any(|told| told.amount.is_some())
    });
    if is_used {
        slip(till, purchase).await;
    }
}

/// Sends a code that is none, under an id of its own, and writes down what is answered.
async fn slip(till: &Till, purchase: Purchase) {
    let payment = till.terminal.payment_id();
    let refused = match till.pay(Purchase { payment, ..purchase }).await {
        Err(CallError::Refused(refusal)) => Some(refusal.reason),
        Err(error) => {
            till.doubt(&error);
            None
        }
        // The audit finds it.
        Ok(_) => Some(Reason::Approved),
    };
    till.world.ledger.slipped(till.payment, Slip { payment, refused });
}

/// What a code becomes when other digits are typed, and the check digit fits by chance.
fn mistyped(code: PresentmentCode) -> Option<PresentmentCode> {
    /// Shifts several digits.
    const SHIFT: u32 = 37_010_203;
    let random: u32 = code.as_str().get(1..9)?.parse().ok()?;
    let other = random.checked_add(SHIFT)? % PresentmentCode::RANDOM_BELOW;
    PresentmentCode::new(code.partition(), other)
}

#[cfg(test)]
mod tests {
    use super::mistyped;

    #[test]
    fn a_mistyped_code_is_another_one_that_could_be() {
        for text in ["012 345 6782", "0000000001"] {
            let Ok(code) = text.parse::<kessai_engine::terms::PresentmentCode>() else { continue };
            let other = mistyped(code).unwrap();
            assert!(other != code && other.partition() == code.partition());
        }
    }
}
