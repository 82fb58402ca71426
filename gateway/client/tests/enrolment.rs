//! Enrolments over loopback: what is said to whom, what is kept, and what never happens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod server;

use std::path::Path;

use kessai_client::terms::Reason;
use kessai_client::terms::collation::{ActivationCode, Password, PeerName, SpkiHash};
use kessai_client::wire::{
    ALPN, ALPN_ENROLMENT, Activation, CloseCode, Enrol, EnrolAnswer, Refusal, SERVER_NAME, Subject,
};
use kessai_client::{
    ConnectError, Endpoint, EnrolError, Fault, FileError, Guessable, HandsetFile, Options,
    PeerFile, QuicOptions, RootPin, Terminal, endpoint, enrol_handset, enrol_peer,
};
use server::{Asked, Root, Server};

const CODE: [u8; 16] = [0x90; 16];
const ENROLLED: EnrolAnswer = EnrolAnswer::Enrolled { gateway_time_ms: 1_790_000_000_000 };

fn code() -> ActivationCode {
    ActivationCode::from_bytes(CODE)
}

fn activation(server: &Server, root: RootPin, role: &str, id: &str) -> Activation {
    Activation {
        gateway: server.address().to_string().parse().unwrap(),
        root: SpkiHash(root.0),
        subject: Subject::parse(role, id).unwrap(),
        code: code(),
    }
}

fn place() -> (Root, Server, Endpoint, tempfile::TempDir) {
    let root = Root::new();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN_ENROLMENT, ALPN]);
    let endpoint = endpoint("127.0.0.1:0".parse().unwrap()).unwrap();
    (root, server, endpoint, tempfile::tempdir().unwrap())
}

fn password() -> Password {
    Password::new("490172").unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Enrols as the gateway wants it, and tells what it was told.
async fn enrolled(
    server: &Server,
    endpoint: &Endpoint,
    activation: &Activation,
    password: &Password,
    folder: &Path,
) -> (HandsetFile, Enrol) {
    let serve = async {
        let asked = server.enrolment().await;
        assert!(asked.holds(&activation.code));
        let enrol = asked.enrol.clone();
        assert_eq!(asked.answer(ENROLLED).await, CloseCode::Done.number());
        enrol
    };
    let (file, enrol) = tokio::join!(enrol_handset(endpoint, activation, password, folder), serve);
    (file.unwrap(), enrol)
}

#[tokio::test]
async fn a_handset_is_enrolled_kept_and_connects_from_its_file() {
    let (root, server, endpoint, folder) = place();
    let folder = folder.path().join("phone");
    let activation = activation(&server, root.pin(), "customer", "1234-567-890");
    let (_, enrol) = enrolled(&server, &endpoint, &activation, &password(), &folder).await;
    let Enrol::Handset(told) = enrol else { panic!("{enrol:?}") };
    let file = HandsetFile::open(&folder).unwrap();
    assert_eq!(told.handset, file.id());
    assert_eq!(file.id().customer.as_str(), "1234-567-890");
    assert_eq!(file.root(), root.pin());
    assert_eq!(file.gateway(), &activation.gateway);
    // What the gateway was given is what the password makes on this handset, and no other.
    let keys = file.secrets(&password()).await.device_keys();
    assert!(keys == told.keys);
    assert!(keys.device == file.device_key() && keys.server == *file.server_key());
    let other = file.secrets(&Password::new("490173").unwrap()).await.device_keys();
    assert!(other.stored != told.keys.stored && other.device == told.keys.device);

    let quic = QuicOptions::default();
    let connect = file.connect(endpoint.clone(), &quic, Options::default());
    let serve = async {
        let mut talk = server.talk().await;
        talk.welcome().await;
        (talk.attach().await, talk)
    };
    let (connected, ((id, seen), _talk)) = tokio::join!(connect, serve);
    let (handset, _events) = connected.unwrap();
    assert_eq!((handset.id(), id, seen), (file.id(), file.id(), 0));
}

#[tokio::test]
async fn the_file_holds_no_password_and_is_its_owners_alone() {
    let (root, server, endpoint, folder) = place();
    let activation = activation(&server, root.pin(), "customer", "1234-567-890");
    let typed = Password::new("wreath-of-barns").unwrap();
    let (file, _) = enrolled(&server, &endpoint, &activation, &typed, folder.path()).await;
    assert_eq!(files(folder.path()), ["handset"]);
    let path = folder.path().join("handset");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("wreath") && !text.contains(&"90".repeat(16)), "{text}");
    assert!(text.starts_with("kessai-handset 1\ngateway 127.0.0.1:"), "{text}");
    let printed = format!("{file:?}");
    let secrets = text.lines().filter(|line| line.starts_with("se"));
    for secret in secrets.map(|line| line.split_once(' ').unwrap().1) {
        assert!(secret.len() == 64 && !printed.contains(secret));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let exposed = HandsetFile::open(folder.path()).unwrap_err();
        assert!(matches!(exposed, FileError::Exposed { .. }), "{exposed}");
    }
}

