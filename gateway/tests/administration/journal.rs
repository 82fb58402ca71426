//! `kessai journal check` and `dump` on real journals: in use, at rest and damaged. Not a byte and
//! not a time of any file changes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kessai_client::wire;
use kessai_gateway::Keys;
use serde_json::Value;

use crate::evidence::{ABROAD, config, paid, shop, told};
use crate::processor::{KESSAI, Processor};
use crate::support::{NOBODY, POOR, RICH, Shop, bounded, purchase, yen};
use crate::tables::{CUSTOMERS, PERSONAL};

fn journal(config: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(KESSAI);
    command.arg("journal").args(words).arg("--config").arg(config);
    command.env_remove("KESSAI_CONFIG").output().unwrap()
}

/// What a command prints that must succeed.
fn printed(config: &Path, words: &[&str]) -> String {
    let (code, out, err) = told(&journal(config, words));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out
}

fn rows(dump: &str) -> Vec<Value> {
    dump.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn words<'r>(rows: &'r [Value], field: &str) -> Vec<&'r str> {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect()
}

/// Everything in a directory: bytes, lengths, owners' marks, and when it was last changed.
fn standing(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, [i64; 5])> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .chain([directory.to_owned()])
        .map(|path| {
            let marks = std::fs::metadata(&path).unwrap();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            let marks = [
                marks.mtime(),
                marks.mtime_nsec(),
                marks.ctime(),
                marks.ctime_nsec(),
                i64::try_from(marks.blocks()).unwrap(),
            ];
            (path, (bytes, marks))
        })
        .collect()
}

/// Runs both commands, which must change nothing, and gives their codes and what they say.
#[track_caller]
fn check(config: &Path, directory: &Path, code: i32, said: &str) -> Vec<Value> {
    let before = standing(directory);
    let place = directory.to_str().unwrap();
    let (checked, out, err) = told(&journal(config, &["check", place]));
    assert_eq!(checked, code, "{out}{err}");
    assert!(format!("{out}{err}").contains(said), "{out}{err}");
    let (dumped, out, _) = told(&journal(config, &["dump", place]));
    assert_eq!(dumped, code);
    assert!(standing(directory) == before, "something was changed in {place}");
    rows(&out)
}

