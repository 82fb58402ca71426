//! The one table of reasons.

use crate::reason::Stage;

/// What the clerk reads of every decline before approval, so that they cannot be told apart.
const UNTOLD: &str = "Not approved. Please ask for another way to pay.";

macro_rules! reasons {
    ($($(#[$doc:meta])+ $variant:ident = $number:literal, $name:literal, $field39:literal,
        $stage:ident, $clerk:expr, $customer:literal;)+) => {
        /// Says why a payment did not go on, or that it did.
        ///
        /// Reasons order by their numbers, which is their precedence.
        ///
        /// # Source
        /// ISO 8583:1987 data element 39, for the two characters of [`Reason::field39`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Reason {
            $($(#[$doc])+ $variant = $number,)+
        }

        impl Reason {
            /// Every reason, by rising number.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Tells the number, by which the reason is stored and sent.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// Finds a reason by its number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Tells the name that logs and reports use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Tells the response code of ISO 8583 data element 39.
            #[must_use]
            pub const fn field39(self) -> &'static str {
                match self { $(Self::$variant => $field39,)+ }
            }

            /// Tells at which point the reason arises.
            #[must_use]
            pub const fn stage(self) -> Stage {
                match self { $(Self::$variant => Stage::$stage,)+ }
            }

            /// Tells the sentence for the customer, on the handset.
            #[must_use]
            pub const fn customer_text(self) -> &'static str {
                match self { $(Self::$variant => $customer,)+ }
            }

            pub(super) const fn own_clerk_text(self) -> &'static str {
                match self { $(Self::$variant => $clerk,)+ }
            }
        }
    };
}

