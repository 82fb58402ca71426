//! Payments as they are looked up: prices in other currencies, parts, refunds; and money that is
//! moved once however often that is said.

use std::process::Command;

use kessai_client::terms::Reason;
use kessai_client::wire::{self, Capture, DeliveredLines, Delivery, ReverseCause};
use kessai_gateway::Keys;
use kessai_gateway::admin::Administration;
use kessai_gateway::admin::rows::{CaptureName, NamedByName, PaymentRow, StateName};
use serde_json::{Value, json};

use crate::evidence::{ABROAD, paid, shop};
use crate::policies::ask;
use crate::processor::{KESSAI, Processor};
use crate::support::{RICH, Shop, bounded, purchase, yen};

/// The administration beside a shop's gateway.
struct Desk {
    admin: String,
    token: std::path::PathBuf,
    _administration: Administration,
}

impl Desk {
    fn open(shop: &Shop) -> Self {
        let mut settings = shop.settings.clone();
        settings.announce = "127.0.0.1:7443".to_owned();
        settings.admin.listen = "127.0.0.1:0".parse().unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        let administration = Administration::start(&shop.gateway, &settings, &keys).unwrap();
        let admin = format!("http://{}", administration.local_addr());
        let token = settings.keys.join("admin.token");
        Self { admin, token, _administration: administration }
    }