#[tokio::test]
async fn a_change_of_password_keeps_the_device_and_nothing_else() {
    let (root, server, endpoint, folder) = place();
    let activation = activation(&server, root.pin(), "customer", "1234-567-890");
    let (first, told) = enrolled(&server, &endpoint, &activation, &password(), folder.path()).await;
    first.keep_seen(7).unwrap();
    let changed = Password::new("827364").unwrap();
    let (second, retold) = enrolled(&server, &endpoint, &activation, &changed, folder.path()).await;
    let (Enrol::Handset(told), Enrol::Handset(retold)) = (told, retold) else { panic!() };
    assert_eq!(second.id(), first.id());
    assert_eq!(second.seen().unwrap(), 7);
    assert_ne!(second.key().pin(), first.key().pin());
    assert_ne!(retold.salt, told.salt);
    assert!(retold.keys.stored != told.keys.stored && retold.keys.device != told.keys.device);
    assert_eq!(HandsetFile::open(folder.path()).unwrap().key().pin(), second.key().pin());

    // A change that the gateway refuses changes nothing.
    let refusal = Refusal::to_handset(Reason::EnrolmentRefused, 0);
    let serve = async {
        server.enrolment().await.answer(EnrolAnswer::Refused(refusal.clone())).await;
    };
    let again = Password::new("918273").unwrap();
    let (refused, ()) =
        tokio::join!(enrol_handset(&endpoint, &activation, &again, folder.path()), serve);
    let Err(EnrolError::Refused(told)) = refused else { panic!("{refused:?}") };
    assert_eq!(*told, refusal);
    assert_eq!(files(folder.path()), ["handset", "seen"]);
    assert_eq!(HandsetFile::open(folder.path()).unwrap().key().pin(), second.key().pin());
}

