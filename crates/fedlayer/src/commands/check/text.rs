//! The report of `fedlayer check` as text: titles with tables.

use std::thread::available_parallelism;

use fedlayer_core::{
    Plan,
    data::{FederatedData, PartSizes},
};
use fedlayer_report::{ColumnAlign, quantity, text_table};

use super::report::{CheckReport, ClientLine, LayerLine, SHOWN_CLIENTS, StrategyLine};
use crate::{
    classes,
    cost::{FLOPS, analyses::AnalysisLine},
    exit::Failure,
};

/// The number of variants of a sweep that are printed one by one.
const SHOWN_VARIANTS: usize = 20;

/// The number of classes that get a column.
const SHOWN_CLASSES: usize = 20;

/// A title with its table or its lines.
type Section = (String, String);

impl CheckReport {
    /// Renders the report; `plan` is the first of its variant's `plans`.
    pub(super) fn text(
        &self,
        plan: &Plan,
        plans: &[Plan],
        data: &FederatedData,
    ) -> Result<String, Failure> {
        let clients = format!(
            "examples of {} clients with seed {} (common test set: {})",
            quantity::count(data.clients() as u64),
            plan.seed,
            quantity::count(data.test.len() as u64),
        );
        let sections = [
            self.sweep_section(),
            Some(self.layer_section(plan)),
            Some(self.strategy_section(plan, plans)),
            Some((clients, self.client_table())),
            Some(self.parts_section()),
            self.inputs.text().map(|inputs| (self.inputs.title(), inputs)),
            self.analysis_section(),
            Some(("cost".to_owned(), self.cost_lines()?)),
        ];
        let sections = sections.into_iter().flatten();
        let text: String = sections.map(|(title, body)| format!("{title}\n{body}\n")).collect();
        Ok(text.trim_end().to_owned() + "\n")
    }

    fn sweep_section(&self) -> Option<Section> {
        let first = self.variants.first()?;
        let shown = self.variants.iter().take(SHOWN_VARIANTS);
        let rows: Vec<_> = shown.map(|variant| vec![variant.label()]).collect();
        let more = match self.variants.len().saturating_sub(SHOWN_VARIANTS) {
            0 => String::new(),
            rest => format!("… and {} more (`--json` has all)\n", quantity::count(rest as u64)),
        };
        let title = format!(
            "sweep ({} variants; below are the layers, strategies and clients of `{}`, and the cost of all)",
            quantity::count(self.variants.len() as u64),
            first.label()
        );
        Some((title, text_table(&[("variant", ColumnAlign::Left)], &rows) + &more))
    }

    fn layer_section(&self, plan: &Plan) -> Section {
        let parameters = quantity::count(plan.layout.trained_parameters() as u64);
        let heading = [
            ("layer", ColumnAlign::Left),
            ("tensors", ColumnAlign::Left),
            ("parameters", ColumnAlign::Right),
        ];
        let row = |layer: &LayerLine| {
            let parameters = quantity::count(layer.parameters as u64);
            vec![layer.name.clone(), layer.tensors.clone(), parameters]
        };
        let rows: Vec<_> = self.layers.iter().map(row).collect();
        (format!("layers ({parameters} parameters)"), text_table(&heading, &rows))
    }

    fn strategy_section(&self, plan: &Plan, plans: &[Plan]) -> Section {
        let seeds = plans.iter().filter(|other| other.strategy.name == plan.strategy.name).count();
        let title = format!(
            "strategies ({} of them × {seeds} seeds, {} rounds)",
            self.strategies.len(),
            plan.rounds
        );
        let row =
            |strategy: &StrategyLine| vec![strategy.name.clone(), strategy.averages.join("; ")];
        let rows: Vec<_> = self.strategies.iter().map(row).collect();
        (
            title,
            text_table(&[("strategy", ColumnAlign::Left), ("averages", ColumnAlign::Left)], &rows),
        )
    }

