//! A till and a handset as people use them: the real program over pipes, against a real gateway.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use kessai_client::terms::collation::{ActivationCode, PeerName, SpkiHash};
use kessai_client::wire::{Activation, Subject};
use kessai_engine::terms::{Amount, Currency, Rounding};
use kessai_engine::{CustomerAdded, Merchant, RegisterChange, Store, Terminal, TerminalKind};
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CUSTOMER: &str = "1234-567-890";
const TILL: &str = "POS00001";
const PASSWORD: &str = "correct horse 7";
/// How long anything may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(40);

/// A gateway with one store, one terminal and one customer, none of whom has a key yet.
struct Stage {
    gateway: Option<Gateway>,
    runtime: Runtime,
    folder: TempDir,
}

impl Stage {
    fn set() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: folder.path().join("data"),
            keys: folder.path().join("keys"),
            ..Settings::default()
        };
        std::fs::create_dir(&settings.keys).unwrap();
        Keys::create(&settings.keys, &SystemEntropy).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        Node::create(&settings, &SystemEntropy).unwrap();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let gateway = runtime.block_on(async {
            let gateway = Gateway::start(&node, &settings, &keys).unwrap();
            enter(&gateway).await;
            gateway
        });
        let file = "code,name,price_minor,tax_rate_bp\n9521000000377,おにぎり 鮭,105,1000\n";
        std::fs::write(folder.path().join("catalogue.csv"), file).unwrap();
        Self { gateway: Some(gateway), runtime, folder }
    }

    fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    /// Gives an activation string out, as `kessai` would.
    fn activate(&self, subject: Subject, code: u8) -> String {
        let code = ActivationCode::from_bytes([code; 16]);
        let gateway = self.gateway().local_addr().to_string().parse().unwrap();
        let root = SpkiHash(self.gateway().root_pin().0);
        self.gateway().activate(subject, code.clone()).unwrap();
        Activation { gateway, root, subject, code }.to_string()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn till(&self) -> Shell {
        let (till, catalogue) = (self.path("till"), self.path("catalogue.csv"));
        let store = ["--store", "渋谷店", "--catalogue", &catalogue];
        Shell::open(&[&["terminal", "--dir", &till][..], &store].concat())
    }

    fn phone(&self) -> Shell {
        Shell::open(&["handset", "--dir", &self.path("phone")])
    }

    /// Enrols both, by their commands.
    fn enrol(&self) {
        let activation = self.activate(terminal(), 1);
        let enrol = ["terminal", "enrol", "--dir", &self.path("till"), &activation];
        let (code, said) = finish(&enrol, "");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("Enrolled as terminal POS00001."), "{said}");

        let activation = self.activate(customer(), 2);
        let typed = format!("123456\n{PASSWORD}\n{PASSWORD}\n");
        let enrol = ["handset", "enrol", "--dir", &self.path("phone"), &activation];
        let (code, said) = finish(&enrol, &typed);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("This password only counts up or down."), "{said}");
        assert!(said.contains("Enrolled as customer 1234-567-890."), "{said}");
        assert!(!said.contains(PASSWORD), "a password is not shown: {said}");
    }

    fn balance(&self) -> u64 {
        let customer = self.gateway().engine().customer(&CUSTOMER.parse().unwrap()).unwrap();
        customer.balance.minor()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            self.runtime.block_on(gateway.stop());
        }
    }
}

fn terminal() -> Subject {
    Subject::Peer(PeerName::Terminal(TILL.parse().unwrap()))
}

fn customer() -> Subject {
    Subject::Customer(CUSTOMER.parse().unwrap())
}

async fn enter(gateway: &Gateway) {
    let (engine, journal, now_ms) = (gateway.engine(), gateway.journal(), gateway.now_ms());
    let slot = || journal.reserve().unwrap();
    let (merchant, store) = ("M1".parse().unwrap(), "S1".parse().unwrap());
    let changes = [
        RegisterChange::Merchant(Merchant {
            id: merchant,
            name: "Kessai Mart".parse().unwrap(),
            invoice_number: None,
        }),
        RegisterChange::Store(Store {
            id: store,
            merchant,
            name: "渋谷店".parse().unwrap(),
            currency: Currency::JPY,
            rounding: Rounding::Down,
            standing: kessai_engine::Standing::Active,
        }),
        RegisterChange::Terminal(Terminal {
            id: TILL.parse().unwrap(),
            store,
            kind: TerminalKind::PointOfSale,
            pin: None,
            standing: kessai_engine::Standing::Active,
            limits: kessai_engine::Limits::default(),
        }),
    ];
    let changes = changes.into_iter().map(|change| (change, slot())).collect();
    engine.enter_register(changes, now_ms).unwrap();
    let added = CustomerAdded {
        customer: CUSTOMER.parse().unwrap(),
        currency: Currency::JPY,
        balance: Amount::new(1_000).unwrap(),
    };
    let after = engine.add_customer(added, now_ms, slot()).unwrap();
    journal.when_durable(after).await;
}

