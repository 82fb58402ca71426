//! The archive on a real data directory whose journal was trimmed: evidence, lists and exports reach
//! into it, and it can be made anew.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use kessai_client::terms::PaymentId;
use kessai_engine::{Lsn, Merchant, RegisterChange};
use kessai_gateway::admin::Administration;
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use serde_json::{Value, json};

use crate::evidence::{config, paid, told};
use crate::processor::KESSAI;
use crate::support::{RICH, Shop, bounded, purchase};

/// A shop with a journal that is soon trimmed, and payments that soon leave.
fn forget(settings: &mut Settings) {
    settings.payments.memory = Duration::from_secs(1);
    settings.journal.snapshot = Duration::from_millis(100);
    settings.admin.listen = ([127, 0, 0, 1], 0).into();
}

fn administered(shop: &Shop) -> Administration {
    let keys = Keys::load(&shop.settings.keys).unwrap();
    Administration::start(&shop.gateway, &shop.settings, &keys).unwrap()
}

/// Runs a command that may ask the gateway.
fn kessai(config: &Path, administration: Option<&Administration>, words: &[&str]) -> Output {
    let mut command = Command::new(KESSAI);
    command.args(words).arg("--config").arg(config).env_remove("KESSAI_CONFIG");
    if let Some(administration) = administration {
        command.arg("--admin").arg(format!("http://{}", administration.local_addr()));
        command.arg("--token-file").arg(config.with_file_name("keys/admin.token"));
    }
    command.output().unwrap()
}

/// What a command prints as JSON that must succeed.
fn asked(config: &Path, administration: &Administration, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    let (code, out, err) = told(&kessai(config, Some(administration), &words));
    assert_eq!(code, 0, "{out}{err}");
    serde_json::from_str(&out).unwrap()
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join("journal")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.metadata().is_ok_and(|found| found.len() >= 1 << 20)).collect();
    files.sort();
    files
}

/// Has the journal go on, each record a block, until its first segment is trimmed.
async fn trimmed(gateway: &Gateway, data: &Path) {
    let first = segments(data).remove(0);
    let change = RegisterChange::Merchant(Merchant {
        id: "OTHER".parse().unwrap(),
        name: "Other Shop".parse().unwrap(),
        invoice_number: None,
    });
    bounded(async {
        while first.exists() {
            let slot = gateway.journal().reserve().unwrap();
            let changes = vec![(change.clone(), slot)];
            let entered = gateway.engine().enter_register(changes, gateway.now_ms()).unwrap();
            gateway.journal().when_durable(entered.after).await;
        }
    })
    .await;
}

async fn left(shop: &Shop, payment: PaymentId) {
    bounded(async {
        while !shop.engine().is_archived(&payment) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Evidence of which all holds but for what a trimmed journal cannot prove, which is told as such;
/// without that, and without how far the journal goes.
fn evidence(config: &Path, gateway: Option<&Administration>, payment: PaymentId) -> Value {
    let id = payment.to_string();
    let (code, out, err) = told(&kessai(config, gateway, &["evidence", &id, "--json"]));
    assert_eq!(code, 0, "{out}{err}");
    let mut read: Value = serde_json::from_str(&out).unwrap();
    for check in read["checks"].as_array().unwrap() {
        let result = match check["name"].as_str().unwrap() {
            "in_journal" => "warning",
            // When a handset showed it is rounded to milliseconds on both sides.
            "shown_between" => continue,
            _ => "ok",
        };
        assert_eq!(check["result"], result, "{check}");
    }
    let fields = read.as_object_mut().unwrap();
    fields.remove("journal");
    fields.remove("checks");
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_journal_no_longer_holds_is_had_from_the_archive() {
    let shop = Shop::start_with(forget).await;
    let (config, data, till) = (config(&shop), shop.settings.data.clone(), shop.till(0).await);
    let asking = purchase(till.payment_id(), RICH, 1_234);
    let payment = paid(&shop, &till, asking, 0, 1).await.payment;
    let before = evidence(&config, None, payment);
    left(&shop, payment).await;
    trimmed(&shop.gateway, &data).await;

    let administration = administered(&shop);
    assert_eq!(evidence(&config, Some(&administration), payment), before);
    let id = payment.to_string();
    let shown = asked(&config, &administration, &["payment", "show", &id]);
    assert_eq!((&shown["archived"], &shown["captured_minor"]), (&json!(true), &json!(1_234)));
    let listed = asked(&config, &administration, &["payment", "list"]);
    assert_eq!(listed, json!([shown]));
    let pending = asked(&config, &administration, &["payment", "list", "--state", "pending"]);
    assert_eq!(pending, json!([]));
    let status = asked(&config, &administration, &["archive", "status"]);
    assert_eq!((&status["first_record"], &status["records"]), (&json!(1), &json!(3)));
    administration.stop();

    let (settings, hash) = (shop.settings.clone(), shop.engine().state_hash());
    bounded(shop.gateway.stop()).await;
    assert_eq!(evidence(&config, None, payment), before);
    let keys = Keys::load(&settings.keys).unwrap();
    let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
    assert!(node.replayed_after() > Lsn::NONE);
    assert_eq!(node.engine().state_hash(), hash, "snapshot and tail are all of it");
    assert!(node.engine().is_archived(&payment), "its id opens nothing any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_is_made_anew_and_says_what_is_missing() {
    let shop = Shop::start_with(forget).await;
    let (config, data, till) = (config(&shop), shop.settings.data.clone(), shop.till(0).await);
    let asking = purchase(till.payment_id(), RICH, 1_234);
    let payment = paid(&shop, &till, asking, 0, 0).await.payment;
    left(&shop, payment).await;
    let rebuild = || told(&kessai(&config, None, &["archive", "rebuild"]));
    let (code, _, err) = rebuild();
    assert!(code == 1 && err.contains("stop the gateway first"), "{err}");
    trimmed(&shop.gateway, &data).await;
    bounded(shop.gateway.stop()).await;

    // From the old one and the journal: nothing is lost.
    let before = evidence(&config, None, payment);
    let (code, out, err) = rebuild();
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("The archive has records 1 to "), "{out}");
    assert!(!out.contains("Missing"), "{out}");
    assert_eq!(evidence(&config, None, payment), before);

    // From the journal alone.
    std::fs::remove_dir_all(data.join("archive")).unwrap();
    let id = payment.to_string();
    let (code, _, err) = told(&kessai(&config, None, &["evidence", &id]));
    assert!(code == 1 && err.contains("the archive cannot be read"), "{err}");
    let (code, out, err) = rebuild();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Missing are records 1 to "), "{out}");
    let (code, _, err) = told(&kessai(&config, None, &["evidence", &id]));
    assert!(code == 1 && err.contains("no record of a payment"), "{err}");
}