    /// Lists the size of every part of the data, and says whether two of them share an example.
    fn parts_section(&self) -> Section {
        let PartSizes { train, validation, test, client_validation, client_test, shared } =
            self.parts;
        let title = match shared {
            0 => "parts of the data: no two share an example".to_owned(),
            shared => format!(
                "parts of the data: clients share their examples, and {} that one holds out are trained on, or held out otherwise, by another",
                quantity::count(shared as u64)
            ),
        };
        let parts = [
            ("train", train, ""),
            ("validation", validation, "data.validation_share"),
            ("test", test, ""),
            ("clients' validation", client_validation, "data.client_validation_share"),
            ("clients' test", client_test, "data.client_test_share"),
        ];
        let row = |(part, examples, key): (&str, usize, &str)| match examples {
            0 => vec![part.to_owned(), format!("none (`{key}`)")],
            examples => vec![part.to_owned(), quantity::count(examples as u64)],
        };
        let heading = [("part", ColumnAlign::Left), ("examples", ColumnAlign::Right)];
        (title, text_table(&heading, &parts.map(row)))
    }

    fn analysis_section(&self) -> Option<Section> {
        let heading = [
            ("analysis", ColumnAlign::Left),
            ("measures", ColumnAlign::Left),
            ("rounds", ColumnAlign::Right),
            ("evaluations", ColumnAlign::Right),
            ("Hessian products", ColumnAlign::Right),
        ];
        let rows: Vec<_> = self.analyses.iter().map(analysis_cells).collect();
        let table = || ("analyses, after the rounds".to_owned(), text_table(&heading, &rows));
        (!rows.is_empty()).then(table)
    }

    fn cost_lines(&self) -> Result<String, Failure> {
        let workers = available_parallelism()?.get() as f64;
        let cost = self.cost;
        let barriers = match cost.barrier_memory {
            0 => String::new(),
            memory => format!(", results of a barrier round {}", quantity::bytes(memory as f64)),
        };
        let time = quantity::duration(cost.flops / FLOPS / workers);
        let analyses = match self.analyses.is_empty() {
            true => String::new(),
            false => {
                let seconds = cost.analysis_flops / FLOPS / workers;
                format!(", analyses at most {} more", quantity::duration(seconds))
            }
        };
        let by = match cost.timed {
            true => format!(
                "about {time} on {workers} cores, from steps of the module that were timed here"
            ),
            false => format!(
                "{:.1e} operations: about {time} at {:.0} GFLOP/s a core on {workers} cores",
                cost.flops,
                FLOPS / 1e9
            ),
        };
        Ok(format!(
            "{} optimizer steps, {} evaluations\n\
             in memory: models {}{barriers}\n\
             {by}{analyses}; without a GPU\n",
            quantity::count(cost.steps),
            quantity::count(cost.evaluations),
            quantity::bytes(cost.memory as f64),
        ))
    }

    fn client_table(&self) -> String {
        let has_groups = self.clients.iter().any(|line| line.groups.is_some());
        let classes = self.clients.first().map_or(0, |line| line.labels.len()).min(SHOWN_CLASSES);
        let has_validation = self.parts.client_validation > 0;
        let mut heading = ["client", "train", "own test"].map(str::to_owned).to_vec();
        heading.extend(has_validation.then(|| "own validation".to_owned()));
        heading.extend(has_groups.then(|| "groups".to_owned()));
        heading.extend((0..classes).map(|class| classes::heading(self.classes.as_deref(), class)));
        let heading: Vec<_> =
            heading.iter().map(|title| (title.as_str(), ColumnAlign::Right)).collect();
        let row = |line: &ClientLine| {
            let mut cells =
                vec![line.client.to_string(), line.train.to_string(), line.test.to_string()];
            cells.extend(has_validation.then(|| line.validation.to_string()));
            cells.extend(line.groups.map(|groups| groups.to_string()));
            cells.extend(line.labels.iter().take(classes).map(ToString::to_string));
            cells
        };
        let rows: Vec<_> = self.clients.iter().take(SHOWN_CLIENTS).map(row).collect();
        let hint = if self.clients.len() == self.client_count { " (`--json` has all)" } else { "" };
        let more = match self.client_count.saturating_sub(SHOWN_CLIENTS) {
            0 => String::new(),
            rest => format!("… and {} more{hint}\n", quantity::count(rest as u64)),
        };
        text_table(&heading, &rows) + &more
    }
}

/// Returns the row of an analysis.
fn analysis_cells(line: &AnalysisLine) -> Vec<String> {
    let products = match line.products {
        0 => "-".to_owned(),
        products => format!("≤ {}", quantity::count(products)),
    };
    vec![
        line.name.clone(),
        line.measure.to_owned(),
        line.rounds.to_string(),
        quantity::count(line.evaluations),
        products,
    ]
}