/// Makes payments of all kinds, and gives one that was refunded with its refund.
async fn trade(shop: &Shop) -> (String, String) {
    let till = shop.till(0).await;
    let approved = paid(shop, &till, purchase(till.payment_id(), RICH, 1_234), 0, 1).await;
    for nobody in [POOR, NOBODY] {
        bounded(till.pay(purchase(till.payment_id(), nobody, 101))).await.unwrap();
    }
    bounded(till.cancel(till.payment_id())).await.unwrap();
    let payment = approved.payment;
    let refund = wire::Refund { refund: till.payment_id(), payment, amount: yen(234) };
    bounded(till.refund(refund)).await.unwrap();
    let back = paid(shop, &till, purchase(till.payment_id(), ABROAD, 500), 3, 0).await;
    bounded(till.reverse(back.payment, wire::ReverseCause::OnRequest)).await.unwrap();
    (payment.to_string(), refund.refund.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_told_without_secrets_beside_a_gateway_that_serves() {
    let shop = shop().await;
    let config = config(&shop);
    let (payment, refund) = trade(&shop).await;
    let checked = printed(&config, &["check"]);
    let dump = printed(&config, &["dump"]);
    let all = rows(&dump);
    assert!(checked.ends_with("\nsound\n"), "{checked}");
    assert!(checked.contains(&format!("segment 1: records 1 to {} in", all.len())), "{checked}");
    let numbers: Vec<_> = all.iter().map(|row| row["record"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..).take(all.len()).collect::<Vec<_>>());
    let kinds: BTreeSet<_> = words(&all, "what").into_iter().collect();
    for kind in ["opened", "mismatched", "approved", "declined", "overtaken", "refunded"] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }

    let of_it = rows(&printed(&config, &["dump", "--payment", &payment]));
    assert_eq!(words(&of_it, "what"), ["opened", "mismatched", "approved", "refunded"]);
    assert_eq!(of_it[0]["amount_minor"], 1_234);
    assert_eq!(of_it[0]["merchant"], "SUZUKI1");
    assert_eq!(of_it[1]["handset"], of_it[2]["handset"]);
    let of_refund = rows(&printed(&config, &["dump", "--payment", &refund]));
    assert_eq!((of_refund.len(), &of_refund[0]), (1, &of_it[3]));
    let from = of_it[3]["record"].to_string();
    let tail = rows(&printed(&config, &["dump", "--from", &from]));
    assert_eq!(tail, all[usize::try_from(of_it[3]["record"].as_u64().unwrap()).unwrap() - 1..]);

    let token = Keys::admin_token(&shop.settings.keys).unwrap();
    let pins = shop.people.phones.iter().map(|phone| hex::encode(phone.key.pin()));
    let devices = shop.people.phones.iter().map(|phone| phone.id.device.to_string());
    let named = [RICH, POOR, NOBODY, "鈴木", "濃いお茶", &token].map(str::to_owned);
    for secret in named.into_iter().chain(pins).chain(devices) {
        assert!(!dump.contains(&secret), "{secret} stands in the dump");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_at_rest_or_damaged_is_told_and_left_as_it_is() {
    let shop = shop().await;
    let config = config(&shop);
    let (payment, _) = trade(&shop).await;
    bounded(shop.gateway.stop()).await;
    let directory = shop.settings.data.join("journal");
    let whole = check(&config, &directory, 0, "\nsound\n");
    assert_eq!(rows(&printed(&config, &["dump", shop.settings.data.to_str().unwrap()])), whole);

    let opened = whole.iter().find(|row| row["payment"] == payment.as_str()).unwrap();
    let batch = |name: &str| usize::try_from(opened["batch"][name].as_u64().unwrap()).unwrap();
    let mut segments: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| std::fs::metadata(path).unwrap().len() >= 1 << 20);
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    bytes[batch("offset") + 100] ^= 1;
    std::fs::write(&segments[0], bytes).unwrap();
    let place = format!("damage: the journal is corrupt at segment 1 offset {}", batch("offset"));
    let before = check(&config, &directory, 1, &place);
    assert_eq!(before, whole[..batch("first_record") - 1]);

    std::fs::write(&segments[0], b"").unwrap();
    assert_eq!(check(&config, &directory, 1, "DAMAGED"), [Value::Null; 0]);
}

#[test]
fn what_is_personal_is_not_dumped() {
    let processor = Processor::start();
    processor.enter_shop();
    processor.import("customers", CUSTOMERS);
    let config = processor.path("kessai.toml");
    let dump = printed(&config, &["dump"]);
    assert!(words(&rows(&dump), "what").contains(&"profile_set"), "{dump}");
    let ids = CUSTOMERS.lines().skip(1).filter_map(|line| line.split(',').next());
    for secret in PERSONAL.into_iter().chain(ids) {
        assert!(!dump.contains(secret), "{secret} stands in the dump");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let (processor, other) = (Processor::start(), Processor::start());
    let config = processor.path("kessai.toml");
    let data = other.path("data");
    for words in [["check", data.to_str().unwrap()], ["dump", data.to_str().unwrap()]] {
        let (code, out, err) = told(&journal(&config, &words));
        assert_eq!((code, out.as_str()), (3, ""));
        assert!(err.starts_with("kessai: cannot ") && err.contains("another chain key"), "{err}");
    }
    for words in [vec!["dump", "--payment", "nonsense"], vec!["check", "nowhere"]] {
        let (code, out, err) = told(&journal(&config, &words));
        assert_eq!((code, out.as_str()), (3, ""), "{words:?} {err}");
        assert!(err.starts_with("kessai: "), "{err}");
    }
    let (code, _, _) = told(&journal(&processor.path("none.toml"), &["check"]));
    assert_eq!(code, 3);
    assert_eq!(journal(&config, &["dump", "--from", "first"]).status.code(), Some(2));
}
