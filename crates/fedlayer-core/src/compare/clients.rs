//! Fairness, worst decile and incentive: the distribution of the clients' own-test accuracies.

use std::collections::BTreeMap;

use super::ComparedClient;
use crate::{data::ClientId, estimate::mean};

/// The accuracy of every client on its own test data, as a fraction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClientAccuracies(BTreeMap<ClientId, f64>);

impl ClientAccuracies {
    /// Averages the accuracies of each client over these rounds, which are in ascending order. A
    /// client without a finite accuracy in one of its rounds is left out.
    pub fn over<E>(
        rounds: &[u32],
        clients: impl IntoIterator<Item = Result<ComparedClient, E>>,
    ) -> Result<Self, E> {
        let mut sums: BTreeMap<ClientId, (f64, f64)> = BTreeMap::new();
        for client in clients {
            let ComparedClient { round, client, test_accuracy_after } = client?;
            if rounds.binary_search(&round).is_ok() {
                let (sum, count) = sums.entry(client).or_default();
                *sum += test_accuracy_after.unwrap_or(f64::NAN);
                *count += 1.0;
            }
        }
        let means = sums.into_iter().map(|(client, (sum, count))| (client, sum / count));
        Ok(Self(means.filter(|(_, accuracy)| accuracy.is_finite()).collect()))
    }

    /// Returns the population variance (n) of the accuracies: the clients are all there are, not a
    /// sample. 0 is the fairest. `None` without clients.
    pub fn fairness(&self) -> Option<f64> {
        let center = mean(self.0.values().copied())?;
        mean(self.0.values().map(|accuracy| (accuracy - center).powi(2)))
    }

    /// Returns the mean accuracy of the tenth of the clients with the smallest accuracies: of
    /// ⌈n / 10⌉ clients, so of one client of ten or fewer. `None` without clients.
    pub fn worst_decile(&self) -> Option<f64> {
        let mut accuracies: Vec<f64> = self.0.values().copied().collect();
        accuracies.sort_by(f64::total_cmp);
        mean(accuracies.iter().take(accuracies.len().div_ceil(10)).copied())
    }

    /// Returns the share of clients with a larger accuracy than both the same client's after local
    /// training alone and after federated averaging. Clients that one of the three does not have
    /// are left out; `None` if all are.
    pub fn incentive(&self, local: &Self, averaged: &Self) -> Option<f64> {
        let gains = self.0.iter().filter_map(|(client, accuracy)| {
            let best = local.0.get(client)?.max(*averaged.0.get(client)?);
            Some(if *accuracy > best { 1.0 } else { 0.0 })
        });
        let gains: Vec<f64> = gains.collect();
        mean(gains.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(round: u32, accuracies: &[Option<f64>]) -> Vec<Result<ComparedClient, ()>> {
        let row = |(client, &accuracy): (usize, &Option<f64>)| {
            let client = ClientId(client as u32);
            Ok(ComparedClient { round, client, test_accuracy_after: accuracy })
        };
        accuracies.iter().enumerate().map(row).collect()
    }

    fn of(accuracies: &[f64]) -> ClientAccuracies {
        let accuracies: Vec<Option<f64>> = accuracies.iter().copied().map(Some).collect();
        ClientAccuracies::over(&[1], rows(1, &accuracies)).unwrap()
    }

    #[test]
    fn fairness_is_the_variance_over_all_clients() {
        // Mean 0.5; squares 0.09, 0.01, 0.01, 0.09.
        assert!((of(&[0.2, 0.4, 0.6, 0.8]).fairness().unwrap() - 0.05).abs() < 1e-15);
        assert_eq!(of(&[0.7]).fairness(), Some(0.0));
        assert_eq!(of(&[]).fairness(), None);
    }

    #[test]
    fn the_worst_decile_is_a_mean_over_a_tenth_rounded_up() {
        let eleven: Vec<f64> = (0..11).rev().map(|client| f64::from(client) / 10.0).collect();
        assert!((of(&eleven).worst_decile().unwrap() - 0.05).abs() < 1e-15);
        assert_eq!(of(&eleven[1..]).worst_decile(), Some(0.0));
        assert_eq!(of(&[0.7]).worst_decile(), Some(0.7));
        assert_eq!(of(&[]).worst_decile(), None);
    }

    #[test]
    fn an_incentive_is_a_gain_over_both_references() {
        // Above both; above one of them; equal to the better one; below both.
        let own = of(&[0.9, 0.7, 0.8, 0.1]);
        let (local, averaged) = (of(&[0.8, 0.8, 0.8, 0.5]), of(&[0.7, 0.6, 0.3, 0.5, 0.9]));
        assert_eq!(own.incentive(&local, &averaged), Some(0.25));
        assert_eq!(own.incentive(&local, &of(&[])), None);
    }

    #[test]
    fn accuracies_are_means_over_the_rounds_and_null_is_no_accuracy() {
        let lines = [
            rows(1, &[Some(0.0), Some(0.0), Some(0.0)]),
            rows(2, &[Some(0.2), Some(0.6), Some(0.3)]),
            rows(4, &[Some(0.4), None]),
        ];
        let accuracies = ClientAccuracies::over(&[2, 4], lines.concat()).unwrap();
        let [zero, two] = [0.3, 0.3];
        let expected = BTreeMap::from([(ClientId(0), zero), (ClientId(2), two)]);
        assert_eq!(accuracies.0.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (client, accuracy) in expected {
            assert!((accuracies.0[&client] - accuracy).abs() < 1e-15);
        }
    }
}