/// The program with its standard streams in our hands. It does not outlive the test.
struct Shell {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    heard: String,
}

impl Shell {
    fn open(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines, heard: String::new() }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line that contains `words`, and tells all that was said up to it.
    fn hear(&mut self, words: &str) -> String {
        let until = Instant::now() + WITHIN;
        let mut said = String::new();
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let heard = &self.heard;
            let line =
                line.unwrap_or_else(|_| panic!("no `{words}`; before:\n{heard}\nsince:\n{said}"));
            said.push_str(&line);
            said.push('\n');
            if line.contains(words) {
                self.heard.push_str(&said);
                return said;
            }
        }
    }

    /// Ends the input, and waits for the program to leave by itself.
    fn leave(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.hear("Goodbye.");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs the program to its end, and tells its exit code and all that it said.
fn finish(arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kessai-loadgen"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that fails early does not read it all.
    child.stdin.take().unwrap().write_all(typed.as_bytes()).ok();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn scan_wrongly(till: &mut Shell) {
    till.say("9521000000378");
    till.hear("9521000000378 is misread: its last digit should be 7.");
    till.say("9521000000742");
    till.hear("9521000000742 is not in the catalogue.");
}

#[test]
fn purchases_are_approved_cancelled_and_tried_again() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    till.hear("Terminal POS00001 is ready.");
    phone.hear("The handset of customer 1234-567-890 is ready.");

    scan_wrongly(&mut till);

    // Approved.
    till.say("9521000000377 3");
    till.hear("おにぎり 鮭: 3 x 105 JPY. To pay: 346 JPY.");
    till.say("pay");
    till.hear("Customer id");
    till.say(CUSTOMER);
    till.hear("Asking the customer to pay 346 JPY.");
    till.hear("Waiting for the customer: ");
    let shown = phone.hear("Type `pay`");
    let lines: Vec<_> = shown.lines().skip_while(|line| !line.starts_with('-')).collect();
    assert_eq!(lines[1..3], ["PAY 346 JPY?", "渋谷店 (Kessai Mart), terminal POS00001"]);
    assert!(shown.contains("Tax 10 % on 315 JPY               31 JPY"), "{shown}");
    assert!(shown.contains(" s left, 3 tries."), "{shown}");
    phone.say("pay");
    phone.hear("Password (not shown");
    phone.say(PASSWORD);
    phone.hear("PAID: 346 JPY at 渋谷店. Approval number ");
    let receipt = till.hear("Hand the goods over.");
    for line in [
        "渋谷店\nTerminal POS00001\n",
        "1. おにぎり 鮭\n   3 x 105 JPY                   315 JPY\n",
        "Tax 10 % on 315 JPY               31 JPY\nTOTAL                            346 JPY\n",
        "PAID\nApproval number ",
        "\nReference ",
    ] {
        assert!(receipt.contains(line), "{line}: {receipt}");
    }
    assert_eq!(stage.balance(), 1_000 - 346);
    till.say("status");
    till.hear(", 346 JPY: paid. Approval number ");

    // Cancelled by the customer; the list is kept, so that it can be asked for again.
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    phone.say("cancel");
    phone.hear("Not paid: 115 JPY at 渋谷店. You cancelled the payment.");
    till.hear("NOT PAID. The customer cancelled. The list is kept.");

    // Cancelled by the clerk.
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    till.say("cancel");
    till.hear("NOT PAID. Cancelled at this terminal.");
    phone.hear("Not paid: 115 JPY at 渋谷店. The shop cancelled the payment.");

    // A wrong password first.
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    phone.say("pay");
    phone.say("another horse 8");
    let wrong = phone.hear("Wrong password.");
    assert!(wrong.contains(" s left, 2 tries."), "{wrong}");
    phone.say("pay");
    phone.say(PASSWORD);
    phone.hear("PAID: 115 JPY");
    till.hear("Hand the goods over.");
    assert_eq!(stage.balance(), 1_000 - 346 - 115);

    // More than there is: the handset learns why, the till does not.
    till.say("9521000000377 9");
    till.say(&format!("pay {CUSTOMER}"));
    till.hear("NOT PAID. Not approved. Please ask for another way to pay.");
    phone.hear("Not paid: 1,039 JPY at 渋谷店. Your balance is not sufficient.");

    assert!(!phone.heard.contains("horse"), "a password is never shown: {}", phone.heard);
    assert_eq!((till.leave(), phone.leave()), (Some(0), Some(0)));

    // What the handset knows outlives it.
    let (code, said) = finish(&["handset", "--dir", &stage.path("phone")], "list\n");
    let listed: Vec<_> = said.lines().filter(|line| line.contains("JPY")).collect();
    assert_eq!((code, listed.len()), (Some(0), 5), "{said}");
    assert!(listed[0].ends_with("1,039 JPY  declined   渋谷店"), "{said}");
    assert!(listed[4].ends_with("346 JPY  paid       渋谷店"), "{said}");
}

#[test]
fn a_till_that_is_left_gives_its_payment_up() {
    let stage = Stage::set();
    stage.enrol();
    let (mut till, mut phone) = (stage.till(), stage.phone());
    phone.hear("is ready.");
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    drop(till.stdin.take());
    till.hear("NOT PAID. Cancelled at this terminal.");
    phone.hear("The shop cancelled the payment.");

    // A till that dies cannot: the next one does so before anything else.
    drop(till);
    let mut till = stage.till();
    till.say("9521000000377");
    till.say(&format!("pay {CUSTOMER}"));
    phone.hear("PAY 115 JPY?");
    drop(till);
    let mut till = stage.till();
    till.hear("The end of payment ");
    till.hear(", 115 JPY: cancelled. Cancelled at this terminal.");
    phone.hear("The shop cancelled the payment.");
    interrupt(&till);
    till.hear("Goodbye.");
    assert_eq!(till.child.wait().unwrap().code(), Some(130));
    assert_eq!(stage.balance(), 1_000);
}

fn interrupt(shell: &Shell) {
    let kill = format!("kill -INT {}", shell.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[test]
fn what_cannot_be_enrolled_or_opened_is_told_in_plain_words() {
    let stage = Stage::set();
    let folder = |name: &str| stage.path(name);
    let check = |arguments: &[&str], typed: &str, words: &str| {
        let (code, said) = finish(arguments, typed);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(words), "{words}: {said}");
    };
    let mut mistyped = stage.activate(terminal(), 1);
    mistyped.pop();
    let enrol = ["terminal", "enrol", "--dir", &folder("till"), &mistyped];
    check(&enrol, "", "has a typing error");
    let handsets = stage.activate(customer(), 2);
    let enrol = ["terminal", "enrol", "--dir", &folder("till"), &handsets];
    check(&enrol, "", "the activation string is for a customer");
    check(&["terminal", "--dir", &folder("till")], "", "till/peer: ");
    check(&["handset", "--dir", &folder("phone")], "", "phone/handset: ");
    assert!(!Path::new(&folder("till")).exists(), "nothing was written");

    let activation = stage.activate(terminal(), 3);
    let enrol = ["terminal", "enrol", "--dir", &folder("till"), "-"];
    let (code, said) = finish(&enrol, &format!("{activation}\n"));
    assert_eq!(code, Some(0), "{said}");
    let again = ["terminal", "enrol", "--dir", &folder("till"), &activation];
    check(&again, "", "the code is wrong, used or too old: ask for a new one");
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    for command in ["terminal", "handset"] {
        let (code, help) = finish(&[command, "--help"], "");
        assert_eq!(code, Some(0), "{help}");
        for words in ["Examples:", "enrol", "--dir", "Exit codes:", "130"] {
            assert!(help.contains(words), "{words}: {help}");
        }
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "a line of {longest:?} characters");
        assert_eq!(finish(&[command], "").0, Some(2), "the directory is missing");
    }
}
