//! The handset: shows purchases, takes the password, tells the result.

use std::io::Write;
use std::path::Path;

use kessai_client::terms::collation::Password;
use kessai_client::{
    Answered, CallError, Event, Events, Handset, HandsetFile, Question, QuicOptions,
};
use kessai_engine::terms::PaymentId;
use time::UtcOffset;
use tokio::time::{Instant, sleep_until};

use super::keyboard::{Keyboard, Typed};
use super::pocket::{Next, Pocket};
use super::qr::Drawing;
use super::texts::phone as texts;
use super::texts::{GOODBYE, connecting, impossible_password};
use super::voice::Voice;
use super::{HandError, Left, close, options, socket};

/// What a handset is set to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// For the list of payments.
    pub(super) offset: UtcOffset,
    /// For codes.
    pub(super) drawing: Drawing,
}

/// Talks with the customer until one of them leaves.
pub(super) async fn converse<W: Write>(
    folder: &Path,
    setting: Setting,
    mut voice: Voice<W>,
    keyboard: Keyboard,
) -> Result<Left, HandError> {
    let file = HandsetFile::open(folder)?;
    let socket = socket()?;
    voice.say(connecting(file.gateway()));
    let quic = QuicOptions::default();
    let (handset, events) = file.connect(socket.clone(), &quic, options()).await?;
    voice.say(texts::ready(file.id().customer));
    let pocket = Pocket::new(voice);
    let mut hand = Hand { file, handset, events, setting, pocket, keyboard, code_until: None };
    let left = hand.serve().await;
    drop(hand);
    close(&socket).await;
    left
}

struct Hand<W> {
    file: HandsetFile,
    handset: Handset,
    events: Events,
    setting: Setting,
    pocket: Pocket<W>,
    keyboard: Keyboard,
    /// Until when the code that is shown is good, unless a shop asks before.
    code_until: Option<Instant>,
}

impl<W: Write> Hand<W> {
    async fn serve(&mut self) -> Result<Left, HandError> {
        loop {
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                event = self.events.next() => {
                    let Some(event) = event else { return Ok(self.leave(Left::Quit)) };
                    self.happened(event)?;
                    continue;
                }
                () = over(self.code_until) => {
                    self.code_until = None;
                    self.pocket.voice.say(texts::CODE_OVER);
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
                    if let Some(left) = self.pay(&question).await {
                        return Ok(self.leave(left));
                    }
                }
                Next::Refuse(payment) => {
                    if let Err(why) = self.handset.refuse(payment).await {
                        self.failed(payment, &why);
                    }
                }
                Next::Code => self.code().await,
                Next::Recent => self.recent().await,
                Next::Quit => return Ok(self.leave(Left::Quit)),
            }
            // What came of it is told before the next line is heard.
            while let Some(event) = self.events.try_next() {
                self.happened(event)?;
            }
        }
    }

    fn happened(&mut self, event: Event) -> Result<(), HandError> {
        match &event {
            Event::Disconnected(why) if why.is_final() => return Err(why.clone().into()),
            Event::Asked(_) => self.code_until = None,
            Event::Connected | Event::Disconnected(_) | Event::Told(_) | Event::Untrusted(_) => {}
        }
        self.pocket.happened(event);
        Ok(self.file.keep_seen(self.handset.seen())?)
    }

    async fn code(&mut self) {
        match self.handset.present_code().await {
            Ok(shown) => {
                let left = shown.show_until.saturating_duration_since(Instant::now());
                self.pocket.voice.say(texts::code(&shown.code, left, self.setting.drawing));
                self.code_until = Some(shown.show_until);
            }
            Err(why) => self.pocket.voice.say(texts::nothing_given(&why)),
        }
    }

    async fn recent(&mut self) {
        match self.handset.recent().await {
            Ok(notices) => self.pocket.voice.say(texts::recent(&notices, self.setting.offset)),
            Err(why) => self.pocket.voice.say(texts::nothing_given(&why)),
        }
    }

    fn leave(&mut self, left: Left) -> Left {
        self.pocket.voice.say(GOODBYE);
        left
    }

    /// Asks for the password and proves it; tells whether the customer has left instead.
    async fn pay(&mut self, question: &Question) -> Option<Left> {
        let voice = &mut self.pocket.voice;
        let typed = match self.keyboard.hidden(|| voice.say(texts::PASSWORD)).await {
            Typed::Line(typed) if typed.is_empty() => {
                self.pocket.voice.say(texts::NO_PASSWORD);
                return None;
            }
            Typed::Line(typed) => typed,
            Typed::End => return Some(Left::Quit),
            Typed::Interrupted => return Some(Left::Interrupted),
        };
        let password = match Password::new(&typed) {
            Ok(password) => password,
            Err(why) => {
                // It cannot be the right one, so it need not cost a try.
                self.pocket.voice.say(impossible_password(why));
                return None;
            }
        };
        drop(typed);
        self.pocket.voice.say(texts::PROVING);
        let secrets = self.file.secrets(&password).await;
        match self.handset.approve(question, &secrets).await {
            // Its notice comes as an event.
            Ok(Answered::Approved(_) | Answered::Declined(_) | Answered::Ended(_)) => {}
            Ok(Answered::TryAgain { tries_left }) => {
                self.pocket.wrong(question.payment(), tries_left);
            }
            Err(why) => self.failed(question.payment(), &why),
        }
        None
    }

    fn failed(&mut self, payment: PaymentId, why: &CallError) {
        if *why == CallError::NotOpen {
            self.pocket.close(payment);
        }
        self.pocket.voice.say(texts::not_answered(why));
    }
}

/// Waits until a code is not good any more; for ever if none is shown.
async fn over(code_until: Option<Instant>) {
    match code_until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
