//! `kessai evidence` over a real data directory: every end that a payment can come to, beside a
//! gateway that serves and without one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use kessai_client::terms::collation::Salt;
use kessai_client::terms::{Currency, PaymentId, Reason};
use kessai_client::wire::{self, Capture, DeliveredLines, Delivery, Payment, Purchase};
use kessai_client::{PeerKey, Terminal};
use kessai_engine::{CustomerAdded, DeviceAdded, KeyPin};
use kessai_gateway::Keys;
use serde_json::{Value, json};

use crate::processor::KESSAI;
use crate::support::{
    NOBODY, POOR, Phone, RICH, Shop, asked, bounded, purchase, secrets_of, wrong_secrets, yen,
};

/// Whose balance is in dollars.
pub const ABROAD: &str = "090-3333-3333";

pub fn config(shop: &Shop) -> PathBuf {
    shop.settings.data.parent().unwrap().join("kessai.toml")
}

fn run(config: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(KESSAI);
    command.arg("evidence").args(words).arg("--config").arg(config);
    command.env_remove("KESSAI_CONFIG").output().unwrap()
}

/// The evidence of a payment whose checks must all hold.
fn evidence(config: &Path, payment: PaymentId) -> Value {
    let output = run(config, &[&payment.to_string(), "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_str(&text).unwrap();
    for check in read["checks"].as_array().unwrap() {
        // When a handset showed it is rounded to milliseconds on both sides.
        let is_rounded = check["name"] == "shown_between" && check["result"] == "warning";
        assert!(check["result"] == "ok" || is_rounded, "{check}");
    }
    read
}

fn steps(evidence: &Value) -> Vec<&str> {
    let steps = evidence["steps"].as_array().unwrap().iter();
    steps.map(|step| step["what"].as_str().unwrap()).collect()
}

#[track_caller]
fn check(config: &Path, payment: PaymentId, end: &str, reason: Reason, expected: &[&str]) -> Value {
    let read = evidence(config, payment);
    assert_eq!((&read["outcome"]["state"], steps(&read)), (&json!(end), expected.to_vec()));
    assert_eq!(read["outcome"]["reason"], reason.name());
    read
}

/// A shop whose prices a customer abroad pays in dollars.
pub async fn shop() -> Shop {
    let rates = tempfile::NamedTempFile::new().unwrap();
    let line = "JPY,USD,0.0064,150,2020-01-01T00:00:00Z,2100-01-01T00:00:00Z";
    let heading = "base,quote,rate,markup_bp,valid_from,valid_until";
    std::fs::write(rates.path(), format!("{heading}\n{line}\n")).unwrap();
    let mut shop = Shop::start_with(|settings| {
        settings.exchange.rates = rates.path().to_owned();
        settings.payments.prompt = Duration::from_millis(1_500);
    })
    .await;
    let keys = Keys::load(&shop.settings.keys).unwrap();
    let (engine, journal) = (shop.engine(), shop.gateway.journal());
    let currency = Currency::from_code("USD").unwrap();
    let customer = ABROAD.parse().unwrap();
    let added = CustomerAdded { customer, currency, balance: yen(100_000) };
    engine.add_customer(added, 1, journal.reserve().unwrap()).unwrap();
    let phone = abroad(PeerKey::generate().unwrap());
    let device = phone.id.device;
    let sealed = keys.current_sealing_key();
    let row = sealed.seal(&phone.secrets.device_keys(), &customer, &device, 1, [9; 12]);
    let pin = KeyPin(phone.key.pin());
    let added = DeviceAdded { customer, device, pin, salt: Salt([1; 16]), row };
    let after = engine.add_device(added, 1, journal.reserve().unwrap()).unwrap();
    bounded(journal.when_durable(after)).await;
    shop.people.phones.push(phone);
    shop
}

fn abroad(key: PeerKey) -> Phone {
    let device = kessai_client::terms::DeviceId([9; 16]);
    let id = wire::Handset { customer: ABROAD.parse().unwrap(), device };
    Phone { id, key, secrets: secrets_of(9) }
}

/// Pays, the customer approving at the first try or the second.
pub async fn paid(
    shop: &Shop,
    till: &Terminal,
    asking: Purchase,
    number: usize,
    wrong: usize,
) -> Payment {
    let (phone, mut events) = shop.phone(number, 0).await;
    let (end, ()) = bounded(async {
        tokio::join!(till.pay(asking), async {
            let question = asked(&mut events).await;
            for _ in 0..wrong {
                phone.approve(&question, &wrong_secrets()).await.unwrap();
            }
            phone.approve(&question, shop.secrets(number)).await.unwrap();
        })
    })
    .await;
    end.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_has_its_evidence_beside_a_gateway_that_serves() {
    let shop = shop().await;
    let (config, till) = (config(&shop), shop.till(0).await);
    let approved = paid(&shop, &till, purchase(till.payment_id(), RICH, 1_234), 0, 1).await;
    let at = |read: &Value, name: &str| read["times"][name].as_u64().unwrap();
    let read = check(
        &config,
        approved.payment,
        "captured",
        Reason::Approved,
        &["opened", "wrong_proof", "approved"],
    );
    assert_eq!(read["shown"]["merchant"], json!({"id": "SUZUKI1", "name": "鈴木商店"}));
    assert_eq!(read["shown"]["lines"][0]["name"], "濃いお茶 525ml");
    assert_eq!(read["shown"]["total_minor"], 1_234);
    assert_eq!(read["content"]["sha256"], read["content"]["recorded"]);
    assert_eq!(read["approval"]["device"], "01".repeat(16));
    assert_eq!(read["outcome"]["approval_number"], approved.approval.unwrap().number.to_string());
    assert!(at(&read, "received_at_ms") <= at(&read, "held_at_ms"));
    assert!(at(&read, "delivered_at_ms") <= at(&read, "answered_at_ms"));

    let declined = bounded(till.pay(purchase(till.payment_id(), POOR, 101))).await.unwrap();
    let read =
        check(&config, declined.payment, "declined", Reason::InsufficientFunds, &["declined"]);
    assert_eq!((&read["shown"], &read["content"]), (&Value::Null, &Value::Null));
    let nobody = bounded(till.pay(purchase(till.payment_id(), NOBODY, 101))).await.unwrap();
    check(&config, nobody.payment, "declined", Reason::CustomerUnknown, &["declined"]);

    let (phone, mut events) = shop.phone(0, 1_000).await;
    let asking = purchase(till.payment_id(), RICH, 500);
    let (cancelled, _) = bounded(async {
        tokio::join!(till.pay(asking), async {
            let question = asked(&mut events).await;
            phone.refuse(question.payment()).await.unwrap()
        })
    })
    .await;
    let (steps, reason) = (["opened", "cancelled"], Reason::CancelledByCustomer);
    check(&config, cancelled.unwrap().payment, "cancelled", reason, &steps);
    let expired = bounded(till.pay(purchase(till.payment_id(), RICH, 500))).await.unwrap();
    let (steps, reason) = (["opened", "expired"], Reason::ExpiredUnanswered);
    check(&config, expired.payment, "expired", reason, &steps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_refunds_and_other_currencies_have_their_evidence_after_the_gateway_too() {
    let shop = shop().await;
    let (config, till, machine) = (config(&shop), shop.till(0).await, shop.till(2).await);
    let mut asking = purchase(machine.payment_id(), RICH, 130);
    asking.capture = Capture::OnDelivery;
    asking.lines[0].quantity = 3;
    asking.claimed_total = yen(390);
    let ordered = paid(&shop, &machine, asking, 0, 0).await;
    let lines = Delivery::Lines(DeliveredLines::new([(0, 2)]).unwrap());
    bounded(machine.deliver(ordered.payment, lines)).await.unwrap();
    let read = check(
        &config,
        ordered.payment,
        "captured",
        Reason::Approved,
        &["opened", "approved", "captured"],
    );
    assert_eq!(read["outcome"]["captured_minor"], 260);
    assert_eq!(read["shown"]["total_minor"], 390);

    let foreign = paid(&shop, &till, purchase(till.payment_id(), ABROAD, 10_000), 3, 0).await;
    let refund = |price| wire::Refund {
        refund: till.payment_id(),
        payment: foreign.payment,
        amount: yen(price),
    };
    let (first, second) = (refund(3_000), refund(2_000));
    bounded(till.refund(first)).await.unwrap();
    bounded(till.refund(second)).await.unwrap();
    let expected = ["opened", "approved", "refunded", "refunded"];
    let read = check(&config, foreign.payment, "refunded", Reason::Approved, &expected);
    // 10,000 yen at 0.0064 dollars and 1.5 % on top.
    let shown =
        json!({"price_minor": 10_000, "currency": "JPY", "rate": "0.006496", "markup_bp": 150});
    assert_eq!((&read["shown"]["foreign"], &read["shown"]["total_minor"]), (&shown, &6_496.into()));
    assert_eq!(read["outcome"]["refunded_minor"], 3_248);
    assert_eq!(read["refunds"][0]["refund"], first.refund.to_string());
    let by_refund = evidence(&config, second.refund);
    assert_eq!(
        (&by_refund["payment"], &by_refund["refunds"]),
        (&read["payment"], &read["refunds"])
    );
    assert_eq!(by_refund["refund"], second.refund.to_string());

    bounded(shop.gateway.stop()).await;
    let page = run(&config, &[&foreign.payment.to_string()]);
    assert_eq!(page.status.code(), Some(0));
    let page = String::from_utf8(page.stdout).unwrap();
    for line in [
        "  charge              64.96 USD for 10,000 JPY",
        "  refunded            32.48 USD for 5,000 JPY",
        "  1 JPY = 0.006496 USD, with a mark-up of 1.5 %",
        "  ok       content_digest",
        "  ok       chain",
    ] {
        assert!(page.lines().any(|one| one == line), "{line} is not in\n{page}");
    }
    let token = Keys::admin_token(&shop.settings.keys).unwrap();
    let keys = std::fs::read_to_string(shop.settings.keys.join("sealing.keys")).unwrap();
    for secret in [token.as_str(), keys.split_whitespace().last().unwrap()] {
        assert!(!page.contains(secret));
    }

    damage(&shop.settings.data.join("journal"), page.as_str());
    let (code, out, _) = told(&run(&config, &[&ordered.payment.to_string()]));
    assert_eq!(code, 3);
    assert!(out.contains("  failed   chain") && out.contains("DAMAGED"), "{out}");
    assert_eq!(out.matches("  failed").count(), 1, "{out}");
}

/// Flips a byte of the batch in which the page's first refund stands.
fn damage(journal: &Path, page: &str) {
    let mut records = page.lines().filter(|line| line.starts_with("  refunded "));
    let (_, offset) = records.find_map(|line| line.split_once(" offset ")).unwrap();
    let offset: usize = offset.parse().unwrap();
    let files = std::fs::read_dir(journal).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| std::fs::metadata(path).unwrap().len() >= 1 << 20).collect();
    files.sort();
    let mut bytes = std::fs::read(&files[0]).unwrap();
    bytes[offset + 100] ^= 1;
    std::fs::write(&files[0], bytes).unwrap();
}

pub fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_cannot_be_told_is_named() {
    let processor = crate::processor::Processor::start();
    let config = processor.path("kessai.toml");
    let unknown = "01890a5d-ac96-7b1e-8c5a-3f2d6e9b4c10";
    let expected =
        format!("kessai: the journal holds no record of a payment or refund {unknown}\n");
    assert_eq!(told(&run(&config, &[unknown])), (1, String::new(), expected));
    let (code, out, err) = told(&run(&config, &["nonsense"]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("kessai: this is no payment id: "), "{err}");
    let (code, out, _) = told(&run(&processor.path("none.toml"), &[unknown]));
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(run(&config, &[]).status.code(), Some(2));
}
