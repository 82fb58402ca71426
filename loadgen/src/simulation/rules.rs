//! The numbers that the simulated engine decides by, and that the judge knows by itself.

use kessai_engine::Rules;

/// Wrong proofs that a payment bears.
pub(super) const TRIES_PER_PAYMENT: u8 = 3;
/// Wrong proofs in a row that block a customer.
pub(super) const TRIES_IN_ROW: u8 = 5;
/// Payments that may wait for one customer at a time.
pub(super) const OPEN_PER_CUSTOMER: u8 = 2;
/// How far ahead of the gateway's clock an id may be.
pub(super) const ID_TOLERANCE_MS: u64 = 5_000;
/// How long a customer may take to answer.
pub(super) const PROMPT_MS: u64 = 10_000;
/// How long a machine may take to report delivery.
pub(super) const DELIVERY_MS: u64 = 15_000;

/// How long payments stay in memory: longer than any can be open, with what ids may be ahead.
pub(super) const MEMORY_MS: u64 = PROMPT_MS + DELIVERY_MS + ID_TOLERANCE_MS + 1_000;

/// Rules by which nobody is asked or declined too often: how often is not what is tried here.
pub(super) fn rules() -> Rules {
    Rules {
        tries_per_payment: TRIES_PER_PAYMENT,
        tries_in_row: TRIES_IN_ROW,
        open_per_customer: OPEN_PER_CUSTOMER,
        id_tolerance_ms: ID_TOLERANCE_MS,
        delivery_ms: DELIVERY_MS,
        asks_per_minute: u32::MAX,
        mute_after: 0,
        declines_per_terminal_per_minute: u32::MAX,
        ..Rules::default()
    }
}
