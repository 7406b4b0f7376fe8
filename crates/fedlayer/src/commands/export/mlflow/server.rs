//! [`TrackingServer`]: requests to an MLflow tracking server, and what it said if it refuses.

use std::{fmt, time::Duration};

use fedlayer_core::text::excerpt;
use serde_json::{Value, json};
use ureq::{
    Agent, Body,
    http::{Method, Request, Response, StatusCode, header},
};

use crate::{download_source::DownloadUrl, exit::Failure};

/// The time after which a silent server is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// The interface of tracking.
const API: &str = "api/2.0/mlflow";

/// The interface of files, which the server hands on to its own store.
const ARTIFACTS: &str = "api/2.0/mlflow-artifacts/artifacts";

/// The beginning of the address of files that are sent through the server.
const THROUGH_SERVER: &str = "mlflow-artifacts:/";

/// The variable with a token, as MLflow's own clients know it.
const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";

/// The error code of something that does not exist.
const ABSENT: &str = "RESOURCE_DOES_NOT_EXIST";

/// An MLflow tracking server. Its `Display` shows the address without secrets.
pub(super) struct TrackingServer {
    agent: Agent,
    url: DownloadUrl,
    token: Option<String>,
}

/// What a server said.
enum TrackingReply {
    Done(Value),
    /// What was asked for does not exist.
    Absent,
}

impl fmt::Display for TrackingServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl TrackingServer {
    /// Makes the server at an address, with the token of the environment if there is one.
    pub(super) fn new(url: DownloadUrl) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .max_redirects(0)
            .user_agent(concat!("fedlayer/", env!("CARGO_PKG_VERSION")));
        let config =
            if url.is_of_this_machine() { config.proxy(None).build() } else { config.build() };
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        Self { agent: config.into(), url, token }
    }

    /// Returns the id of an experiment, which is made if it does not exist.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub(super) fn experiment(&self, name: &str) -> Result<String, Failure> {
        let found = self.search("experiments/search", &filter_by("name", name))?;
        let experiments = found["experiments"].as_array().into_iter().flatten();
        let same = experiments.into_iter().find(|found| found["name"] == *name);
        let id = match same {
            Some(found) => found["experiment_id"].clone(),
            None => {
                self.post("experiments/create", &json!({ "name": name }))?["experiment_id"].clone()
            }
        };
        self.text(&id, "experiment_id")
    }

    /// Returns the runs of an experiment with this value of a tag.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub(super) fn runs(
        &self,
        experiment: &str,
        tag: &str,
        value: &str,
    ) -> Result<Vec<Value>, Failure> {
        let mut query = filter_by(&format!("tags.`{tag}`"), value);
        query["experiment_ids"] = json!([experiment]);
        let found = self.search("runs/search", &query)?;
        Ok(found["runs"].as_array().cloned().unwrap_or_default())
    }

    /// Sends a request of the tracking interface, such as `runs/create`, and returns the reply.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub(super) fn post(&self, call: &str, body: &Value) -> Result<Value, Failure> {
        match self.ask(call, body)? {
            TrackingReply::Done(reply) => Ok(reply),
            TrackingReply::Absent => Err(self.refused(call, "it has no such experiment or run")),
        }
    }

    /// Sends a request that finds nothing where nothing exists.
    fn search(&self, call: &str, body: &Value) -> Result<Value, Failure> {
        match self.ask(call, body)? {
            TrackingReply::Done(reply) => Ok(reply),
            TrackingReply::Absent => Ok(Value::Null),
        }
    }

    /// Sends a file of a run through the server. Returns false if the run's files are kept where
    /// only the server's own clients write.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub(super) fn put(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<bool, Failure> {
        let Some(folder) = folder.strip_prefix(THROUGH_SERVER) else { return Ok(false) };
        let call = format!("{ARTIFACTS}/{}/{name}", folder.trim_start_matches('/'));
        self.request(Method::PUT, &call, "application/octet-stream", bytes)?;
        Ok(true)
    }

    /// Returns a text of a reply.
    ///
    /// # Errors
    /// When the reply lacks it: then the server is no MLflow.
    pub(super) fn text(&self, value: &Value, key: &str) -> Result<String, Failure> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| self.refused("reply", &format!("it has no `{key}`; is it MLflow?")))
    }

    fn ask(&self, call: &str, body: &Value) -> Result<TrackingReply, Failure> {
        let bytes = serde_json::to_vec(body)?;
        self.request(Method::POST, &format!("{API}/{call}"), "application/json", &bytes)
    }

    fn request(
        &self,
        method: Method,
        call: &str,
        kind: &str,
        bytes: &[u8],
    ) -> Result<TrackingReply, Failure> {
        let address =
            self.url.join(call).map_err(|error| self.refused(call, &error.to_string()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(address.with_secrets().clone())
            .header(header::CONTENT_TYPE, kind);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request =
            request.body(bytes).map_err(|_| self.refused(call, "the token is not text"))?;
        let response = self.agent.run(request).map_err(|error| self.silent(&error))?;
        self.reply(call, response)
    }

    fn reply(&self, call: &str, mut response: Response<Body>) -> Result<TrackingReply, Failure> {
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(|error| self.silent(&error))?;
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(TrackingReply::Done(said));
        }
        if status == StatusCode::NOT_FOUND && said["error_code"] == ABSENT {
            return Ok(TrackingReply::Absent);
        }
        let words = said["message"].as_str().unwrap_or(&text);
        Err(self.refused(call, &format!("{status}: {}", excerpt(words.trim(), MOST_WORDS))))
    }

    /// Describes a server that does not answer. The address in messages of the client could have
    /// secrets, and is left out.
    fn silent(&self, error: &ureq::Error) -> Failure {
        let words = match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => "it is not an address".to_owned(),
            error => error.to_string(),
        };
        Failure::Address(format!(
            "no MLflow server answers at {}: {words}\nhint: start one with `mlflow server`, or name another address",
            self.url
        ))
    }

    /// Describes a request that was refused.
    fn refused(&self, call: &str, words: &str) -> Failure {
        Failure::Address(format!(
            "the MLflow server at {} refused `{call}`: {words}\nhint: a user and password may be in the address, a token in `{TOKEN}`",
            self.url
        ))
    }
}

/// The most characters of a server's words that are shown.
const MOST_WORDS: usize = 300;

/// Makes the query for a value. A quote in it is escaped.
fn filter_by(field: &str, value: &str) -> Value {
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    json!({ "filter": format!("{field} = '{value}'"), "max_results": 100 })
}
