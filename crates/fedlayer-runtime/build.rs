//! Generates the client and the service of the worker protocol; its messages are Rust types and no
//! proto files.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let method = |name: &str, route: &str, comment: &str, input: &str, output: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .comment(comment)
            .input_type(format!("crate::remote::protocol::message::{input}"))
            .output_type(format!("crate::remote::protocol::message::{output}"))
            .codec_path("crate::remote::protocol::codec::Bincode")
    };
    let service = Service::builder()
        .name("Workers")
        .package("fedlayer.v1")
        .comment("The calls that workers make to their coordinator.")
        .method(
            method(
                "attend",
                "Attend",
                "Opens a session, which lasts until the worker or the run ends.",
                "WorkerNote",
                "CoordinatorNote",
            )
            .client_streaming()
            .server_streaming()
            .build(),
        )
        .method(method("pull", "Pull", "Waits for a job.", "Pull", "Pulled").build())
        .method(
            method(
                "fetch",
                "Fetch",
                "Fetches values of a job that the worker does not hold.",
                "Fetch",
                "Piece",
            )
            .server_streaming()
            .build(),
        )
        .method(
            method("push", "Push", "Sends the result of a job.", "ReplyPart", "Receipt")
                .client_streaming()
                .build(),
        )
        .build();
    Builder::new().compile(&[service, plain()]);
}

/// Describes two plain streams, which `bench/protocol.rs` measures for comparison.
fn plain() -> Service {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::Bytes")
            .output_type("crate::Bytes")
            .codec_path("crate::Raw")
    };
    Service::builder()
        .name("Plain")
        .package("bench")
        .method(method("down", "Down").server_streaming().build())
        .method(method("up", "Up").client_streaming().build())
        .build()
}