reasons! {
    /// The customer has paid.
    Approved = 0, "approved", "00", End,
        "Approved.",
        "Paid.";
    // Refusals.
    /// The message cannot be understood.
    Malformed = 10, "malformed", "30", Refusal,
        "Error in the message. Please tell the supplier of this terminal.",
        "The request was not understood.";
    /// The peer speaks no version that the gateway speaks.
    VersionUnsupported = 11, "version_unsupported", "30", Refusal,
        "This terminal needs an update.",
        "Please update the app.";
    /// A peer of this role may not ask for this.
    RoleNotPermitted = 12, "role_not_permitted", "58", Refusal,
        "This terminal may not do that.",
        "This device may not do that.";
    /// The identity named is not enrolled for the key of the connection.
    IdentityNotOfKey = 13, "identity_not_of_key", "58", Refusal,
        "This terminal is not registered.",
        "This device is not registered.";
    /// The register does not know the terminal, or it was withdrawn.
    TerminalUnknown = 14, "terminal_unknown", "58", Refusal,
        "This terminal is not registered.",
        "The shop's terminal is not registered.";
    /// The store or its merchant may not take payments now.
    StoreSuspended = 15, "store_suspended", "03", Refusal,
        "This store cannot take payments now.",
        "This shop cannot take payments now.";
    /// The gateway is stopping.
    ShuttingDown = 16, "shutting_down", "91", Refusal,
        "The service is restarting. Please try again.",
        "The service is restarting. Please try again.";
    /// The gateway has as much to do as it can bear.
    Busy = 17, "busy", "91", Refusal,
        "The service is busy. Please try again.",
        "The service is busy. Please try again.";
    /// The peer asks more often than it may.
    TooManyRequests = 18, "too_many_requests", "91", Refusal,
        "Too many requests. Please wait a moment.",
        "Too many requests. Please wait a moment.";
    /// The terminal has as many open payments as it may.
    TooManyPending = 19, "too_many_pending", "91", Refusal,
        "Too many payments are open at this terminal.",
        "Too many payments are open.";
    /// The payment id is no UUID of version 7.
    PaymentIdInvalid = 20, "payment_id_invalid", "30", Refusal,
        "Error in the payment's number. Please start again.",
        "The payment's number is not valid.";
    /// The payment id was made later than the gateway's clock allows.
    PaymentIdFromFuture = 21, "payment_id_from_future", "12", Refusal,
        "This terminal's clock is wrong. Please start again.",
        "The payment's number is not valid.";
    /// The payment id was used before, with other content.
    PaymentIdReused = 22, "payment_id_reused", "94", Refusal,
        "This payment's number was used before. Please start again.",
        "The payment's number was used before.";
    /// The enrolment is refused, whatever the fault: whoever guesses codes is told nothing.
    EnrolmentRefused = 23, "enrolment_refused", "58", Refusal,
        "This terminal could not be registered. Please ask for a new code.",
        "This device could not be registered. Please ask for a new code.";
    /// The processor has frozen the terminal.
    TerminalFrozen = 24, "terminal_frozen", "58", Refusal,
        "This terminal is out of use. Please call the processor.",
        "This terminal is out of use.";
    /// The payment is above what the terminal may take, at once or in a day.
    TerminalLimit = 25, "terminal_limit", "61", Refusal,
        "The payment is above this terminal's limit.",
        "The payment is above the terminal's limit.";
    /// The disks that the journal is on are nearly full: payments that are open can still end.
    StorageLow = 26, "storage_low", "91", Refusal,
        "The service takes no new payments now. Please try later.",
        "The service takes no new payments now. Please try later.";
    /// The payment id was made so long ago that a payment that used it may have left the memory.
    PaymentIdTooOld = 27, "payment_id_too_old", "12", Refusal,
        "This payment's number is too old. Please start again.",
        "The payment's number is not valid.";
    /// The purchase list has no line.
    BasketEmpty = 30, "basket_empty", "30", Refusal,
        "The purchase list is empty.",
        "The purchase list is empty.";
    /// The purchase list has more lines than allowed.
    TooManyLines = 31, "too_many_lines", "30", Refusal,
        "The purchase list is too long.",
        "The purchase list is too long.";
    /// A text is empty or has characters that cannot be shown safely.
    TextForbidden = 32, "text_forbidden", "30", Refusal,
        "A product's name cannot be shown.",
        "A product's name cannot be shown.";
    /// A text is longer than allowed.
    TextTooLong = 33, "text_too_long", "30", Refusal,
        "A product's name is too long.",
        "A product's name is too long.";
    /// A bar code has a wrong length or check digit.
    ProductCodeInvalid = 34, "product_code_invalid", "30", Refusal,
        "A bar code is wrong. Please scan it again.",
        "A product code is wrong.";
    /// The catalogue does not have the product.
    ProductUnknown = 35, "product_unknown", "30", Refusal,
        "A product is not in the catalogue.",
        "A product is not known.";
    /// A quantity is zero or greater than allowed.
    QuantityInvalid = 36, "quantity_invalid", "13", Refusal,
        "A quantity is wrong.",
        "A quantity is wrong.";
    /// An amount is zero, negative or not possible.
    AmountInvalid = 37, "amount_invalid", "13", Refusal,
        "An amount is wrong.",
        "An amount is wrong.";
    /// An amount is greater than allowed.
    AmountOverflow = 38, "amount_overflow", "13", Refusal,
        "The amount is too great.",
        "The amount is too great.";
    /// The lines do not add up to the total.
    TotalMismatch = 39, "total_mismatch", "13", Refusal,
        "The lines do not add up to the total.",
        "The lines do not add up to the total.";
    /// There is no such currency.
    CurrencyUnknown = 40, "currency_unknown", "12", Refusal,
        "The currency is not known.",
        "The currency is not known.";
    /// The store does not take this currency; or, declined on record, the customer has none of it.
    CurrencyNotAccepted = 41, "currency_not_accepted", "12", Refusal,
        "This store does not take that currency.",
        "This shop does not take that currency.";
    /// There is no rate of exchange for the currency.
    RateMissing = 42, "rate_missing", "12", Decline,
        UNTOLD,
        "There is no rate of exchange for this currency.";
    /// The rate of exchange is too old.
    RateStale = 43, "rate_stale", "12", Decline,
        UNTOLD,
        "The rate of exchange is too old. Please try later.";
    /// The customer id is not in the registered form.
    CustomerIdInvalid = 44, "customer_id_invalid", "30", Refusal,
        "The customer's number is wrong. Please enter it again.",
        "The customer number is wrong.";
    /// The processor takes presentment codes only.
    CodesOnly = 45, "codes_only", "57", Refusal,
        "Please ask the customer for the code that the handset shows.",
        "Please show the code on your handset.";
    /// The presentment code is unknown, used, expired or mistyped.
    CodeNotValid = 46, "code_not_valid", "14", Refusal,
        "The code is not valid. Please ask the customer for a new one.",
        "The code is not valid. Please make a new one.";
    /// The terminal has no such payment.
    PaymentUnknown = 50, "payment_unknown", "25", Refusal,
        "This payment was not found.",
        "This payment was not found.";
    /// The payment is in a state that does not allow this.
    StateForbids = 51, "state_forbids", "12", Refusal,
        "The payment's state does not allow this.",
        "The payment's state does not allow this.";
    /// More is asked for than was captured.
    AmountAboveCapture = 52, "amount_above_capture", "12", Refusal,
        "The amount is more than was paid.",
        "The amount is more than was paid.";
    // Declines as a payment is opened.
    /// The customer pays by presentment code only.
    CodeRequired = 59, "code_required", "57", Decline,
        UNTOLD,
        "A shop asked by your customer number, but you pay by code only.";
    /// There is no such customer, or the account is closed.
    CustomerUnknown = 60, "customer_unknown", "14", Decline,
        UNTOLD,
        "This account does not exist.";
    /// The processor has frozen the customer.
    CustomerFrozen = 61, "customer_frozen", "57", Decline,
        UNTOLD,
        "Your account is frozen. Please call us.";
    /// The customer is blocked after too many wrong passwords.
    TriesExhausted = 62, "tries_exhausted", "75", Decline,
        UNTOLD,
        "Too many wrong passwords: your account is blocked. Please call us.";
    /// The customer was asked too often and is left in peace for a while.
    Muted = 63, "muted", "57", Decline,
        UNTOLD,
        "A shop asked too often, so its requests are held back for a while.";
    /// The customer has no handset enrolled.
    NoDevice = 64, "no_device", "57", Decline,
        UNTOLD,
        "No handset is registered for your account.";
    /// The customer has another payment open.
    PromptOpen = 65, "prompt_open", "65", Decline,
        UNTOLD,
        "Another payment is waiting for your answer.";
    /// The payment is above the customer's limit for one.
    PaymentLimit = 66, "payment_limit", "61", Decline,
        UNTOLD,
        "This payment is above your limit.";
    /// The payment would exceed the customer's limit for a day.
    DayLimit = 67, "day_limit", "61", Decline,
        UNTOLD,
        "This payment would exceed your limit for today.";
    /// The customer has paid as many times as allowed.
    CountLimit = 68, "count_limit", "65", Decline,
        UNTOLD,
        "You have reached today's number of payments.";
    /// The customer has not enough to spend.
    InsufficientFunds = 69, "insufficient_funds", "51", Decline,
        UNTOLD,
        "Your balance is not sufficient.";
    // Collation.
    /// The proof answers a prompt that is no longer current; it is not counted.
    PromptStale = 70, "prompt_stale", "12", Collation,
        UNTOLD,
        "The request was renewed. Please enter your password again.";
    /// The proof is wrong; it is counted.
    ProofRefused = 71, "proof_refused", "55", Collation,
        UNTOLD,
        "Wrong password. Please try again.";
    /// The last try of this payment was wrong, which declines it.
    TriesExceeded = 72, "tries_exceeded", "75", Collation,
        UNTOLD,
        "Wrong password. The payment is declined.";
    // Ends.
    /// The customer cancelled.
    CancelledByCustomer = 80, "cancelled_by_customer", "17", End,
        "The customer cancelled.",
        "You cancelled the payment.";
    /// The terminal cancelled.
    CancelledByTerminal = 81, "cancelled_by_terminal", "21", End,
        "Cancelled at this terminal.",
        "The shop cancelled the payment.";
    /// A payment with a presentment code took the place of this one.
    PreEmpted = 82, "pre_empted", "57", End,
        "Not approved. Please start again.",
        "Another payment took this one's place.";
    /// Time ran out before the handset was reached.
    ExpiredUnseen = 83, "expired_unseen", "68", End,
        "The customer's handset was not reached in time.",
        "The payment expired before it reached your handset.";
    /// Time ran out before the customer answered.
    ExpiredUnanswered = 84, "expired_unanswered", "68", End,
        "The customer did not answer in time.",
        "The payment expired before you answered.";
    /// The machine could not hand the goods out, or did not say in time that it had.
    NotDispensed = 85, "not_dispensed", "21", End,
        "Nothing was dispensed. The payment is taken back.",
        "Nothing was dispensed. Your money is back.";
    /// The terminal took the payment back.
    ReversedOnRequest = 86, "reversed_on_request", "21", End,
        "The payment is taken back.",
        "The shop took the payment back. Your money is back.";
    // What a terminal is told of a decline.
    /// The payment is declined; a terminal is not told why.
    NotHonoured = 90, "not_honoured", "05", Decline,
        UNTOLD,
        "The payment is declined.";
}