#[tokio::test]
async fn an_impostor_hears_nothing() {
    let (root, _, endpoint, folder) = place();
    let other = Root::new();
    let mut posing = other.chain(SERVER_NAME);
    posing.0.push(root.certificate());
    for chain in [other.chain(SERVER_NAME), posing] {
        let impostor = Server::new(chain, &[ALPN_ENROLMENT]);
        let activation = activation(&impostor, root.pin(), "customer", "1234-567-890");
        let (password, heard) = (password(), impostor.accept());
        let enrol = enrol_handset(&endpoint, &activation, &password, folder.path());
        let (refused, heard) = tokio::join!(enrol, heard);
        assert!(heard.is_err(), "the handshake is broken off by the handset");
        let error = refused.unwrap_err();
        assert!(matches!(error, EnrolError::Connect(ConnectError::Untrusted(_))), "{error:?}");
        assert_eq!(error.fault(), Fault::Gateway);
    }
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_gateway_that_does_not_enrol_is_told_by_name() {
    let (root, _, endpoint, folder) = place();
    let server = Server::new(root.chain(SERVER_NAME), &[ALPN]);
    let activation = activation(&server, root.pin(), "terminal", "POS00001");
    let (refused, _) =
        tokio::join!(enrol_peer(&endpoint, &activation, folder.path()), server.accept());
    let error = refused.unwrap_err();
    assert!(
        matches!(
            error,
            EnrolError::Connect(ConnectError::Greeting(_) | ConnectError::Untrusted(_))
        ),
        "{error:?}"
    );
    assert!(files(folder.path()).is_empty());
}

/// Lets the gateway do as it likes with an enrolment, of which nothing must come.
async fn spoilt<F: Future<Output = ()>>(serve: impl FnOnce(Asked) -> F) -> EnrolError {
    let (root, server, endpoint, folder) = place();
    let activation = activation(&server, root.pin(), "terminal", "POS00001");
    let serve = async { serve(server.enrolment().await).await };
    let (refused, ()) = tokio::join!(enrol_peer(&endpoint, &activation, folder.path()), serve);
    assert!(files(folder.path()).is_empty());
    refused.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_is_none_enrols_nobody() {
    let closed = spoilt(|asked| async move {
        asked.connection.close(CloseCode::TooSlow.number().into(), b"");
    });
    let error = closed.await;
    let expected = ConnectError::Closed(CloseCode::TooSlow);
    assert!(matches!(&error, EnrolError::Connect(why) if *why == expected), "{error:?}");
    let silent = spoilt(|mut asked| async move {
        asked.say(b"").await;
    });
    let error = silent.await;
    assert!(matches!(error, EnrolError::Connect(ConnectError::Greeting(_))), "{error:?}");
    let truncated = spoilt(|mut asked| async move {
        asked.say(&[9, 0x0a]).await;
    });
    let error = truncated.await;
    assert!(matches!(error, EnrolError::Connect(ConnectError::Garbage(_))), "{error:?}");
    let long = spoilt(|mut asked| async move {
        assert_eq!(asked.say(&[0x81, 0x08]).await, CloseCode::FrameTooLong.number());
    });
    let error = long.await;
    assert!(matches!(error, EnrolError::Connect(ConnectError::Garbage(_))), "{error:?}");
    let empty = spoilt(|mut asked| async move {
        asked.say(&[0]).await;
    });
    let error = empty.await;
    assert!(matches!(error, EnrolError::Answer(_)), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_is_found_before_the_gateway_is_spoken_to() {
    let (root, server, endpoint, folder) = place();
    let (phone, till) = (folder.path().join("phone"), folder.path().join("till"));
    let of = |role, id| activation(&server, root.pin(), role, id);
    let (customer, terminal) = (of("customer", "1234-567-890"), of("terminal", "POS00001"));
    let enrol = |activation, folder| {
        let (endpoint, password) = (&endpoint, password());
        async move { enrol_handset(endpoint, activation, &password, folder).await.unwrap_err() }
    };
    let error = enrol(&terminal, &phone).await;
    assert!(matches!(error, EnrolError::OtherRole(_)), "{error:?}");
    let error = enrol_peer(&endpoint, &customer, &till).await.unwrap_err();
    assert!(matches!(error, EnrolError::OtherRole(_)), "{error:?}");
    let easy = Password::new("123456").unwrap();
    let error = enrol_handset(&endpoint, &customer, &easy, &phone).await.unwrap_err();
    assert!(matches!(error, EnrolError::Guessable(Guessable::Runs)), "{error:?}");
    assert!(files(folder.path()).is_empty());

    enrolled(&server, &endpoint, &customer, &password(), &phone).await;
    let other = of("customer", "1234-567-891");
    let error = enrol(&other, &phone).await;
    assert!(matches!(error, EnrolError::InUse(Subject::Customer(_))), "{error:?}");
    // A file that cannot be read is not written over, and a folder that cannot be, is told.
    let path = phone.join("handset");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("device ", "device 0")).unwrap();
    let error = enrol(&customer, &phone).await;
    let part = matches!(&error, EnrolError::File(FileError::Malformed { part: "device", .. }));
    assert!(part, "{error:?}");
    let error = enrol(&customer, &path).await;
    assert!(matches!(error, EnrolError::File(FileError::File { .. })), "{error:?}");
    assert_eq!(error.fault(), Fault::Caller);
}

#[tokio::test]
async fn every_other_peer_is_enrolled_alike_and_connects_from_its_file() {
    let (root, server, endpoint, folder) = place();
    for (role, id) in [("terminal", "POS00001"), ("controller", "C1"), ("hub", "H1")] {
        let folder = folder.path().join(role);
        let activation = activation(&server, root.pin(), role, id);
        let serve = async {
            let asked = server.enrolment().await;
            assert!(asked.holds(&code()));
            assert!(!asked.holds(&ActivationCode::from_bytes([0x91; 16])));
            let (enrol, pin) = (asked.enrol.clone(), server::pin_of_peer(&asked.connection));
            assert_eq!(asked.answer(ENROLLED).await, CloseCode::Done.number());
            (enrol, pin)
        };
        let (file, (enrol, pin)) = tokio::join!(enrol_peer(&endpoint, &activation, &folder), serve);
        assert_eq!(file.unwrap().key().pin(), pin);
        let Enrol::Peer(told) = enrol else { panic!("{enrol:?}") };
        let file = PeerFile::open(&folder).unwrap();
        assert_eq!((file.peer(), file.key().pin()), (told.peer, pin));
        assert_eq!(Subject::Peer(file.peer()), activation.subject);
        assert_eq!((file.gateway(), file.root()), (&activation.gateway, root.pin()));
    }
    // Nobody else moves in.
    let till = folder.path().join("terminal");
    let other = activation(&server, root.pin(), "terminal", "POS00002");
    let error = enrol_peer(&endpoint, &other, &till).await.unwrap_err();
    assert!(matches!(error, EnrolError::InUse(Subject::Peer(_))), "{error:?}");

    let file = PeerFile::open(&till).unwrap();
    let PeerName::Terminal(id) = file.peer() else { panic!("{file:?}") };
    let connector = file.connector(endpoint.clone(), &QuicOptions::default()).await.unwrap();
    let connect = Terminal::connect(std::sync::Arc::new(connector), id, Options::default());
    let (terminal, _talk) = tokio::join!(connect, async {
        let mut talk = server.talk().await;
        talk.welcome().await;
        talk
    });
    assert_eq!(terminal.unwrap().id(), id);
}

#[tokio::test]
async fn the_number_of_the_last_notice_only_rises() {
    let (root, server, endpoint, folder) = place();
    let activation = activation(&server, root.pin(), "customer", "1234-567-890");
    let (file, _) = enrolled(&server, &endpoint, &activation, &password(), folder.path()).await;
    assert_eq!(file.seen().unwrap(), 0);
    for (kept, expected) in [(5, 5), (3, 5), (6, 6), (u64::MAX, u64::MAX)] {
        file.keep_seen(kept).unwrap();
        assert_eq!(file.seen().unwrap(), expected);
    }
    std::fs::write(folder.path().join("seen"), "many").unwrap();
    let error = file.seen().unwrap_err();
    assert!(matches!(error, FileError::Malformed { .. }), "{error}");
}

#[test]
fn a_file_of_another_kind_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let missing = HandsetFile::open(folder.path()).unwrap_err();
    assert!(missing.to_string().contains("handset"), "{missing}");
    for text in ["", "kessai-peer 1\n", "kessai-handset 2\n", "kessai-handset 1\nroot 1\n"] {
        std::fs::write(folder.path().join("handset"), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let owner = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.path().join("handset"), owner).unwrap();
        }
        let error = HandsetFile::open(folder.path()).unwrap_err();
        assert!(matches!(error, FileError::Malformed { .. }), "{error}");
    }
    assert!(PeerFile::open(folder.path()).is_err());
}
