//! The numbers that the engine decides by. Each is a setting of the gateway.

use crate::calendar::Calendar;

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
            delivery_ms: 120_000,
            calendar: Calendar::default(),
        }
    }
}
