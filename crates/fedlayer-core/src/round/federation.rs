//! [`Federation`]: the models of all clients: shared layers, and the layers that each client keeps.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use crate::{
    data::ClientId,
    model::{LayerSet, Params},
    round::{AverageError, update_weights, weighted_mean},
    spec::Weighting,
    trainer::{OptimizerState, Update},
};

/// The models of all clients.
///
/// There is no single global model. The model of a client consists of its own layers, overlaid with
/// the shared layers that were averaged in or after the client's last round. Under full averaging
/// no client keeps anything. A client that has never taken part costs nothing.
#[derive(Debug, Clone)]
pub struct Federation {
    shared: Arc<Params>,
    /// The round in which each layer was last averaged; 0 is the initial draw.
    averaged_in: Vec<u32>,
    clients: BTreeMap<ClientId, ClientState>,
}

/// The state that a client keeps between two rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientState {
    /// The client's last round.
    pub round: u32,
    /// The layers that were averaged in that round.
    pub averaged: LayerSet,
    /// All other values of the client's model ([`LayerSet::rest`]), one after another.
    pub values: Arc<[f32]>,
    /// The optimizer state, if the plan keeps it between rounds.
    pub optimizer: Option<Arc<OptimizerState>>,
}

impl Federation {
    /// Makes a federation in which every client starts from the same initial parameters.
    pub fn new(initial: Arc<Params>) -> Self {
        let layers = initial.layout().layers().len();
        Self { shared: initial, averaged_in: vec![0; layers], clients: BTreeMap::new() }
    }

    /// Restores a federation from the contents of a checkpoint.
    pub fn restore(
        shared: Arc<Params>,
        averaged_in: Vec<u32>,
        clients: BTreeMap<ClientId, ClientState>,
    ) -> Self {
        Self { shared, averaged_in, clients }
    }

    /// Returns the shared layers. A layer that was never averaged holds its initial values.
    pub fn shared(&self) -> &Arc<Params> {
        &self.shared
    }

    /// Returns the round in which each layer was last averaged; 0 is the initial draw.
    pub fn averaged_in(&self) -> &[u32] {
        &self.averaged_in
    }

    /// Returns the states of the clients that have taken part.
    pub fn clients(&self) -> &BTreeMap<ClientId, ClientState> {
        &self.clients
    }

    /// Returns the shared layers that overlay a client's own: the layers that the coordinator would
    /// send to it at the start of a round.
    pub fn received(&self, client: ClientId) -> LayerSet {
        let last = self.clients.get(&client).map_or(0, |state| state.round);
        let layers = self.averaged_in.iter().enumerate();
        let newer = layers.filter(|&(_, &averaged)| averaged >= last).map(|(layer, _)| layer);
        LayerSet::new(self.shared.layout().clone(), newer)
    }

    /// Returns the model of a client. Clients that keep nothing share one allocation.
    pub fn model(&self, client: ClientId) -> Arc<Params> {
        let received = self.received(client);
        // Values in neither set are the client's own: layers that nobody has averaged since, and
        // statistics that stay with the model.
        let Some(state) = self.clients.get(&client) else { return self.shared.clone() };
        let not_received = received.rest();
        let mut model = self.shared.clone();
        let mut offset = 0;
        for range in state.averaged.rest() {
            for own in not_received.iter().map(|other| overlap(&range, other)) {
                if own.is_empty() {
                    continue;
                }
                let from = offset + own.start - range.start;
                let values = &state.values[from..from + own.len()];
                Arc::make_mut(&mut model).values_mut()[own].copy_from_slice(values);
            }
            offset += range.len();
        }
        model
    }

    /// Returns the optimizer state that a client kept.
    pub fn optimizer(&self, client: ClientId) -> Option<Arc<OptimizerState>> {
        self.clients.get(&client)?.optimizer.clone()
    }

