//! A worker that does not fit the run is refused with both sides' values.

use tonic::Code;

use super::{
    super::protocol::message::{Digest, Fetch, Hello, JobId, Pull, RunIdentity, SessionId},
    fixture::{TOKEN, VERSION, authorized, coordinator, hello, identity, request},
};

/// Workers that do not fit the run, each with a part of the reason.
fn unfit_workers() -> [(Hello, RunIdentity, &'static str); 6] {
    [
        (
            Hello { version: "2".into(), ..hello() },
            identity(),
            "the worker is fedlayer 2, the coordinator 1",
        ),
        (
            Hello { device: "cuda".into(), ..hello() },
            identity(),
            "trains on `cuda`, this run on `cpu`",
        ),
        (Hello { slots: 0, ..hello() }, identity(), "slots: found 0; 1 to 1024 are allowed"),
        (
            hello(),
            RunIdentity { layout: Digest([9; 32]), ..identity() },
            "layout: the worker has 090909090909, the coordinator 010101010101",
        ),
        (
            hello(),
            RunIdentity { plans: Digest([9; 32]), ..identity() },
            "scenario: the worker has 0909",
        ),
        (hello(), RunIdentity { data: Digest([9; 32]), ..identity() }, "data: the worker has 0909"),
    ]
}

#[tokio::test]
async fn a_worker_with_another_version_token_program_device_or_identity_is_refused_with_both_values()
 {
    let coordinator = coordinator().await;
    let mut client = coordinator.client().await;
    let pull = Pull { session: SessionId([0; 16]) };
    let refused = client.pull(request(pull.clone(), "1", TOKEN)).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "protocol: the worker speaks version 1, the coordinator version 2; use the same program for both"
    );
    let refused =
        client.pull(request(pull.clone(), VERSION, "another-token-1234")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    // The token is right, but there is no session.
    assert_eq!(client.pull(authorized(pull)).await.unwrap_err().code(), Code::Unauthenticated);
    let fetch = Fetch { session: SessionId([0; 16]), job: JobId(1), blobs: vec![0] };
    assert_eq!(client.fetch(authorized(fetch)).await.unwrap_err().code(), Code::Aborted);
    for (hello, identity, words) in unfit_workers() {
        let Err(refused) = coordinator.attend(hello, identity).await else {
            panic!("let in: {words}")
        };
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    assert_eq!(coordinator.hub.present(), (0, 0));
    assert!(
        ["Version", "Token", "Device", "Identity"]
            .iter()
            .all(|reason| coordinator.has_counted(reason))
    );
}
