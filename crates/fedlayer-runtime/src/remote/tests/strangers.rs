//! Who is not let in: whatever is asked without the token or without a session, no value is read and no record changes.

use std::future::Future;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, transport::Channel};

use super::{
    super::{
        message::{
            Digest, Fetch, JobId, Piece, Pull, Receipt, ReplyHead, ReplyPart, RunId, RunIdentity,
            SessionId, Source, WorkerNote,
        },
        wire::workers_client::WorkersClient,
    },
    Port, TOKEN, hello, identity, port, update, values, with,
};
use crate::Reply;

/// Somebody with a token, and with what it knows of a run.
struct Stranger {
    client: WorkersClient<Channel>,
    token: &'static str,
    run: RunId,
    session: SessionId,
}

impl Stranger {
    async fn at(port: &Port, token: &'static str, run: RunId, session: SessionId) -> Self {
        Self { client: port.client().await, token, run, session }
    }

    fn ask<T>(&self, message: T) -> Request<T> {
        with(message, "1", self.token)
    }

    /// What each of the four calls is answered with: attend, pull, fetch, push.
    async fn all(&mut self, job: JobId) -> [Code; 4] {
        let (run, session) = (self.run, self.session);
        let (tell, told) = mpsc::channel(1);
        tell.send(WorkerNote::Hello(hello())).await.unwrap();
        let attend = self.ask(ReceiverStream::new(told));
        let attend = code(self.client.attend(attend)).await;
        let pull = self.ask(Pull { session });
        let pull = code(self.client.pull(pull)).await;
        let fetch = self.ask(Fetch { session, job, blobs: vec![0] });
        let fetch = code(self.client.fetch(fetch)).await;
        let head = ReplyHead { run, session, job, outcome: update(3, 2) };
        // Whole and well-formed, with values of its own.
        let nines = Piece::Ours(Source::Values(vec![9.0; 3].into()), 0..3);
        let parts = vec![ReplyPart::Head(Box::new(head)), ReplyPart::Piece(nines)];
        let push = self.ask(tokio_stream::iter(parts));
        [attend, pull, fetch, code(self.client.push(push)).await]
    }
}

async fn code<T>(call: impl Future<Output = Result<Response<T>, Status>>) -> Code {
    call.await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_stranger_reads_no_values_and_changes_no_record() {
    const NOBODY: Code = Code::Unauthenticated;
    let port = port().await;
    let mut peer = port.attend(hello(), identity()).await.unwrap();
    let mut asked = port.train();
    let job = peer.pull().await.job;
    // Even somebody who knows the run, the session and the job is nobody without the token.
    for token in ["", "another-token-1234", "0123456789abcde", "0123456789abcdef0"] {
        let mut stranger = Stranger::at(&port, token, peer.run, peer.session).await;
        assert_eq!(stranger.all(job).await, [NOBODY; 4], "with the token `{token}`");
    }
    // With the token, but a session that never was: it may say hello, and nothing else.
    let mut guest = Stranger::at(&port, TOKEN, peer.run, SessionId([9; 16])).await;
    assert_eq!(guest.all(job).await, [Code::Ok, NOBODY, Code::Aborted, NOBODY]);
    // With a session that was refused, because it trains on other data.
    let other = RunIdentity { data: Digest([9; 32]), ..identity() };
    assert!(port.attend(hello(), other).await.is_err());
    assert_eq!(port.hub.present(), (1, 1));
    // A worker that was let in reads no values of a job that is another's.
    let second = port.attend(hello(), identity()).await.unwrap();
    let mut second = Stranger::at(&port, TOKEN, second.run, second.session).await;
    let fetch = second.ask(Fetch { session: second.session, job, blobs: vec![0] });
    assert_eq!(code(second.client.fetch(fetch)).await, Code::Aborted);
    // The job still waits for its worker, whose reply is the one that counts.
    tokio::select! {
        biased;
        answered = &mut asked => panic!("the job was answered: {answered:?}"),
        () = std::future::ready(()) => {}
    }
    let parts = vec![peer.head(job, update(3, 2)), values(3)];
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
    let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
    assert_eq!(results[0].as_ref().unwrap().params.values(), [0.5; 3]);
    assert!(port.counted("Token"));
}
