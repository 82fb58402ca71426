//! Tells what becomes of a till's connection: the client itself makes no words of it.

use std::sync::atomic::{AtomicBool, Ordering};

use kessai_client::{ConnectError, Connecting, Connector};
use tokio::sync::mpsc;

/// What became of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It is lost, and another one is being made.
    Lost,
    /// It is there again.
    Again,
    /// It will not come back.
    Over(ConnectError),
}

/// Connects as another connector does, and tells of every connection after the first.
#[derive(Debug)]
pub(super) struct Watched<C> {
    inner: C,
    news: mpsc::UnboundedSender<News>,
    /// There was a connection before.
    stood: AtomicBool,
    /// That it is lost has been told.
    told: AtomicBool,
}

impl<C> Watched<C> {
    pub(super) fn new(inner: C) -> (Self, mpsc::UnboundedReceiver<News>) {
        let (news, receiver) = mpsc::unbounded_channel();
        let (stood, told) = (AtomicBool::new(false), AtomicBool::new(false));
        (Self { inner, news, stood, told }, receiver)
    }

    fn tell(&self, news: News) {
        // Who has gone needs no news.
        self.news.send(news).ok();
    }
}

impl<C: Connector> Connector for Watched<C> {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async {
            if self.stood.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::Relaxed) {
                self.tell(News::Lost);
            }
            let link = self.inner.connect().await;
            match &link {
                Ok(_) => {
                    self.stood.store(true, Ordering::Relaxed);
                    if self.told.swap(false, Ordering::Relaxed) {
                        self.tell(News::Again);
                    }
                }
                Err(why) if why.is_final() => self.tell(News::Over(why.clone())),
                Err(_) => {}
            }
            link
        })
    }
}
