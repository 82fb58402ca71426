//! A line that is cut: what a connector can do to whoever connects by it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test may panic"
)]

mod support;

use std::sync::Arc;

use kessai_client::wire::Answer;
use kessai_client::{Connecting, Connector, Terminal};
use support::{Door, Gateway, captured, options, purchase};
use tokio::sync::watch;

/// Cuts every connection when it is told to.
struct Cutting {
    door: Arc<Door>,
    cut: watch::Receiver<bool>,
}

impl Connector for Cutting {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            let mut cut = self.cut.clone();
            let link = self.door.connect().await?;
            Ok(link.until(async move { drop(cut.wait_for(|cut| *cut).await) }))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_on_a_line_that_was_cut_is_asked_again_on_the_next() {
    let mut gateway = Gateway::new();
    let (cutter, cut) = watch::channel(false);
    let connector = Arc::new(Cutting { door: Arc::clone(&gateway.door), cut });
    let connecting = Terminal::connect(connector, "POS00001".parse().unwrap(), options());
    let (terminal, mut first) = tokio::join!(connecting, gateway.welcome());
    let terminal = terminal.unwrap();
    let id = terminal.payment_id();
    let serve = async {
        let (_unanswered, asked) = first.hear_open().await;
        assert_eq!(asked, purchase(id));
        cutter.send_replace(true);
        assert!(first.requests.recv().await.is_none(), "it hears nothing more on the first");
        cutter.send_replace(false);
        let mut second = gateway.welcome().await;
        let (call, asked) = second.hear_open().await;
        assert_eq!(asked, purchase(id));
        second.answer(&call, Answer::Payment(captured(id))).await;
        second
    };
    let (paid, _second) = tokio::join!(terminal.pay(purchase(id)), serve);
    assert_eq!(paid, Ok(captured(id)));
}
