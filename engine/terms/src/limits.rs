//! Every bound that both sides must agree on, and how the bounds relate.
//!
//! What an operator may set stands in the gateway's configuration; here stands what the format
//! itself, or a field of ISO 8583, fixes. The assertions at the end hold the bounds together: one
//! that no longer fits its neighbours does not compile.

/// The longest customer id, in characters.
pub const MAX_CUSTOMER_ID: usize = 23;
/// The longest terminal id, in characters (ISO 8583 data element 41).
pub const MAX_TERMINAL_ID: usize = 8;
/// The longest store id, in characters (ISO 8583 data element 42).
pub const MAX_STORE_ID: usize = 15;
/// The longest merchant id, in characters.
pub const MAX_MERCHANT_ID: usize = 15;
/// The longest id of a store controller, in characters.
pub const MAX_CONTROLLER_ID: usize = 15;
/// The longest id of a carrier hub, in characters.
pub const MAX_HUB_ID: usize = 15;

/// The greatest approval number (ISO 8583 data element 38, 6 digits).
pub const MAX_APPROVAL_NUMBER: u32 = 999_999;
/// The greatest reference (ISO 8583 data element 37, 12 digits).
pub const MAX_REFERENCE: u64 = 999_999_999_999;

/// The longest product name, in characters.
pub const MAX_PRODUCT_NAME: usize = 64;
/// The longest name of a store, in characters (ISO 8583 data element 43).
pub const MAX_STORE_NAME: usize = 40;
/// The longest name of a merchant, in characters.
pub const MAX_MERCHANT_NAME: usize = 40;

/// The greatest amount that any single sum may reach, in minor units.
pub const MAX_AMOUNT_MINOR: u64 = 999_999_999_999_999;
/// The greatest payment, in minor units (ISO 8583 data element 4, 12 digits).
pub const MAX_PAYMENT_MINOR: u64 = 999_999_999_999;
/// The most lines that a purchase list may have.
pub const MAX_LINES: usize = 200;
/// The greatest quantity on one line.
pub const MAX_QUANTITY: u32 = 9_999;
/// The highest rate of tax, in hundredths of a per cent.
pub const MAX_TAX_RATE_BASIS_POINTS: u16 = 5_000;

/// The longest reference of a credit or debit, in characters.
pub const MAX_TRANSFER_REFERENCE: usize = 64;
/// The longest number of a handset, in characters.
pub const MAX_MOBILE_NUMBER: usize = 20;
/// The longest address for e-mail, in characters (RFC 5321 section 4.5.3.1.3, without brackets).
pub const MAX_EMAIL: usize = 254;
/// The longest name of a person, in characters.
pub const MAX_PERSON_NAME: usize = 60;
/// The longest code of a bank or a branch, in characters.
pub const MAX_BANK_CODE: usize = 15;
/// The longest account number, in characters (ISO 13616-1: an IBAN has at most 34).
pub const MAX_ACCOUNT_NUMBER: usize = 34;

/// The longest frame that a peer may send to the gateway, in bytes.
pub const MAX_FRAME_TO_GATEWAY: usize = 32 * 1024;
/// The longest frame that the gateway sends to a peer, in bytes.
pub const MAX_FRAME_TO_PEER: usize = 64 * 1024;
/// The longest echo, in bytes.
pub const MAX_ECHO: usize = 1_024;
/// The longest name of client software, in characters.
pub const MAX_SOFTWARE_NAME: usize = 64;

/// The shortest password, in characters.
pub const MIN_PASSWORD: usize = 6;
/// The longest password, in bytes of UTF-8, so that nobody makes a handset stretch a novel.
pub const MAX_PASSWORD_BYTES: usize = 512;
/// The most wrong proofs in a row that a customer has, over all devices and payments.
///
/// # Source
/// Commission Delegated Regulation (EU) 2018/389, article 4(3)(b).
pub const MAX_WRONG_PROOFS_IN_A_ROW: u8 = 5;

/// The most that one line takes in a frame besides its name, in bytes: a bar code, a price, a
/// quantity, a discount, a line total, a tax and the tags and lengths of all these.
const LINE_BESIDES_NAME: usize = 80;
/// The most that a confirmation adds to the purchase list that it repeats, in bytes: names and ids
/// of the payee, times, expiry, rate, totals, and the prompt around it.
const CONFIRMATION_BESIDES_LINES: usize = 2 * 1024;
/// The most that one line grows from the purchase list to the confirmation, in bytes.
const LINE_GROWTH: usize = 24;
/// A long name as shops print them: 24 Japanese characters of 3 bytes.
const LONG_SHOP_NAME: usize = 24 * 3;

const _: () = {
    assert!(MAX_PAYMENT_MINOR <= MAX_AMOUNT_MINOR, "a payment is an amount");
    assert!(
        MAX_AMOUNT_MINOR < 1 << 53,
        "an amount survives a reader that keeps numbers as doubles"
    );
    assert!(
        MAX_AMOUNT_MINOR.checked_mul(10_000 + 5_000).is_some(),
        "an amount times a rate fits 64 bits"
    );
    assert!(MAX_TAX_RATE_BASIS_POINTS == 5_000, "the assertion before this one names the rate");
    assert!(
        MAX_LINES * (LINE_BESIDES_NAME + LONG_SHOP_NAME) <= MAX_FRAME_TO_GATEWAY,
        "a full purchase list with long names fits a frame"
    );
    assert!(
        MAX_FRAME_TO_GATEWAY + MAX_LINES * LINE_GROWTH + CONFIRMATION_BESIDES_LINES
            <= MAX_FRAME_TO_PEER,
        "what a terminal could send, a handset can be shown"
    );
    assert!(MAX_ECHO < MAX_FRAME_TO_GATEWAY, "an echo fits a frame");
    assert!(MIN_PASSWORD < MAX_PASSWORD_BYTES, "there are passwords to choose from");
};
