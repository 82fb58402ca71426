//! Killed while it makes a snapshot: the file without its name is never loaded, and the next
//! snapshot takes its place.

use std::fs;
use std::path::PathBuf;

use kessai_client::wire::{Payment, PaymentState};
use kessai_engine::{CustomerAdded, KeyPin};
use kessai_gateway::Node;

use crate::kit::{Place, Served, anywhere, buy};
use crate::support::{People, RICH, bounded, check_books, connector_to, till, yen};

/// Customers who make a snapshot long enough to be met while it is written.
const CROWD: u32 = 30_000;

/// A gateway that makes a snapshot a second after anything has happened.
struct Snapshotting {
    place: Place,
    people: People,
    root: KeyPin,
    paid: Vec<Payment>,
}

impl Snapshotting {
    async fn new() -> Self {
        let place = Place::new();
        place.configure(&anywhere("segment_mib = 1\nsnapshot = \"1s\""));
        let (people, root) = place.enrol().await;
        Self { place, people, root, paid: Vec::new() }
    }

    /// Enters people who pay nothing.
    fn crowd(&self) {
        let (node, _) = self.place.node();
        for number in 0..CROWD {
            let customer = format!("{number:010}").parse().unwrap();
            let currency = kessai_engine::terms::Currency::JPY;
            let added = CustomerAdded { customer, currency, balance: yen(0) };
            // The queue is short: it is asked until there is room.
            let places = std::iter::repeat_with(|| node.journal().reserve());
            let slot = places.flatten().next().unwrap();
            node.engine().add_customer(added, 1, slot).unwrap();
        }
        node.journal().close();
    }

    fn snapshots(&self) -> PathBuf {
        self.place.path("data/snapshots")
    }

    fn unfinished(&self) -> PathBuf {
        self.snapshots().join("unfinished")
    }

    /// The newest snapshot that has a name.
    fn newest(&self) -> Option<PathBuf> {
        let files = fs::read_dir(self.snapshots()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| *path != self.unfinished()).max()
    }

    /// Has a payment made, which makes a snapshot due.
    async fn pay(&mut self, served: &Served) {
        let address = served.address();
        for earlier in &self.paid {
            let pos1 = till("POS1", connector_to(&self.people.tills[0], address, self.root)).await;
            let told = bounded(pos1.status(earlier.payment)).await.unwrap();
            assert_eq!(told.without_receipt(), earlier.without_receipt());
        }
        let end = buy(address, self.root, &self.people, 100).await;
        assert_eq!(end.state, PaymentState::Captured);
        self.paid.push(end);
    }

    /// Waits until the disk is as `is` says.
    async fn until(&self, mut is: impl FnMut(&Self) -> bool) {
        bounded(async {
            while !is(self) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The state that a start finds must be whole, and the same without the newest snapshot.
    fn check(&self) {
        let found = self.started();
        let Some(newest) = self.newest() else { return };
        let aside = self.place.path("aside");
        fs::rename(&newest, &aside).unwrap();
        assert_eq!(self.started(), found, "a snapshot is what the journal behind it says");
        fs::rename(aside, newest).unwrap();
    }

    fn started(&self) -> u128 {
        let (node, _) = self.place.node();
        self.check_payments(&node);
        let hash = node.engine().state_hash();
        node.journal().close();
        hash
    }

    fn check_payments(&self, node: &Node) {
        let owed = 100 * u64::try_from(self.paid.len()).unwrap();
        for paid in &self.paid {
            let view = node.engine().status(paid.payment, "POS1".parse().unwrap()).unwrap();
            assert_eq!(view.state, kessai_engine::PaymentState::Captured);
        }
        let rich = node.engine().customer(&RICH.parse().unwrap()).unwrap();
        assert_eq!(rich.balance, yen(10_000 - owed));
        check_books(node.engine(), i128::from(owed));
    }
}

/// Each of the ways in which a kill can leave the file that has no name yet: the first one is whole
/// and synced, which is the moment before it is renamed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_never_got_its_name_is_not_loaded_and_makes_room_for_the_next() {
    let mut shop = Snapshotting::new().await;
    let mut served = shop.place.serve();
    shop.pay(&served).await;
    shop.until(|shop| shop.newest().is_some()).await;
    served.kill();
    let whole = fs::read(shop.newest().unwrap()).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let long = [whole.clone(), vec![0xa5; 5 << 20]].concat();
    fs::rename(shop.newest().unwrap(), shop.unfinished()).unwrap();

    for left in [whole, half, Vec::new(), long] {
        fs::write(shop.unfinished(), &left).unwrap();
        shop.check();
        assert_eq!(fs::read(shop.unfinished()).unwrap(), left, "a start has no use for it");
        let before = shop.newest();
        let mut served = shop.place.serve();
        shop.pay(&served).await;
        shop.until(|shop| shop.newest() > before).await;
        served.kill();
        assert!(fs::metadata(shop.newest().unwrap()).unwrap().len() < 1 << 20, "written anew");
        shop.check();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_a_snapshot_is_written_loses_nothing() {
    let mut shop = Snapshotting::new().await;
    shop.crowd();
    let mut met = 0;
    for round in 0..8_u64 {
        let mut served = shop.place.serve();
        shop.pay(&served).await;
        let before = shop.newest();
        // Now earlier, now later, and in the end with all of it written.
        let bytes = (round % 4) << 20;
        shop.until(|shop| {
            let length = fs::metadata(shop.unfinished()).map(|file| file.len());
            length.is_ok_and(|length| length >= bytes) || shop.newest() > before
        })
        .await;
        served.kill();
        met += u64::from(shop.unfinished().exists());
        shop.check();
    }
    assert!(met >= 2, "only {met} of 8 kills met a snapshot without a name");
}
