//! A mail server that takes one message a connection and keeps what was said (RFC 5321).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::stage::bounded;
use crate::tls::{Stream, secured};

/// How a server behaves.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// What it answers to RCPT, connection after connection; the last one for all others.
    pub(crate) recipient: Vec<String>,
    /// Offers STARTTLS, and AUTH after it.
    pub(crate) starttls: Option<TlsAcceptor>,
    /// Speaks TLS from the first byte.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// What a client said: commands, the message's lines between DATA and the dot, and the marks
/// `(TLS)` and `(end)`.
pub(crate) type Conversation = Vec<String>;

pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    pub(crate) said: mpsc::UnboundedReceiver<Conversation>,
}

impl MailServer {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, said) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (sender, manners) = (sender.clone(), manners.clone());
                let number = count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut said = Vec::new();
                    let _ended = converse(Box::new(stream), &manners, number, &mut said).await;
                    said.push("(end)".to_owned());
                    let _seen = sender.send(said);
                });
            }
        });
        Self { address, said }
    }

    pub(crate) async fn next(&mut self) -> Conversation {
        bounded(self.said.recv()).await.unwrap()
    }
}

/// Serves one connection until it ends or the client turns away.
async fn converse(
    stream: Stream,
    manners: &Manners,
    number: usize,
    said: &mut Conversation,
) -> Option<()> {
    let mut secure = manners.tls.is_some();
    let stream = match &manners.tls {
        Some(tls) => secured(stream, tls.clone()).await?,
        None => stream,
    };
    let mut stream = BufStream::new(stream);
    reply(&mut stream, "220 mail.test ESMTP").await?;
    loop {
        let line = line(&mut stream).await?;
        let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        said.push(line);
        match verb.as_str() {
            "EHLO" => {
                let offer = match (secure, &manners.starttls) {
                    (false, Some(_)) => "STARTTLS",
                    // Without TLS it takes passwords all the same, as a thief's would.
                    (true, _) | (false, None) => "AUTH PLAIN",
                };
                reply(&mut stream, &format!("250-mail.test\r\n250-{offer}\r\n250 8BITMIME"))
                    .await?;
            }
            "STARTTLS" => {
                reply(&mut stream, "220 go ahead").await?;
                let tls = manners.starttls.clone()?;
                stream = BufStream::new(secured(stream.into_inner(), tls).await?);
                secure = true;
                said.push("(TLS)".to_owned());
            }
            "AUTH" => reply(&mut stream, "235 welcome").await?,
            "RCPT" => {
                let recipient = manners.recipient.get(number).or(manners.recipient.last());
                reply(&mut stream, recipient.map_or("250 ok", String::as_str)).await?;
            }
            "DATA" => {
                reply(&mut stream, "354 go ahead").await?;
                loop {
                    let line = self::line(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    said.push(line);
                }
                reply(&mut stream, "250 taken").await?;
            }
            "QUIT" => return reply(&mut stream, "221 bye").await,
            _ => reply(&mut stream, "250 ok").await?,
        }
    }
}

async fn line(stream: &mut BufStream<Stream>) -> Option<String> {
    let mut line = String::new();
    let bytes = stream.read_line(&mut line).await.ok()?;
    (bytes > 0).then(|| line.strip_suffix("\r\n").expect("lines end in CRLF").to_owned())
}

async fn reply(stream: &mut BufStream<Stream>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
