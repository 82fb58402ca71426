//! Enrols a till or a handset by an activation string.

use std::io::Write;
use std::path::Path;

use kessai_client::terms::collation::Password;
use kessai_client::terms::collation::PeerName;
use kessai_client::wire::Activation;
use kessai_client::wire::Subject;
use kessai_client::{EnrolError, check_password, enrol_handset, enrol_peer};

use super::keyboard::{Keyboard, Typed};
use super::voice::Voice;
use super::{HandError, Left, close, socket, texts};

/// What stands for an activation string that is typed, so that no list of processes shows it.
const TYPED: &str = "-";

/// Enrols the till's key.
pub(super) async fn terminal<W: Write>(
    folder: &Path,
    activation: &str,
    mut voice: Voice<W>,
    mut keyboard: Keyboard,
) -> Result<Left, HandError> {
    let text = match activation_text(activation, &mut voice, &mut keyboard).await {
        Ok(text) => text,
        Err(left) => return Ok(left),
    };
    let activation: Activation = text.parse()?;
    let subject = activation.subject;
    if !matches!(subject, Subject::Peer(PeerName::Terminal(_))) {
        return Err(EnrolError::OtherRole(subject).into());
    }
    let socket = socket()?;
    enrol_peer(&socket, &activation, folder).await?;
    close(&socket).await;
    voice.say(texts::enrolled(subject, folder));
    Ok(Left::Quit)
}

/// Enrols a handset, and has its customer choose a password.
pub(super) async fn handset<W: Write>(
    folder: &Path,
    activation: &str,
    mut voice: Voice<W>,
    mut keyboard: Keyboard,
) -> Result<Left, HandError> {
    let text = match activation_text(activation, &mut voice, &mut keyboard).await {
        Ok(text) => text,
        Err(left) => return Ok(left),
    };
    let activation: Activation = text.parse()?;
    let subject = activation.subject;
    if !matches!(subject, Subject::Customer(_)) {
        return Err(EnrolError::OtherRole(subject).into());
    }
    let password = match choose(&mut voice, &mut keyboard).await {
        Ok(password) => password,
        Err(left) => return Ok(left),
    };
    let socket = socket()?;
    enrol_handset(&socket, &activation, &password, folder).await?;
    close(&socket).await;
    voice.say(texts::enrolled(subject, folder));
    Ok(Left::Quit)
}

async fn activation_text<W: Write>(
    given: &str,
    voice: &mut Voice<W>,
    keyboard: &mut Keyboard,
) -> Result<String, Left> {
    if given != TYPED {
        return Ok(given.to_owned());
    }
    voice.say(texts::TYPE_ACTIVATION);
    match keyboard.line().await {
        Typed::Line(line) => Ok(line.to_string()),
        Typed::End | Typed::Interrupted => Err(abandoned(voice)),
    }
}

/// Has a password typed twice, until it is one that nobody would guess first.
async fn choose<W: Write>(voice: &mut Voice<W>, keyboard: &mut Keyboard) -> Result<Password, Left> {
    loop {
        let first = keyboard.hidden(|| voice.say(texts::NEW_PASSWORD)).await;
        let Typed::Line(first) = first else { return Err(abandoned(voice)) };
        let password = match Password::new(&first) {
            Ok(password) => password,
            Err(why) => {
                voice.say(texts::impossible_password(why));
                continue;
            }
        };
        if let Err(why) = check_password(&password) {
            voice.say(texts::guessable(why));
            continue;
        }
        let second = keyboard.hidden(|| voice.say(texts::PASSWORD_AGAIN)).await;
        let Typed::Line(second) = second else { return Err(abandoned(voice)) };
        if first == second {
            return Ok(password);
        }
        voice.say(texts::PASSWORDS_DIFFER);
    }
}

fn abandoned<W: Write>(voice: &mut Voice<W>) -> Left {
    voice.say(texts::NOT_ENROLLED_NOW);
    Left::Interrupted
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(typed: &'static str, chosen: Option<&str>, told: &[&str]) {
        let mut voice = Voice::new(Vec::new());
        let password = choose(&mut voice, &mut Keyboard::typing(typed)).await.ok();
        assert_eq!(password.as_ref().map(Password::expose), chosen);
        let said = voice.taken();
        for words in told {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("7401"), "no password is shown: {said}");
    }

    #[tokio::test]
    async fn a_password_is_typed_twice_and_not_one_that_is_guessed_first() {
        check("740192\n740192\n", Some("740192"), &[texts::NEW_PASSWORD, texts::PASSWORD_AGAIN])
            .await;
        check("123456\n740192\n740192\n", Some("740192"), &["counts up or down"]).await;
        check("7401\n", None, &["at least 6 characters", texts::NOT_ENROLLED_NOW]).await;
        check("740192\n740193\n850193\n850193\n", Some("850193"), &[texts::PASSWORDS_DIFFER]).await;
        check("740192\n", None, &[texts::NOT_ENROLLED_NOW]).await;
    }
}
