//! Makes proofs for one payment until one of them is answered, and hears the answer that comes
//! after that was given up.

use std::sync::Arc;

use kessai_terms::PaymentId;
use kessai_terms::collation::{
    AuthMessage, ContentDigest, HandsetNonce, HandsetSecrets, Outcome, Signature, prove,
};
use kessai_wire::{
    Answer, HandsetRequest, Notice, PaymentState, ProofResult, Prove, Request, SignedNotice,
    Verdict,
};
use tokio::time::Instant;

use crate::error::{CallError, ConnectError, Distrust};
use crate::handset::desk::{Basis, Desk, Step};
use crate::handset::event::Question;
use crate::line::{Caller, Late, Repeat};

/// Says what came of an approval. All of it is signed by the gateway, but for the number of tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The payment is approved.
    Approved(Notice),
    /// The password was wrong; the payment still waits.
    TryAgain {
        /// How many wrong passwords it still stands.
        tries_left: u32,
    },
    /// The password was wrong for the last time, or the payment had been declined before.
    Declined(Notice),
    /// The payment had ended otherwise before: cancelled, expired, taken back.
    Ended(Notice),
}

impl Answered {
    fn by_notice(notice: Notice) -> Self {
        match notice.state {
            PaymentState::Authorised | PaymentState::Captured => Self::Approved(notice),
            PaymentState::Declined => Self::Declined(notice),
            PaymentState::Pending
            | PaymentState::Reversed
            | PaymentState::Refunded
            | PaymentState::PartlyRefunded
            | PaymentState::Cancelled
            | PaymentState::Expired => Self::Ended(notice),
        }
    }
}

/// How many stale nonces in a row are too many.
const MOST_STALE: u32 = 4;

/// Answers one question. While it lives, no other call can answer the same one.
pub(super) struct Answering {
    desk: Arc<Desk>,
    payment: PaymentId,
    digest: ContentDigest,
    shown_at: Instant,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.desk.answered(self.payment);
    }
}

/// Tells the end in an answer about `payment` that nobody waits for any more.
///
/// The gateway has told it with that answer, and does not push it to this handset as well. The
/// notice is signed for itself, so it is believed without the proof that it answers.
pub(super) fn late(desk: Arc<Desk>, payment: PaymentId) -> Late {
    Arc::new(move |answer| match &answer {
        Answer::Notice(notice)
        | Answer::ProofResult(ProofResult {
            verdict: Verdict::Approved { notice, .. } | Verdict::Declined { notice, .. },
            ..
        }) => desk.notified(Some(payment), notice),
        // The payment goes on; if the next proof is stale by this, it is made anew.
        Answer::ProofResult(ProofResult {
            verdict: Verdict::TryAgain { .. } | Verdict::Stale { .. },
            ..
        }) => Ok(()),
        Answer::Welcome(_)
        | Answer::Echo(_)
        | Answer::Refusal(_)
        | Answer::Payment(_)
        | Answer::Totals(_)
        | Answer::Facts(_)
        | Answer::Attached { .. }
        | Answer::Code(_)
        | Answer::Recent(_) => Ok(()),
    })
}

impl Answering {
    pub(super) fn new(desk: Arc<Desk>, question: &Question) -> Self {
        let Question { digest, given_at: shown_at, .. } = *question;
        Self { desk, payment: question.payment(), digest, shown_at }
    }