    fn kessai(&self, words: &[&str]) -> String {
        let mut command = Command::new(KESSAI);
        command.args(words).args(["--admin", &self.admin, "--token-file"]).arg(&self.token);
        let output = command.env_remove("KESSAI_CONFIG").output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.kessai(&[words, &["--json"]].concat())).unwrap()
    }

    fn exported(&self) -> Vec<PaymentRow> {
        let token = std::fs::read_to_string(&self.token).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let url = format!("{}/v1/export/payments", self.admin);
        let mut response = ureq::get(url).header("Authorization", bearer).call().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_price_and_its_refunds_are_told_in_both_currencies() {
    let shop = shop().await;
    let (desk, till) = (Desk::open(&shop), shop.till(0).await);
    let foreign = paid(&shop, &till, purchase(till.payment_id(), ABROAD, 10_000), 3, 0).await;
    let id = foreign.payment.to_string();
    let mut made = Vec::new();
    for price in [3_000, 2_000] {
        let refund = till.payment_id();
        let refund = wire::Refund { refund, payment: foreign.payment, amount: yen(price) };
        let told = bounded(till.refund(refund)).await.unwrap();
        made.push((refund.refund.to_string(), told.refund.unwrap().reference.to_string()));
    }
    let shown: PaymentRow = serde_json::from_value(desk.json(&["payment", "show", &id])).unwrap();
    assert_eq!((shown.state, shown.named_by), (StateName::Refunded, Some(NamedByName::Id)));
    assert_eq!(shown.capture, Some(CaptureName::AtApproval));
    let charged = (shown.amount_minor, shown.currency.as_deref());
    assert_eq!(charged, (Some(6_496), Some("USD")));
    let price = serde_json::to_value(&shown.foreign).unwrap();
    let expected =
        json!({"price_minor": 10_000, "currency": "JPY", "rate": "0.006496", "markup_bp": 150});
    assert_eq!(price, expected);
    assert_eq!((shown.captured_minor, shown.captured_price_minor), (6_496, 10_000));
    assert_eq!((shown.refunded_minor, shown.refunded_price_minor), (3_248, 5_000));
    let refunds: Vec<_> =
        shown.refunds.iter().map(|it| (it.amount_minor, it.price_minor, &*it.terminal)).collect();
    assert_eq!(refunds, [(1_949, 3_000, "POS1"), (1_299, 2_000, "POS1")]);
    for (row, (id, reference)) in shown.refunds.iter().zip(&made) {
        assert_eq!((&row.refund, &row.reference), (id, reference));
        assert!(row.refunded_at_ms >= shown.opened_at_ms);
    }
    assert_eq!(desk.exported(), std::slice::from_ref(&shown));
    let list = desk.json(&["payment", "list"]);
    assert_eq!(list, json!([serde_json::to_value(&shown).unwrap()]));
    let page = desk.kessai(&["payment", "show", &id]);
    let named = ["foreign\n  price_minor  10000\n", "\nrefunds\n  refund "];
    assert!(named.iter().all(|part| page.contains(part)), "{page}");

    let totals =
        desk.json(&["terminal", "totals", "POS1", "--date", &shown.business_date.to_string()]);
    let expected = json!([{
        "currency": "JPY", "captures": 1, "captured_minor": "10000", "reversals": 0,
        "reversed_minor": "0", "refunds": 2, "refunded_minor": "5000",
    }]);
    assert_eq!(totals, expected);
    let customer = desk.json(&["customer", "show", ABROAD]);
    let today = json!({"business_date": shown.business_date, "amount_minor": 6_496, "count": 1});
    assert_eq!(customer["today"], today);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_and_reversals_are_told() {
    let shop = shop().await;
    let (desk, machine) = (Desk::open(&shop), shop.till(2).await);
    let order = || {
        let mut asking = purchase(machine.payment_id(), RICH, 130);
        asking.capture = Capture::OnDelivery;
        asking.lines[0].quantity = 3;
        asking.claimed_total = yen(390);
        asking
    };
    let show = |id: kessai_client::terms::PaymentId| {
        let shown = desk.json(&["payment", "show", &id.to_string()]);
        serde_json::from_value::<PaymentRow>(shown).unwrap()
    };
    let part = paid(&shop, &machine, order(), 0, 0).await.payment;
    assert_eq!(show(part).state, StateName::Authorised);
    let lines = Delivery::Lines(DeliveredLines::new([(0, 2)]).unwrap());
    bounded(machine.deliver(part, lines)).await.unwrap();
    let shown = show(part);
    assert_eq!((shown.state, shown.amount_minor), (StateName::Captured, Some(390)));
    assert_eq!((shown.captured_minor, shown.captured_price_minor), (260, 260));
    assert_eq!((shown.capture, shown.foreign), (Some(CaptureName::OnDelivery), None));
    assert_eq!(shown.refunds, []);
    for (cause, reason) in [
        (ReverseCause::NotDispensed, Reason::NotDispensed),
        (ReverseCause::OnRequest, Reason::ReversedOnRequest),
    ] {
        let payment = bounded(ordered(&shop, &machine, order())).await;
        bounded(machine.reverse(payment, cause)).await.unwrap();
        let shown = show(payment);
        assert_eq!(shown.state, StateName::Reversed);
        assert_eq!(shown.reason.as_deref(), Some(reason.name()));
    }
}

/// Pays at a machine with a handset that has been told before.
async fn ordered(
    shop: &Shop,
    machine: &kessai_client::Terminal,
    asking: wire::Purchase,
) -> kessai_client::terms::PaymentId {
    let (phone, mut events) = shop.phone(0, u64::MAX).await;
    let (end, ()) = tokio::join!(machine.pay(asking), async {
        let question = crate::support::asked(&mut events).await;
        phone.approve(&question, shop.secrets(0)).await.unwrap();
    });
    end.unwrap().payment
}

#[test]
fn a_credit_or_debit_that_is_said_again_moves_nothing() {
    let mut processor = Processor::start();
    processor.enter_shop();
    let path = |way: &str| format!("/v1/customers/C-1/{way}");
    let transfer = |processor: &Processor, way: &str, minor: u64, reference: &str| {
        let body = json!({"amount_minor": minor, "reference": reference});
        let (status, problem) = ask(processor, "POST", &path(way), &body);
        (status.as_u16(), problem["detail"].as_str().map(str::to_owned))
    };
    let balance = |processor: &Processor| {
        processor.json(&["customer", "show", "C-1"])["balance_minor"].as_u64().unwrap()
    };
    for _ in 0..2 {
        assert_eq!(transfer(&processor, "credit", 500, "top-up 7"), (204, None));
        assert_eq!(transfer(&processor, "debit", 200, "correction"), (204, None));
        assert_eq!(balance(&processor), 1_300);
    }
    let reused = "the reference was used for another credit or debit of customer C-1";
    for (way, minor, reference) in
        [("credit", 501, "top-up 7"), ("debit", 500, "top-up 7"), ("credit", 200, "correction")]
    {
        let told = transfer(&processor, way, minor, reference);
        assert_eq!(told, (409, Some(reused.to_owned())), "{way} {minor} {reference}");
    }
    assert_eq!(balance(&processor), 1_300);
    processor.stop("-KILL");
    processor.serve_again();
    assert_eq!(transfer(&processor, "credit", 500, "top-up 7"), (204, None));
    assert_eq!(
        processor.kessai(&["customer", "credit", "C-1", "500", "--reference", "top-up 7"]),
        ""
    );
    assert_eq!(balance(&processor), 1_300, "after a restart too");
}
