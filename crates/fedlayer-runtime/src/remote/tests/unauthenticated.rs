//! A peer without the token or without a session reads no values and changes no result.

use std::future::Future;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, transport::Channel};

use super::{
    super::protocol::{
        generated::workers_client::WorkersClient,
        message::{
            Digest, Fetch, JobId, Piece, Pull, Receipt, ReplyHead, ReplyPart, RunId, RunIdentity,
            SessionId, ValueSource, WorkerNote,
        },
    },
    fixture::{
        TOKEN, TestCoordinator, VERSION, coordinator, hello, identity, request, update, values,
    },
};
use crate::Reply;

/// A peer with a token and with ids that it may have learned.
struct Intruder {
    client: WorkersClient<Channel>,
    token: &'static str,
    run: RunId,
    session: SessionId,
}

impl Intruder {
    async fn at(
        coordinator: &TestCoordinator,
        token: &'static str,
        run: RunId,
        session: SessionId,
    ) -> Self {
        Self { client: coordinator.client().await, token, run, session }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        request(message, VERSION, self.token)
    }

    /// Makes the four calls and returns their status codes: attend, pull, fetch, push.
    async fn make_all_calls(&mut self, job: JobId) -> [Code; 4] {
        let (run, session) = (self.run, self.session);
        let (sender, receiver) = mpsc::channel(1);
        sender.send(WorkerNote::Hello(hello())).await.unwrap();
        let attend = self.request(ReceiverStream::new(receiver));
        let attend = code(self.client.attend(attend)).await;
        let pull = self.request(Pull { session });
        let pull = code(self.client.pull(pull)).await;
        let fetch = self.request(Fetch { session, job, blobs: vec![0] });
        let fetch = code(self.client.fetch(fetch)).await;
        let head = ReplyHead { run, session, job, outcome: update(3, 2) };
        // A well-formed reply with values of its own.
        let nines = Piece::Outgoing(ValueSource::Values(vec![9.0; 3].into()), 0..3);
        let parts = vec![ReplyPart::Head(Box::new(head)), ReplyPart::Piece(nines)];
        let push = self.request(tokio_stream::iter(parts));
        [attend, pull, fetch, code(self.client.push(push)).await]
    }
}

/// Returns the status code of a call.
async fn code<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Code {
    call.await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_peer_without_token_or_session_reads_no_values_and_changes_no_result() {
    const DENIED: Code = Code::Unauthenticated;
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    let mut asked = coordinator.train();
    let job = peer.pull().await.job;
    // Without the token no call is answered, even with the right run, session and job.
    for token in ["", "another-token-1234", "0123456789abcde", "0123456789abcdef0"] {
        let mut intruder = Intruder::at(&coordinator, token, peer.run, peer.session).await;
        assert_eq!(intruder.make_all_calls(job).await, [DENIED; 4], "with the token `{token}`");
    }
    // With the token but an unknown session, a peer may only open a session.
    let mut guest = Intruder::at(&coordinator, TOKEN, peer.run, SessionId([9; 16])).await;
    assert_eq!(guest.make_all_calls(job).await, [Code::Ok, DENIED, Code::Aborted, DENIED]);
    // A session that was refused because of other data does not count.
    let other = RunIdentity { data: Digest([9; 32]), ..identity() };
    assert!(coordinator.attend(hello(), other).await.is_err());
    assert_eq!(coordinator.hub.present(), (1, 1));
    // An accepted worker cannot read the values of another worker's job.
    let second = coordinator.attend(hello(), identity()).await.unwrap();
    let mut second = Intruder::at(&coordinator, TOKEN, second.run, second.session).await;
    let fetch = second.request(Fetch { session: second.session, job, blobs: vec![0] });
    assert_eq!(code(second.client.fetch(fetch)).await, Code::Aborted);
    // The job still waits for the reply of its own worker.
    tokio::select! {
        biased;
        answered = &mut asked => panic!("the job was answered: {answered:?}"),
        () = std::future::ready(()) => {}
    }
    let parts = vec![peer.head(job, update(3, 2)), values(3)];
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
    let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
    assert_eq!(results[0].as_ref().unwrap().params.values(), [0.5; 3]);
    assert!(coordinator.has_counted("Token"));
}
