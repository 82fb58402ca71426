//! The proof itself, its check, and what the gateway signs in return.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::collation::mac::{hash, labels, mac, mac_joined};
use crate::collation::{
    AuthMessage, ChannelBinding, ClientKey, ContentDigest, Outcome, Proof, ServerKey, Signature,
    StoredKey,
};
use crate::ids::PresentmentCode;

/// Makes the proof of one payment: the handset's half of the check.
///
/// # Source
/// RFC 5802 section 3: `ClientProof := ClientKey XOR HMAC(StoredKey, AuthMessage)`.
#[must_use]
pub fn prove(client_key: &ClientKey, stored_key: &StoredKey, auth: &AuthMessage) -> Proof {
    prove_over(client_key, stored_key, auth.as_bytes())
}

impl StoredKey {
    /// Checks a proof in constant time: the engine's half.
    ///
    /// # Source
    /// Step S31 of the patent; RFC 5802 section 3.
    #[must_use]
    pub fn verify(&self, auth: &AuthMessage, proof: &Proof) -> bool {
        self.verify_over(auth.as_bytes(), proof)
    }

    fn verify_over(&self, message: &[u8], proof: &Proof) -> bool {
        let mut client_key = xor(&proof.0, &mac(self.expose(), message));
        let found = hash(&client_key);
        client_key.zeroize();
        found.ct_eq(self.expose()).into()
    }
}

fn prove_over(client_key: &ClientKey, stored_key: &StoredKey, message: &[u8]) -> Proof {
    Proof(xor(client_key.expose(), &mac(stored_key.expose(), message)))
}

fn xor(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut result = *left;
    for (byte, other) in result.iter_mut().zip(right) {
        *byte ^= other;
    }
    result
}

impl ServerKey {
    /// Signs what became of a proof, so that the handset knows it from the gateway.
    #[must_use]
    pub fn sign_outcome(&self, auth: &AuthMessage, outcome: Outcome) -> Signature {
        let parts: [&[u8]; 3] = [labels::OUTCOME, auth.as_bytes(), &[outcome.byte()]];
        Signature(mac_joined(self.expose(), &parts))
    }

    /// Checks in constant time that an outcome was signed by the gateway.
    #[must_use]
    pub fn verify_outcome(
        &self,
        auth: &AuthMessage,
        outcome: Outcome,
        signature: &Signature,
    ) -> bool {
        self.sign_outcome(auth, outcome) == *signature
    }

    /// Signs a notice, its exact bytes, for the content that it is about.
    #[must_use]
    pub fn sign_notice(&self, digest: &ContentDigest, notice: &[u8]) -> Signature {
        Signature(mac_joined(self.expose(), &[labels::NOTICE, &digest.0, notice]))
    }

    /// Checks in constant time that a notice was signed by the gateway.
    #[must_use]
    pub fn verify_notice(
        &self,
        digest: &ContentDigest,
        notice: &[u8],
        signature: &Signature,
    ) -> bool {
        self.sign_notice(digest, notice) == *signature
    }

    /// Signs a presentment code for the connection on which it is given, so that the handset shows
    /// none but its own.
    #[must_use]
    pub fn sign_code(
        &self,
        channel: &ChannelBinding,
        code: &PresentmentCode,
        expires_at_ms: u64,
    ) -> Signature {
        let expiry = expires_at_ms.to_be_bytes();
        let parts: [&[u8]; 4] = [labels::CODE, &channel.0, code.as_str().as_bytes(), &expiry];
        Signature(mac_joined(self.expose(), &parts))
    }

    /// Checks in constant time that a presentment code was given to this handset, on this
    /// connection, until then.
    #[must_use]
    pub fn verify_code(
        &self,
        channel: &ChannelBinding,
        code: &PresentmentCode,
        expires_at_ms: u64,
        signature: &Signature,
    ) -> bool {
        self.sign_code(channel, code, expires_at_ms) == *signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collation::DeviceKeys;

    /// PBKDF2 for one block of output, which the proof here does not use and RFC 7677 does.
    fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
        let mut block = mac(password, &[salt, &[0, 0, 0, 1]].concat());
        let mut sum = block;
        for _ in 1..iterations {
            block = mac(password, &block);
            sum = xor(&sum, &block);
        }
        sum
    }

    /// The exchange of RFC 7677 section 3: user "user", password "pencil".
    #[test]
    fn the_exchange_of_rfc_7677() {
        // Base64 "W22ZaJ0SNY7soEsUEjb6gQ==".
        let salt = hex::decode("5b6d99689d12358eeca04b141236fa81").unwrap();
        let salted = salted_password(b"pencil", &salt, 4_096);
        let client_key = ClientKey::from_bytes(mac(&salted, b"Client Key"));
        let server_key = ServerKey::from_bytes(mac(&salted, b"Server Key"));
        let stored_key = client_key.stored_key();
        let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

        let proof = prove_over(&client_key, &stored_key, message.as_bytes());
        // Base64 "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".
        let expected = "747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554";
        assert_eq!(hex::encode(proof.0), expected);
        assert!(stored_key.verify_over(message.as_bytes(), &proof));
        assert!(!stored_key.verify_over(b"another message", &proof));

        // Base64 "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".
        let expected = "eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e";
        assert_eq!(hex::encode(mac(server_key.expose(), message.as_bytes())), expected);
    }

    #[test]
    fn nothing_verifies_against_the_dummy() {
        let dummy = DeviceKeys::dummy();
        for byte in 0..=u8::MAX {
            assert!(!dummy.stored.verify_over(b"message", &Proof([byte; 32])));
        }
        // Even whoever knows the dummy cannot prove against it.
        let client_key = ClientKey::from_bytes([0; 32]);
        let proof = prove_over(&client_key, &dummy.stored, b"message");
        assert!(!dummy.stored.verify_over(b"message", &proof));
    }
}
