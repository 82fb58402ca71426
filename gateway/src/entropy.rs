//! Where nonces and seeds come from: injected, so that a simulation can repeat them.

/// Fills bytes that nobody can foresee.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the whole of `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// If the operating system gives no randomness: nothing can be kept secret then.
    fn fill(&self, out: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "without randomness there is no way to go on")]
        aws_lc_rs::rand::fill(out).expect("the operating system gives randomness");
    }
}

/// Draws a fixed number of bytes.
pub fn draw<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
