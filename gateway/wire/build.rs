//! Generates the messages of `kessai.v1` from the schema, without `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files =
        ["kessai/v1/envelope.proto", "kessai/v1/content.proto", "kessai/v1/enrolment.proto"];
    let schema = protox::compile(files, ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        // A proof must not reach a log: with the stored key it gives the client key. Nor may the
        // keys of a handset, nor a presentment code while it can be used.
        .skip_debug([
            ".kessai.v1.Prove",
            ".kessai.v1.EnrolHandset",
            ".kessai.v1.Open",
            ".kessai.v1.PresentmentCode",
        ])
        .compile_fds(schema)?;
    Ok(())
}