    /// Averages the layers of `set` over the updates, in client order. Each client keeps its other
    /// layers.
    ///
    /// # Errors
    /// As [`weighted_mean`]; nothing is changed then.
    pub fn commit(
        &mut self,
        round: u32,
        set: &LayerSet,
        weighting: Weighting,
        updates: &[Update],
    ) -> Result<(), AverageError> {
        if !set.is_empty() {
            let models: Vec<(f64, &Params)> = update_weights(weighting, updates)
                .into_iter()
                .zip(updates.iter().map(|update| &*update.params))
                .collect();
            weighted_mean(Arc::make_mut(&mut self.shared), set, &models)?;
        }
        for layer in set.indices() {
            self.averaged_in[layer] = round;
        }
        let own = set.rest();
        for update in updates {
            let values = own.iter().flat_map(|range| update.params.range(range));
            let state = ClientState {
                round,
                averaged: set.clone(),
                values: values.copied().collect(),
                optimizer: update.optimizer.clone(),
            };
            self.clients.insert(update.client, state);
        }
        Ok(())
    }
}

/// Returns the intersection of two ranges; it is empty if they have nothing in common.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Layout;

    fn update(client: u32, values: [f32; 3]) -> Update {
        Update {
            client: ClientId(client),
            params: Arc::new(Params::new(layout(), values.to_vec()).unwrap()),
            optimizer: None,
            examples: 1,
            steps: 1,
            loss: 0.0,
        }
    }

    fn layout() -> Arc<Layout> {
        Arc::new(Layout::new(["a", "b", "c"].map(|name| (name, vec![1]))).unwrap())
    }

    fn federation() -> Federation {
        Federation::new(Arc::new(Params::zeros(layout())))
    }

    fn model(federation: &Federation, client: u32) -> Vec<f32> {
        federation.model(ClientId(client)).values().to_vec()
    }

    #[test]
    fn averaging_all_layers_keeps_nothing_for_a_client() {
        let mut federation = federation();
        let updates = [update(0, [1.0, 2.0, 3.0]), update(1, [3.0, 4.0, 5.0])];
        federation.commit(1, &LayerSet::all(&layout()), Weighting::Equal, &updates).unwrap();
        assert_eq!(model(&federation, 0), [2.0, 3.0, 4.0]);
        assert_eq!(model(&federation, 7), [2.0, 3.0, 4.0]);
        assert!(federation.clients().values().all(|state| state.values.is_empty()));
        assert!(Arc::ptr_eq(&federation.model(ClientId(0)), &federation.model(ClientId(7))));
    }

    #[test]
    fn averaging_no_layer_is_local_training() {
        let mut federation = federation();
        let updates = [update(0, [1.0, 2.0, 3.0]), update(1, [3.0, 4.0, 5.0])];
        federation.commit(1, &LayerSet::none(&layout()), Weighting::Examples, &updates).unwrap();
        assert_eq!(model(&federation, 0), [1.0, 2.0, 3.0]);
        assert_eq!(model(&federation, 1), [3.0, 4.0, 5.0]);
        assert_eq!(model(&federation, 2), [0.0, 0.0, 0.0]);
        assert!(federation.received(ClientId(0)).is_empty());
    }

    #[test]
    fn a_client_that_sat_out_gets_the_layers_averaged_since_and_keeps_its_others() {
        let mut federation = federation();
        let set = |layers: &[usize]| LayerSet::new(layout(), layers.iter().copied());
        let both = [update(0, [1.0, 2.0, 3.0]), update(1, [3.0, 4.0, 5.0])];
        federation.commit(1, &set(&[0]), Weighting::Equal, &both).unwrap();
        assert_eq!(model(&federation, 0), [2.0, 2.0, 3.0]);
        // Client 0 sits out; the others average `b`.
        federation.commit(2, &set(&[1]), Weighting::Equal, &[update(1, [7.0, 8.0, 9.0])]).unwrap();
        assert_eq!(federation.received(ClientId(0)), set(&[0, 1]));
        assert_eq!(model(&federation, 0), [2.0, 8.0, 3.0]);
        // Client 1 trained `a` further, and nobody averaged it since.
        assert_eq!(federation.received(ClientId(1)), set(&[1]));
        assert_eq!(model(&federation, 1), [7.0, 8.0, 9.0]);
        // Client 0 takes part again: it keeps the layers that it trains and that are not averaged.
        federation.commit(3, &set(&[2]), Weighting::Equal, &[update(0, [6.0, 6.5, 4.0])]).unwrap();
        assert_eq!(model(&federation, 0), [6.0, 6.5, 4.0]);
        assert_eq!(model(&federation, 1), [7.0, 8.0, 4.0]);
    }
}
