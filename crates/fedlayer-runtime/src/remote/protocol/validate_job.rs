//! [`validate_job`]: a worker checks a job before it fetches any value of it.
//!
//! So a dishonest coordinator cannot make a worker fetch or hold more than the scenario needs.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::Plan;

use super::{
    codec::MalformedMessage,
    limits::{OPTIMIZER_SLOTS, PROBES_PER_JOB, directions_per_job},
    message::{JobHead, MixHead, PointHead, ProbeHead, SplitHead, TrainHead, WorkHead},
};

/// Checks that a job belongs to one of `plans`, and returns that plan.
///
/// The job's clients, layers and counts must be the plan's, and the job must use all of its blobs.
///
/// # Errors
/// Names the first thing in the job that none of the plans contains.
pub(crate) fn validate_job<'a>(
    head: &JobHead,
    plans: &'a [Arc<Plan>],
) -> Result<&'a Arc<Plan>, MalformedMessage> {
    let plan = plans.get(head.plan as usize).ok_or_else(|| {
        MalformedMessage(format!("found plan {}; the scenario has {}", head.plan, plans.len()))
    })?;
    let mut job = JobCheck { plan, blobs: head.blobs.len(), used: BTreeSet::new() };
    match &head.work {
        WorkHead::Initial { .. } => {}
        WorkHead::Train(clients) => job.check_training(clients)?,
        WorkHead::Evaluate(probes) => job.check_probes(probes)?,
        WorkHead::Differentiate { probe, along } => job.check_derivatives(probe, along)?,
    }
    if job.used.len() < job.blobs {
        let (found, needed) = (job.blobs, job.used.len());
        return Err(MalformedMessage(format!("found {found} blobs; {needed} are used")));
    }
    Ok(plan)
}

/// A job under check.
struct JobCheck<'a> {
    plan: &'a Plan,
    /// The number of blobs that the job names.
    blobs: usize,
    /// The indices of blobs that its work refers to so far.
    used: BTreeSet<u32>,
}

impl JobCheck<'_> {
    fn check_training(&mut self, clients: &[TrainHead]) -> Result<(), MalformedMessage> {
        at_most("clients", clients.len(), self.plan.clients.cohort() as usize)?;
        for client in clients {
            self.check_client(client.client)?;
            self.use_blob(client.params)?;
            let Some(optimizer) = &client.optimizer else { continue };
            at_most("optimizer slots", optimizer.slots.len(), OPTIMIZER_SLOTS as usize)?;
            optimizer.slots.iter().try_for_each(|&slot| self.use_blob(slot))?;
        }
        Ok(())
    }

    fn check_probes(&mut self, probes: &[ProbeHead]) -> Result<(), MalformedMessage> {
        at_most("probes", probes.len(), PROBES_PER_JOB)?;
        probes.iter().try_for_each(|probe| self.check_probe(probe))
    }

    fn check_derivatives(
        &mut self,
        probe: &ProbeHead,
        along: &[u32],
    ) -> Result<(), MalformedMessage> {
        let most = directions_per_job(self.plan.layout.value_count());
        at_most("directions", along.len(), most)?;
        self.check_probe(probe)?;
        along.iter().try_for_each(|&direction| self.use_blob(direction))
    }

    fn check_probe(&mut self, probe: &ProbeHead) -> Result<(), MalformedMessage> {
        match &probe.point {
            PointHead::Model(model) => self.use_blob(*model)?,
            PointHead::Mix(mix) | PointHead::Twin(mix, _) => self.check_mix(mix)?,
        }
        match probe.split {
            SplitHead::Train | SplitHead::Test | SplitHead::Validation => Ok(()),
            SplitHead::ClientTest(client) | SplitHead::ClientValidation(client) => {
                self.check_client(client)
            }
        }
    }

    fn check_mix(&mut self, mix: &MixHead) -> Result<(), MalformedMessage> {
        let layers = self.plan.layout.layers().len();
        if let Some(layer) = mix.layers.iter().find(|&&layer| layer as usize >= layers) {
            return Err(MalformedMessage(format!("found layer {layer}; the model has {layers}")));
        }
        self.use_blob(mix.base)?;
        self.use_blob(mix.other)
    }

    fn check_client(&self, client: u32) -> Result<(), MalformedMessage> {
        let count = self.plan.clients.count;
        if client < count {
            return Ok(());
        }
        Err(MalformedMessage(format!("found client {client}; the scenario has {count}")))
    }

    fn use_blob(&mut self, index: u32) -> Result<(), MalformedMessage> {
        if index as usize >= self.blobs {
            return Err(MalformedMessage(format!("found blob {index} of {}", self.blobs)));
        }
        self.used.insert(index);
        Ok(())
    }
}

fn at_most(what: &str, found: usize, most: usize) -> Result<(), MalformedMessage> {
    if found <= most {
        return Ok(());
    }
    Err(MalformedMessage(format!("found {found} {what}; at most {most} are allowed")))
}