    pub(super) async fn prove(
        self,
        caller: &Caller,
        secrets: &HandsetSecrets,
        deadline: Instant,
    ) -> Result<Answered, CallError> {
        let mut stale = 0;
        let mut tries_before = None;
        loop {
            let basis = match self.desk.step(self.payment).await {
                Step::Prove(basis) => basis,
                Step::Ended(notice) => return Ok(Answered::by_notice(*notice)),
                Step::Over => return Err(over()),
            };
            // The last proof was lost with its connection, but has cost a try: it was wrong.
            if tries_before.is_some_and(|before| basis.tries_left < before) {
                return Ok(Answered::TryAgain { tries_left: basis.tries_left });
            }
            let handset_nonce = HandsetNonce(caller.randomness().draw());
            let (request, auth) = self.proof(&basis, handset_nonce, secrets);
            let body = Request::Handset(self.desk.id(), HandsetRequest::Prove(request));
            let late = late(Arc::clone(&self.desk), self.payment);
            let repeat = Repeat::Only(basis.generation);
            match caller.ask_or_hear_late(body, repeat, deadline, late).await {
                Err(CallError::Lost) => tries_before = Some(basis.tries_left),
                Err(error) => return Err(error),
                Ok(Answer::Notice(signed)) => {
                    return Ok(Answered::by_notice(self.desk.end_of(self.payment, &signed)?));
                }
                Ok(Answer::ProofResult(ProofResult { payment, verdict }))
                    if payment == self.payment =>
                {
                    if let Some(answered) = self.judge(&basis, &auth, &verdict)? {
                        return Ok(answered);
                    }
                    stale += 1;
                    if stale >= MOST_STALE {
                        return Err(CallError::AlwaysStale);
                    }
                    tries_before = None;
                }
                Ok(_) => return Err(CallError::AnotherAnswer),
            }
        }
    }

    fn proof(
        &self,
        basis: &Basis,
        handset_nonce: HandsetNonce,
        secrets: &HandsetSecrets,
    ) -> (Prove, AuthMessage) {
        let auth = AuthMessage::new(self.digest, basis.channel, basis.nonce, handset_nonce);
        let client_key = secrets.client_key();
        let proof = prove(&client_key, &client_key.stored_key(), &auth);
        let hub_tag = self.desk.vouch(&auth, &proof);
        let (payment, server_nonce) = (self.payment, basis.nonce);
        // One that was shown for weeks is shown for long enough.
        let shown_ago_ms = u32::try_from(self.shown_at.elapsed().as_millis()).unwrap_or(u32::MAX);
        let shown_ago_ms = Some(shown_ago_ms);
        (Prove { payment, server_nonce, handset_nonce, proof, hub_tag, shown_ago_ms }, auth)
    }

    /// Believes a verdict if it is signed; tells nothing if another proof must be made.
    fn judge(
        &self,
        basis: &Basis,
        auth: &AuthMessage,
        verdict: &Verdict,
    ) -> Result<Option<Answered>, CallError> {
        match verdict {
            Verdict::Stale { server_nonce } => {
                self.desk.renew(self.payment, basis.generation, *server_nonce, None);
                Ok(None)
            }
            Verdict::TryAgain { signature, tries_left, server_nonce } => {
                self.check(auth, Outcome::Refused, signature)?;
                let (nonce, tries_left) = (*server_nonce, *tries_left);
                self.desk.renew(self.payment, basis.generation, nonce, Some(tries_left));
                Ok(Some(Answered::TryAgain { tries_left }))
            }
            Verdict::Approved { signature, notice } => {
                self.check(auth, Outcome::Approved, signature)?;
                self.end(notice, PaymentState::permits_handover).map(Some)
            }
            Verdict::Declined { signature, notice } => {
                self.check(auth, Outcome::Refused, signature)?;
                self.end(notice, |state| state == PaymentState::Declined).map(Some)
            }
        }
    }

    fn check(
        &self,
        auth: &AuthMessage,
        outcome: Outcome,
        signature: &Signature,
    ) -> Result<(), Distrust> {
        if self.desk.key().verify_outcome(auth, outcome, signature) {
            return Ok(());
        }
        Err(self.desk.doubt(Distrust::Outcome))
    }

    fn end(
        &self,
        signed: &SignedNotice,
        fits: impl FnOnce(PaymentState) -> bool,
    ) -> Result<Answered, CallError> {
        let notice = self.desk.end_of(self.payment, signed)?;
        if !fits(notice.state) {
            return Err(self.desk.doubt(Distrust::Contradiction).into());
        }
        Ok(Answered::by_notice(notice))
    }
}

/// Says that there will be no connection any more.
pub(super) fn over() -> CallError {
    CallError::Ended(ConnectError::Unreachable("the connection was given up".into()))
}
