//! [`check`]: what a job may ask of a worker, so that a coordinator that lies cannot make it fetch what no job needs.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::Plan;

use super::{
    codec::Malformed,
    limits::{OPTIMIZER_SLOTS, PROBES},
    message::{JobHead, MixHead, PointHead, ProbeHead, SplitHead, TrainHead, WorkHead},
};

/// The plan of a job that fits it: its clients, layers and counts are the plan's, and each of its blobs is needed. So what a job can make a worker
/// hold is bounded by the scenario, which the worker has read. Nothing of the job is fetched before.
///
/// # Errors
/// Says what no job of these plans would ask for.
pub(crate) fn check<'a>(
    head: &JobHead,
    plans: &'a [Arc<Plan>],
) -> Result<&'a Arc<Plan>, Malformed> {
    let plan = plans.get(head.plan as usize).ok_or_else(|| {
        Malformed(format!("it is of plan {}; the scenario has {}", head.plan, plans.len()))
    })?;
    let mut job = Asked { plan, blobs: head.blobs.len(), used: BTreeSet::new() };
    match &head.work {
        WorkHead::Initial { .. } => {}
        WorkHead::Train(clients) => job.train(clients)?,
        WorkHead::Evaluate(probes) => job.evaluate(probes)?,
    }
    if job.used.len() < job.blobs {
        let (found, needed) = (job.blobs, job.used.len());
        return Err(Malformed(format!("it names {found} blobs and needs {needed}")));
    }
    Ok(plan)
}

/// What a job has asked for so far.
struct Asked<'a> {
    plan: &'a Plan,
    blobs: usize,
    used: BTreeSet<u32>,
}

impl Asked<'_> {
    fn train(&mut self, clients: &[TrainHead]) -> Result<(), Malformed> {
        at_most("clients", clients.len(), self.plan.clients.cohort() as usize)?;
        for client in clients {
            self.client(client.client)?;
            self.blob(client.params)?;
            let Some(optimizer) = &client.optimizer else { continue };
            at_most("optimizer slots", optimizer.slots.len(), OPTIMIZER_SLOTS as usize)?;
            optimizer.slots.iter().try_for_each(|&slot| self.blob(slot))?;
        }
        Ok(())
    }

    fn evaluate(&mut self, probes: &[ProbeHead]) -> Result<(), Malformed> {
        at_most("probes", probes.len(), PROBES)?;
        for probe in probes {
            match &probe.point {
                PointHead::Model(model) => self.blob(*model)?,
                PointHead::Mix(mix) | PointHead::Twin(mix, _) => self.mix(mix)?,
            }
            match probe.split {
                SplitHead::Train | SplitHead::Test => {}
                SplitHead::ClientTest(client) => self.client(client)?,
            }
        }
        Ok(())
    }

    fn mix(&mut self, mix: &MixHead) -> Result<(), Malformed> {
        let layers = self.plan.layout.layers().len();
        if let Some(layer) = mix.layers.iter().find(|&&layer| layer as usize >= layers) {
            return Err(Malformed(format!("it names layer {layer}; the model has {layers}")));
        }
        self.blob(mix.base)?;
        self.blob(mix.other)
    }

    fn client(&self, client: u32) -> Result<(), Malformed> {
        let count = self.plan.clients.count;
        if client < count {
            return Ok(());
        }
        Err(Malformed(format!("it names client {client}; the scenario has {count}")))
    }

    fn blob(&mut self, index: u32) -> Result<(), Malformed> {
        if index as usize >= self.blobs {
            return Err(Malformed(format!("it names blob {index} of {}", self.blobs)));
        }
        self.used.insert(index);
        Ok(())
    }
}

fn at_most(what: &str, found: usize, most: usize) -> Result<(), Malformed> {
    if found <= most {
        return Ok(());
    }
    Err(Malformed(format!("found {found} {what}; at most {most} are allowed")))
}
