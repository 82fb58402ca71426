//! The README's three shells: every line is typed as it stands there.

use crate::pane::Pane;
use crate::processor::Processor;

/// The shell blocks of the README's section on playing by hand: the first builds the programs, the
/// others are for a shell each.
fn blocks() -> Vec<Vec<&'static str>> {
    let readme = include_str!("../../../README.md");
    let section = readme.split_once("\n## Run a gateway and play by hand\n").expect("a section").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let typed = |line: &'static str| line.split(" #").next().unwrap_or_default().trim_end();
    blocks.map(|block| block.lines().map(typed).collect()).collect()
}

/// A person at a shell, who has just copied an activation string.
struct Shell {
    pane: Pane,
    copied: String,
}

impl Shell {
    /// Types a line of the README, waits for what it leads to, and does what it asks for.
    fn follow(&mut self, line: &str, processor: &Processor) {
        self.pane.enter(line);
        if line.starts_with("kessai init") {
            self.pane.until("Next: kessai serve");
            processor.configure();
        } else if line.starts_with("kessai serve") {
            self.pane.until("administration at 127.0.0.1:");
        } else if line.contains(" activate ") {
            let shown = self.pane.unmasked_until("expires_in");
            let string = shown.split_whitespace().find(|word| word.starts_with("kessai1:"));
            self.copied = string.expect("an activation string").to_owned();
        } else if line.contains(" enrol ") {
            self.pane.until("Activation string:");
            self.pane.enter(&self.copied);
            for question in ["New password", "The same again"] {
                if line.contains("handset") {
                    self.pane.until(question);
                    self.pane.enter("Tsubame-58-Yuzu");
                }
            }
            self.pane.until("Enrolled as");
        } else if line.starts_with("kessai-loadgen") {
            self.pane.until(" is ready.");
        }
    }
}

#[test]
fn three_shells_of_the_readme_lead_to_a_purchase() {
    let processor = Processor::new();
    let blocks = blocks();
    assert_eq!(blocks.len(), 4, "one to build, and three shells: {blocks:?}");
    let mut shells: Vec<Shell> = blocks[1..]
        .iter()
        .map(|block| {
            let mut shell =
                Shell { pane: processor.pane("env -u KESSAI_CONFIG sh -i"), copied: String::new() };
            block.iter().for_each(|line| shell.follow(line, &processor));
            shell
        })
        .collect();
    let [gateway, till, phone] = &mut shells[..] else { panic!("three shells") };
    till.pane.enter("9521000000377 3");
    till.pane.until("To pay: 447 JPY.");
    till.pane.enter("pay 1234-567-890");
    phone.pane.until("PAY 447 JPY?");
    phone.pane.enter("pay");
    phone.pane.until("Password");
    phone.pane.enter("Tsubame-58-Yuzu");
    phone.pane.until("PAID: 447 JPY at Blue Shop, station.");
    till.pane.until("Hand the goods over.");
    phone.pane.check_hidden("Tsubame-58-Yuzu");
    // Ctrl-C.
    gateway.pane.enter("\u{3}");
    gateway.pane.until(" stopped");
}
