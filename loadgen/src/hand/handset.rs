//! The handset: shows purchases, takes the password, tells the result.

use std::io::Write;
use std::path::Path;

use kessai_client::terms::collation::Password;
use kessai_client::wire::Notice;
use kessai_client::{
    Answered, CallError, Event, Events, Handset, HandsetFile, Question, QuicOptions,
};
use kessai_engine::terms::PaymentId;
use time::UtcOffset;

use super::history::History;
use super::keyboard::{Keyboard, Typed};
use super::pocket::{Next, Pocket};
use super::voice::Voice;
use super::{HandError, Left, close, options, socket, texts};

/// Talks with the customer until one of them leaves.
pub(super) async fn converse<W: Write>(
    folder: &Path,
    offset: UtcOffset,
    mut voice: Voice<W>,
    keyboard: Keyboard,
) -> Result<Left, HandError> {
    let file = HandsetFile::open(folder)?;
    let history = History::open(folder)?;
    let socket = socket()?;
    voice.say(texts::connecting(file.gateway()));
    let quic = QuicOptions::default();
    let (handset, events) = file.connect(socket.clone(), &quic, options()).await?;
    voice.say(texts::handset_ready(file.id().customer));
    let pocket = Pocket::new(voice, history, offset);
    let mut hand = Hand { file, handset, events, pocket, keyboard };
    let left = hand.serve().await;
    drop(hand);
    close(&socket).await;
    left
}

struct Hand<W> {
    file: HandsetFile,
    handset: Handset,
    events: Events,
    pocket: Pocket<W>,
    keyboard: Keyboard,
}

impl<W: Write> Hand<W> {
    async fn serve(&mut self) -> Result<Left, HandError> {
        loop {
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                event = self.events.next() => {
                    let Some(event) = event else { return Ok(self.leave(Left::Quit)) };
                    if let Event::Disconnected(why) = &event
                        && why.is_final()
                    {
                        return Err(why.clone().into());
                    }
                    self.pocket.happened(event)?;
                    self.file.keep_seen(self.handset.seen())?;
                    continue;
                }
            };
            let next = match typed {
                Typed::Line(line) => self.pocket.hear(&line),
                Typed::End => Next::Quit,
                Typed::Interrupted => return Ok(self.leave(Left::Interrupted)),
            };
            match next {
                Next::Stay => {}
                Next::Pay(question) => {
                    if let Some(left) = self.pay(&question).await? {
                        return Ok(self.leave(left));
                    }
                }
                Next::Refuse(payment) => match self.handset.refuse(payment).await {
                    Ok(end) => self.told(&end)?,
                    Err(why) => self.failed(payment, &why),
                },
                Next::Quit => return Ok(self.leave(Left::Quit)),
            }
        }
    }

    fn leave(&mut self, left: Left) -> Left {
        self.pocket.voice.say(texts::GOODBYE);
        left
    }

    /// Asks for the password and proves it; tells whether the customer has left instead.
    async fn pay(&mut self, question: &Question) -> Result<Option<Left>, HandError> {
        let voice = &mut self.pocket.voice;
        let typed = match self.keyboard.hidden(|| voice.say(texts::PASSWORD)).await {
            Typed::Line(typed) if typed.is_empty() => {
                self.pocket.voice.say(texts::NO_PASSWORD);
                return Ok(None);
            }
            Typed::Line(typed) => typed,
            Typed::End => return Ok(Some(Left::Quit)),
            Typed::Interrupted => return Ok(Some(Left::Interrupted)),
        };
        let password = match Password::new(&typed) {
            Ok(password) => password,
            Err(why) => {
                // It cannot be the right one, so it need not cost a try.
                self.pocket.voice.say(texts::impossible_password(why));
                return Ok(None);
            }
        };
        drop(typed);
        self.pocket.voice.say(texts::PROVING);
        let secrets = self.file.secrets(&password).await;
        match self.handset.approve(question, &secrets).await {
            Ok(Answered::Approved(end) | Answered::Declined(end) | Answered::Ended(end)) => {
                self.told(&end)?;
            }
            Ok(Answered::TryAgain { tries_left }) => {
                self.pocket.wrong(question.payment(), tries_left);
            }
            Err(why) => self.failed(question.payment(), &why),
        }
        Ok(None)
    }

    fn told(&mut self, end: &Notice) -> Result<(), HandError> {
        self.pocket.told(end)?;
        Ok(self.file.keep_seen(self.handset.seen())?)
    }

    fn failed(&mut self, payment: PaymentId, why: &CallError) {
        if *why == CallError::NotOpen {
            self.pocket.close(payment);
        }
        self.pocket.voice.say(texts::handset_not_answered(why));
    }
}
