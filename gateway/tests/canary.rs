//! Looks into everything that our crates log while people pay, for what must never stand there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::panic,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "a test may panic, and uses a part of what tests share"
)]

mod support;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kessai_client::wire::v1::{self, to_gateway::Body};
use kessai_client::{Answered, Event};
use support::owner::{asking, by_code, in_currency, refusal};
use support::raw::Raw;
use support::{POOR, RICH, Shop, asked, bounded, purchase, wrong_secrets};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The same bytes in the ways that a log may show them.
fn spellings(bytes: &[u8]) -> Vec<String> {
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let listed: Vec<_> = bytes.iter().map(ToString::to_string).collect();
    vec![lower.to_uppercase(), lower, listed.join(", "), listed.join(",")]
}

#[tokio::test]
async fn nothing_that_our_crates_log_tells_of_people_money_or_keys() {
    let log = Log::default();
    let ours = [
        "kessai",
        "kessai_gateway",
        "kessai_engine",
        "kessai_journal",
        "kessai_wire",
        "kessai_terms",
        "kessai_client",
    ];
    let targets = Targets::new().with_targets(ours.map(|name| (name, LevelFilter::TRACE)));
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone());
    tracing_subscriber::registry().with(layer.with_filter(targets)).init();
    tracing::info!(target: "kessai_gateway", "the canary sings");

    let shop = Shop::start().await;
    let mut secrets = people_pay(&shop).await;
    let sealing = std::fs::read_to_string(shop.settings.keys.join("sealing.keys")).unwrap();
    secrets.push(sealing.trim().rsplit(' ').next().unwrap().to_owned());
    let token = std::fs::read_to_string(shop.settings.keys.join("admin.token")).unwrap();
    secrets.push(token.trim().to_owned());
    let codes = codes_that_pay(&shop).await;
    bounded(shop.gateway.stop()).await;
    let kept = kept_in(&shop.settings.data);
    assert!(find(&kept, RICH.as_bytes()), "the journal names who paid, but not by which code");
    for code in &codes {
        assert!(!find(&kept, code.as_bytes()), "a code is kept");
    }
    secrets.extend(codes);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("the canary sings"), "nothing is captured");
    assert!(logged.contains("closed"), "the gateway's own lines are there: {logged}");
    for secret in secrets {
        assert!(!logged.contains(&secret), "{secret} stands in the log: {logged}");
    }
}

/// Pays by code, and tries one that is used up and one that meets a refusal; gives the codes.
async fn codes_that_pay(shop: &Shop) -> Vec<String> {
    let (till, mut rich) = (shop.till(0).await, shop.owner(0).await);
    let mut codes = Vec::new();
    let used = rich.code().await;
    let waiting = asking(&till, by_code(purchase(till.payment_id(), RICH, 10), used));
    // What it was told and asked of before comes first.
    let question = loop {
        match bounded(rich.events.next()).await.unwrap() {
            Event::Asked(question) if question.confirmation.total().amount.minor() == 10 => {
                break question;
            }
            _ => {}
        }
    };
    bounded(rich.phone.approve(&question, &rich.secrets)).await.unwrap();
    bounded(waiting).await.unwrap().unwrap();
    let fresh = rich.code().await;
    let again = by_code(purchase(till.payment_id(), RICH, 10), used);
    refusal(till.pay(again).await);
    let abroad = by_code(purchase(till.payment_id(), RICH, 10), fresh);
    refusal(till.pay(in_currency(abroad, "USD")).await);
    for code in [used, fresh] {
        codes.extend([code.as_str().to_owned(), code.grouped()]);
    }
    codes
}

/// Everything that a data directory holds.
fn kept_in(folder: &Path) -> Vec<u8> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let more = if path.is_dir() { kept_in(&path) } else { std::fs::read(&path).unwrap() };
        kept.extend(more);
    }
    kept
}

fn find(kept: &[u8], wanted: &[u8]) -> bool {
    kept.windows(wanted.len()).any(|bytes| bytes == wanted)
}

/// Pays, mistypes, runs out of money and breaks the protocol; gives everything that must not be
/// logged.
async fn people_pay(shop: &Shop) -> Vec<String> {
    let till = shop.till(0).await;
    let (phone, mut events) = shop.phone(0, 0).await;
    let asking = purchase(till.payment_id(), RICH, 4_321);
    let mut secrets: Vec<_> =
        [RICH, POOR, "お茶", "鈴木", "上野", "4321", "4,321", "4901777018686"]
            .map(str::to_owned)
            .to_vec();
    let (end, answered) = bounded(async {
        tokio::join!(till.pay(asking), async {
            let question = asked(&mut events).await;
            phone.approve(&question, &wrong_secrets()).await.unwrap();
            phone.approve(&question, shop.secrets(0)).await.unwrap()
        })
    })
    .await;
    end.unwrap();
    assert!(matches!(answered, Answered::Approved(_)));
    bounded(till.pay(purchase(till.payment_id(), POOR, 4_321))).await.unwrap();

    // A prompt and a proof whose bytes we know, with faults of every kind after them.
    let (address, other) = (shop.gateway.local_addr(), &shop.people.phones[1]);
    let mut raw = Raw::phone(&other.key, address, other.id).await;
    raw.attach().await;
    let paying = tokio::spawn({
        let till = till.clone();
        let asking = purchase(till.payment_id(), RICH, 4_321);
        async move { till.pay(asking).await }
    });
    let prompt = raw.prompt().await;
    let prove = v1::Prove {
        payment_id: Bytes::copy_from_slice(
            kessai_client::wire::Confirmation::decode(&prompt.content).unwrap().payment.as_bytes(),
        ),
        server_nonce: prompt.server_nonce.clone(),
        handset_nonce: vec![0xa5; 32].into(),
        proof: vec![0xc3; 32].into(),
        hub_tag: Bytes::new(),
        shown_ago_ms: None,
    };
    for bytes in [&prompt.server_nonce, &prove.handset_nonce, &prove.proof] {
        secrets.extend(spellings(bytes));
    }
    raw.ask(Body::Prove(prove.clone())).await;
    raw.ask(Body::Prove(v1::Prove { proof: prove.proof.slice(1..), ..prove })).await;
    raw.send_bytes(b"\x20090-1111-1111 is no message at all").await;
    raw.close_code().await;
    paying.abort();

    for phone in &shop.people.phones {
        let keys = phone.secrets.device_keys();
        for key in [keys.stored.expose(), keys.server.expose(), keys.device.expose()] {
            secrets.extend(spellings(key));
        }
        secrets.extend(spellings(phone.secrets.expose_seed()));
        secrets.extend(spellings(phone.id.device.as_bytes()));
    }
    secrets
}
