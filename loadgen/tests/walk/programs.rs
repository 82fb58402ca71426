//! The programs that are walked through: this package's own, and the gateway's, which cargo does
//! not build for the tests of another package by itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of `kessai` and `kessai-loadgen`, both as the sources are now.
pub(crate) fn folder() -> PathBuf {
    let own = Path::new(env!("CARGO_BIN_EXE_kessai-loadgen"));
    let folder = own.parent().expect("the folder of a profile");
    let target = folder.parent().expect("the target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // The cargo that runs this test, or else the one that built it.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let built = Command::new(cargo)
        .args(["build", "--package", "kessai-gateway", "--bin", "kessai", "--profile", profile])
        .args(["--locked", "--offline", "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::piped())
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "`kessai` cannot be built:\n{errors}");
    let messages = String::from_utf8(built.stdout).expect("JSON");
    let kessai = messages.lines().find_map(executable).expect("cargo names what it has built");
    assert_eq!(kessai.parent(), Some(folder), "both are found along one path");
    folder.to_owned()
}

/// The program that a message of cargo names.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let of_kessai = message["target"]["name"] == "kessai";
    message["executable"].as_str().filter(|_| of_kessai).map(PathBuf::from)
}
