//! Bounds what may come over a connection, and relates the bounds at compile time.

pub use kessai_terms::limits::{
    MAX_ECHO, MAX_FRAME_TO_GATEWAY, MAX_FRAME_TO_PEER, MAX_LINES, MAX_QUANTITY, MAX_SOFTWARE_NAME,
};

/// Longest varint before a frame.
///
/// # Units
/// Bytes.
pub const MAX_LENGTH_PREFIX: usize = 3;

/// Longest message of an enrolment, in either direction.
///
/// # Units
/// Bytes, without the length before it.
pub const MAX_ENROLMENT_FRAME: usize = 1024;

/// Longest route token.
///
/// # Units
/// Bytes.
pub const MAX_ROUTE: usize = 64;

/// Most protocol versions that a Hello may list.
pub const MAX_VERSIONS: usize = 16;

/// Bidirectional streams that a peer may have open at once.
pub const MAX_STREAMS: u32 = 16;

/// Most payments in a list of recent ones.
pub const MAX_RECENT: usize = 16;

/// What a notice takes at most with its signature: numbers, times and amounts, two names, a price in
/// another currency. Names have at most 40 characters of at most 4 bytes.
const SIGNED_NOTICE: usize = 1024;

/// What a confirmation adds to a line of a basket: the field of its total (tag, varint of the
/// greatest amount), and a byte that the line's own length may grow by.
const ADDED_TO_A_LINE: usize = 1 + 8 + 1;

/// What a confirmation adds for a rate of tax, at most one a line: kind, rate, base and tax, and
/// the frame around them.
const ADDED_FOR_A_RATE: usize = 2 + 3 + 9 + 9 + 2;

/// What a prompt holds besides the basket: ids and names of both sides, totals, times, nonce,
/// envelope. Names have at most 40 characters of at most 4 bytes.
const AROUND_A_BASKET: usize = 1024;

const _: () = {
    assert!(
        MAX_FRAME_TO_GATEWAY + MAX_LINES * (ADDED_TO_A_LINE + ADDED_FOR_A_RATE) + AROUND_A_BASKET
            <= MAX_FRAME_TO_PEER,
        "a basket that came through the gateway's door fits into the prompt that shows it"
    );
    assert!(
        MAX_RECENT * SIGNED_NOTICE <= MAX_FRAME_TO_PEER,
        "a list of recent payments fits into a frame"
    );
    assert!(
        MAX_FRAME_TO_PEER < 1 << (7 * MAX_LENGTH_PREFIX),
        "every allowed length fits into the longest prefix"
    );
};
