//! The numbers that the engine decides by. Each is a setting of the gateway.

use crate::calendar::Calendar;

/// Whether shops may name customers by their plain ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainIds {
    /// They may, unless a customer's own policy says otherwise (the patent's way).
    Allowed,
    /// Presentment codes only.
    Refused,
}

/// What a shop is told of a decline before approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Only that the payment is not honoured.
    Nothing,
    /// That the funds are insufficient, of a payment by presentment code: whoever showed the code
    /// stands at the till.
    FundsWithCode,
}

/// The numbers that the engine decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Wrong proofs that a payment bears: the last one declines it (the patent: 1).
    pub tries_per_payment: u8,
    /// Wrong proofs in a row, over all payments, that block a customer.
    ///
    /// # Source
    /// PSD2 RTS (EU) 2018/389, article 4(3)(b): five at most.
    pub tries_in_row: u8,
    /// Payments that may wait for one customer at a time.
    pub open_per_customer: u8,
    /// Payments that may be pending for one terminal at a time.
    pub open_per_terminal: u32,
    /// Payments that may be pending in all.
    pub open_in_all: u32,
    /// Payments kept in memory: beyond it new ones are refused.
    pub payments_in_memory: usize,
    /// How far ahead of our clock the time in a payment id may be, in milliseconds.
    pub id_tolerance_ms: u64,
    /// Whether shops may name customers by their plain ids.
    pub plain_ids: PlainIds,
    /// How often a customer may be asked, or an open be declined, by plain id in a minute.
    pub asks_per_minute: u32,
    /// After how many payments by plain id that nobody approved a customer is asked no more, at
    /// most [`crate::RECENT_IN_VAIN`]; 0 for never.
    pub mute_after: u8,
    /// How long each of these counts, in milliseconds.
    pub mute_window_ms: u64,
    /// How many opens of a terminal may be declined in a minute: then it is refused for the rest.
    pub declines_per_terminal_per_minute: u32,
    /// What a shop is told of a decline before approval.
    pub disclosure: Disclosure,
    /// How long a machine may take to report delivery, in milliseconds.
    pub delivery_ms: u64,
    /// Which business day an instant belongs to.
    pub calendar: Calendar,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            tries_per_payment: 3,
            tries_in_row: 5,
            open_per_customer: 1,
            open_per_terminal: 64,
            open_in_all: 1 << 20,
            payments_in_memory: 50_000_000,
            id_tolerance_ms: 30_000,
            plain_ids: PlainIds::Allowed,
            asks_per_minute: 10,
            mute_after: 3,
            mute_window_ms: 600_000,
            declines_per_terminal_per_minute: 60,
            disclosure: Disclosure::Nothing,
            delivery_ms: 120_000,
            calendar: Calendar::default(),
        }
    }
}
