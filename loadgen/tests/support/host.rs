//! A gateway as a processor hosts it: with administration, reached by nothing but the network.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kessai_gateway::admin::Administration;
use kessai_gateway::entropy::SystemEntropy;
use kessai_gateway::{Gateway, Keys, Node, Settings};
use kessai_loadgen::provision::Table;
use serde_json::Value;
use tempfile::TempDir;

/// A gateway, as long as it is kept.
pub struct Host {
    folder: TempDir,
    gateway: Gateway,
    administration: Administration,
}

impl Host {
    /// Starts a gateway whose customers and machines have a second to answer.
    pub fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: folder.path().join("data"),
            keys: folder.path().join("keys"),
            ..Settings::default()
        };
        settings.admin.listen = settings.listen;
        settings.payments.prompt = Duration::from_secs(1);
        settings.payments.delivery = Duration::from_secs(1);
        settings.journal.segment_mib = 32;
        change(&mut settings);
        std::fs::create_dir(&settings.keys).unwrap();
        Keys::create(&settings.keys, &SystemEntropy).unwrap();
        let keys = Keys::load(&settings.keys).unwrap();
        Node::create(&settings, &SystemEntropy).unwrap();
        let node = Node::open(&settings, &keys, &SystemEntropy).unwrap();
        let gateway = Gateway::start(&node, &settings, &keys).unwrap();
        let administration = Administration::start(&gateway, &settings, &keys).unwrap();
        Self { folder, gateway, administration }
    }

    pub fn address(&self) -> String {
        self.gateway.local_addr().to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.administration.local_addr())
    }

    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("keys").join("admin.token")
    }

    /// Posts to the administration, and gives the lines of its answer.
    pub fn post(&self, path: &str, kind: &str, body: &[u8]) -> Vec<Value> {
        let token = std::fs::read_to_string(self.token_file()).unwrap();
        let mut answer = ureq::post(format!("{}{path}", self.url()))
            .header("Authorization", format!("Bearer {}", token.trim()))
            .header("Content-Type", kind)
            .send(body)
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Imports some of the files of a provision; every line must be taken.
    pub fn import(&self, provision: &Path, tables: &[Table]) {
        for table in tables {
            let file = std::fs::read(provision.join(table.file())).unwrap();
            let answer = self.post(&format!("/v1/import/{}", table.name()), "text/csv", &file);
            let outcome = answer.last().unwrap();
            let lines = file.iter().filter(|byte| **byte == b'\n').count() - 1;
            assert_eq!(outcome["entered"], lines, "{table:?}: {answer:#?}");
            assert_eq!((&outcome["bad"], &outcome["done"]), (&0.into(), &true.into()));
        }
    }

    /// Moves a customer's money, as only a processor does.
    pub fn debit(&self, customer: &str, yen: u64) {
        let body = serde_json::json!({ "amount_minor": yen, "reference": "T-1" }).to_string();
        let path = format!("/v1/customers/{customer}/debit");
        self.post(&path, "application/json", body.as_bytes());
    }
}
