//! Mail against a real server.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kessai_gateway::notify::{Counts, Notifier, Security};

use crate::mail_server::{Conversation, MailServer, Manners};
use crate::stage::{ADDRESS, CUSTOMER, PASSWORD, Stage, bounded, counts, notification, until};
use crate::tls::authority;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn stage(manners: Manners) -> (Stage, MailServer) {
    let server = MailServer::start(manners).await;
    let mut stage = Stage::new();
    stage.settings.mail.relay = server.address.ip().to_string();
    stage.settings.mail.port = server.address.port();
    stage.settings.mail.security = Security::None;
    stage.settings.mail.from = "Kessai <no-reply@kessai.example>".to_owned();
    (stage, server)
}

/// The value of a header that is written on one line.
fn header<'a>(said: &'a Conversation, name: &str) -> &'a str {
    let line = said.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name} is missing: {said:?}"))
}

/// The text of the message, out of its base64.
fn text(said: &Conversation) -> String {
    let body = said.iter().skip_while(|line| !line.is_empty());
    let digits: String = body.take_while(|line| *line != "QUIT").map(String::as_str).collect();
    String::from_utf8(STANDARD.decode(digits).unwrap()).unwrap()
}

#[tokio::test]
async fn the_conversation_is_what_it_should_be() {
    let (stage, mut server) = stage(Manners::default()).await;
    let channels = stage.start().unwrap();
    let told = notification(CUSTOMER, MINUTE);
    channels.notify(told);
    let said = server.next().await;
    let (commands, message): (Vec<_>, Vec<_>) = {
        let data = said.iter().position(|line| line == "DATA").unwrap();
        (said[..=data].to_vec(), said[data + 1..].to_vec())
    };
    assert_eq!(
        commands,
        [
            "EHLO kessai.example",
            "MAIL FROM:<no-reply@kessai.example>",
            &format!("RCPT TO:<{ADDRESS}>"),
            "DATA",
        ]
    );
    assert_eq!(message[message.len() - 2..], ["QUIT", "(end)"]);
    assert_eq!(header(&said, "From"), "Kessai <no-reply@kessai.example>");
    assert_eq!(header(&said, "To"), ADDRESS);
    assert_eq!(header(&said, "Message-ID"), format!("<{}@kessai.example>", told.event));
    assert_eq!(header(&said, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&said, "MIME-Version"), "1.0");
    assert_eq!(header(&said, "Content-Type"), "text/plain; charset=utf-8");
    assert!(header(&said, "Date").ends_with(" +0000"));
    let text = text(&said);
    for sentence in ["お手元のアプリを開いてください。", "Please open your app."] {
        assert!(text.contains(sentence), "{text}");
    }
    assert!(!text.contains(|c: char| c.is_numeric()), "no amount, no id: {text}");
    assert!(!text.contains("http") && !text.contains('@'), "nothing to click on: {text}");
    assert!(!message.iter().any(|line| line.contains(CUSTOMER)), "{message:?}");
    until(|| counts(&channels) == Counts { delivered: 1, ..Counts::default() }).await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_gets_the_same_message_again() {
    let recipient = vec!["451 later".to_owned(), "250 ok".to_owned()];
    let (stage, mut server) = stage(Manners { recipient, ..Manners::default() }).await;
    let channels = stage.start().unwrap();
    let told = notification(CUSTOMER, MINUTE);
    channels.notify(told);
    let first = server.next().await;
    assert!(!first.contains(&"DATA".to_owned()), "{first:?}");
    let second = server.next().await;
    assert!(header(&second, "Message-ID").contains(&told.event.to_string()));
    until(|| counts(&channels) == Counts { failed: 1, delivered: 1, ..Counts::default() }).await;
}

#[tokio::test]
async fn a_refusal_is_a_dead_letter_that_does_not_name_the_address() {
    let recipient = vec![format!("550 no such user: <{ADDRESS}>")];
    let (stage, mut server) = stage(Manners { recipient, ..Manners::default() }).await;
    let channels = stage.start().unwrap();
    channels.notify(notification(CUSTOMER, MINUTE));
    server.next().await;
    until(|| counts(&channels).dead == 1).await;
    let [letter] = &stage.dead()[..] else { panic!("one letter") };
    assert_eq!(letter["fault"], "SMTP reply 550");
    assert_eq!(letter["channel"], "mail");
    assert!(!letter.to_string().contains(ADDRESS), "{letter}");
}

#[tokio::test]
async fn a_customer_without_an_address_is_left_alone() {
    let (stage, mut server) = stage(Manners::default()).await;
    let channels = stage.start().unwrap();
    channels.notify(notification("C-2", MINUTE));
    until(|| counts(&channels) == Counts { nowhere: 1, ..Counts::default() }).await;
    bounded(channels.stop()).await;
    assert!(server.said.try_recv().is_err());
    assert!(stage.dead().is_empty());
}

#[tokio::test]
async fn nothing_but_a_greeting_is_said_in_the_clear_when_tls_is_asked_for() {
    let (tls, root) = authority("127.0.0.1");
    let (_, stranger) = authority("127.0.0.1");
    let login = STANDARD.encode(format!("\0kessai\0{PASSWORD}"));
    let login = format!("AUTH PLAIN {login}");
    let starttls = Manners { starttls: Some(tls.clone()), ..Manners::default() };
    let wrapped = Manners { tls: Some(tls), ..Manners::default() };
    let greeting = "EHLO kessai.example";
    let mail = "MAIL FROM:<no-reply@kessai.example>";
    for (security, manners, root, opening) in [
        (
            Security::Starttls,
            starttls.clone(),
            &root,
            &[greeting, "STARTTLS", "(TLS)", greeting, &login, mail][..],
        ),
        (Security::Tls, wrapped.clone(), &root, &[greeting, &login, mail]),
        // A server that offers no TLS, and servers that are not whom they should be.
        (Security::Starttls, Manners::default(), &root, &[greeting]),
        (Security::Starttls, starttls, &stranger, &[greeting, "STARTTLS"]),
        (Security::Tls, wrapped, &stranger, &[]),
    ] {
        let (mut stage, mut server) = stage(manners).await;
        stage.settings.mail.security = security;
        stage.settings.mail.user = "kessai".to_owned();
        stage.settings.roots = stage.path("roots.pem");
        std::fs::write(&stage.settings.roots, root).unwrap();
        let channels = stage.start().unwrap();
        channels.notify(notification(CUSTOMER, MINUTE));
        let said = server.next().await;
        if opening.contains(&mail) {
            assert_eq!(said[..opening.len()], *opening);
            until(|| counts(&channels).delivered == 1).await;
        } else {
            let farewell = |line: &&String| *line != "QUIT" && *line != "(end)";
            let before: Vec<_> = said.iter().filter(farewell).collect();
            assert_eq!(before, opening);
            until(|| counts(&channels).failed >= 1).await;
        }
    }
}
