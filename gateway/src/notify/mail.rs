//! Mail: one fixed text, in Japanese and English, by SMTP (RFC 5321).

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{
    ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::postbox::{Attempt, Carrier};
use super::secret::Secret;
use super::settings::{MailSettings, Security};
use super::{
    Contacts, Fault, MailAddress, Notification, NotifyError, NotifySettings, Surroundings, trust,
};
use crate::clock::Clock;

const SUBJECT: &str = "アプリを開いてください / Please open your app";

/// It names no shop and no amount, and holds no link: whoever expects none follows none.
const TEXT: &str = "\
確認をお待ちしている手続きがあります。お手元のアプリを開いてください。\r\n\
お心当たりのない場合は、アプリで取り消してください。\r\n\
このメールにはリンクを記載しません。返信は受け付けておりません。\r\n\
\r\n\
Something is waiting for your answer. Please open your app.\r\n\
If you do not expect it, refuse it in the app.\r\n\
Our mail never contains links. Replies are not read.\r\n";

/// Hands mail to one server, over a connection for each message.
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    contacts: Arc<dyn Contacts>,
    clock: Arc<dyn Clock>,
}

impl Mail {
    pub(super) fn new(
        settings: &NotifySettings,
        surroundings: &Surroundings,
    ) -> Result<Self, NotifyError> {
        let mail = &settings.mail;
        let from = mail.sender().ok_or_else(|| {
            NotifyError::Settings(vec!["notify.mail.from must be a mail address".to_owned()])
        })?;
        let hello = if mail.hello.is_empty() { from.email.domain() } else { &mail.hello };
        // The name is about plain SMTP, which is what it would be without the lines below.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.relay)
            .port(mail.port)
            .tls(tls(settings)?)
            .hello_name(ClientId::Domain(hello.to_owned()))
            .timeout(Some(settings.attempt));
        if !mail.user.is_empty() {
            builder = builder.credentials(credentials(mail)?);
        }
        Ok(Self {
            transport: builder.build(),
            from,
            contacts: Arc::clone(&surroundings.contacts),
            clock: Arc::clone(&surroundings.clock),
        })
    }

    fn message(&self, notification: &Notification, to: MailAddress) -> Option<Message> {
        let now = UNIX_EPOCH.checked_add(Duration::from_millis(self.clock.now_ms()))?;
        // The same in every attempt: mail servers deliver one of them.
        let id = format!("<{}@{}>", notification.event, self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.0))
            .subject(SUBJECT)
            .date(now)
            .message_id(Some(id))
            .header(AutoSubmitted)
            .singlepart(
                SinglePart::builder()
                    .header(ContentType::TEXT_PLAIN)
                    .header(ContentTransferEncoding::Base64)
                    .body(TEXT.to_owned()),
            )
            .ok()
    }
}

impl Carrier for Mail {
    const NAME: &'static str = "mail";

    async fn carry(&self, notification: &Notification) -> Attempt {
        let Some(address) = self.contacts.mail_address(notification.customer).await else {
            return Attempt::Nowhere;
        };
        let Some(message) = self.message(notification, address) else {
            return Attempt::Refused(Fault::Unwritable);
        };
        match self.transport.send(message).await {
            Ok(_) => Attempt::Delivered,
            Err(error) => judge(&error),
        }
    }
}

fn tls(settings: &NotifySettings) -> Result<Tls, NotifyError> {
    if settings.mail.security == Security::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.mail.relay.clone())
        .certificate_store(CertificateStore::None);
    for root in trust::roots(&settings.roots)? {
        parameters = parameters.add_root_certificate(Certificate::from_der(root.to_vec())?);
    }
    let parameters = parameters.build()?;
    Ok(match settings.mail.security {
        Security::Tls => Tls::Wrapper(parameters),
        Security::Starttls | Security::None => Tls::Required(parameters),
    })
}

fn credentials(mail: &MailSettings) -> Result<Credentials, NotifyError> {
    let password = Secret::read(&mail.password)?;
    if password.text().is_empty() {
        return Err(password.malformed("a password"));
    }
    Ok(Credentials::new(mail.user.clone(), password.text().to_owned()))
}

/// Says whether to try again. A server's own words are left out: they may name the recipient.
fn judge(error: &lettre::transport::smtp::Error) -> Attempt {
    let reply = error.status().map(u16::from);
    match reply {
        Some(code) if error.is_permanent() => Attempt::Refused(Fault::Reply(code)),
        Some(code) => Attempt::again(Fault::Reply(code)),
        None if error.is_client() => Attempt::Refused(Fault::Unable),
        None if error.is_timeout() => Attempt::again(Fault::TimedOut),
        None if error.is_response() || error.is_tls() => Attempt::again(Fault::Broken),
        None => Attempt::again(Fault::Unreachable),
    }
}

/// Tells other machines not to answer this one (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
