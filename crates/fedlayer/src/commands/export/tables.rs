//! The long tables of runs, as files of a folder.

use std::{io, path::Path};

use fedlayer_core::spec::swept_keys;
use fedlayer_export::{LongTables, TableFormat};

use super::{
    new_files::{NewFiles, check_free},
    rounds::PlanRounds,
    source::ExportSource,
};
use crate::{exit::Failure, files, screen::Screen};

/// Writes the long tables of all runs to a folder. With `replace`, tables of an earlier export that
/// have no rows any more are removed.
pub(super) fn write(
    sources: &[ExportSource],
    format: TableFormat,
    folder: &Path,
    replace: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let all = format.file_names().into_iter().map(|name| folder.join(name));
    check_free(all.clone(), replace)?;
    let mut new = NewFiles::default();
    let open = |name: &str| new.begin(&folder.join(name)).map_err(io::Error::other);
    let provenance = sources.iter().map(|source| source.provenance.clone()).collect();
    let mut tables = LongTables::new(format, swept(sources), provenance, open);
    for plan in sources.iter().flat_map(|source| &source.plans) {
        for round in PlanRounds::open(plan, screen)? {
            tables.add(&plan.keys, &round?)?;
        }
    }
    let written = tables.finish()?;
    let stale = all.filter(|path| !new.has(path)).collect::<Vec<_>>();
    new.finish()?;
    stale.iter().try_for_each(|path| files::remove(path))?;
    for table in written {
        screen.talk(&match table.rows {
            0 => format!("{}: no records, no file", table.name),
            rows => {
                format!("{} rows → {}", rows, folder.join(format.file_name(table.name)).display())
            }
        });
    }
    Ok(())
}

/// Returns the keys that the sweeps of all runs set.
fn swept(sources: &[ExportSource]) -> Vec<String> {
    let plans = sources.iter().flat_map(|source| &source.plans);
    let variants = plans.filter_map(|plan| plan.keys.variant.as_ref());
    swept_keys(variants).into_iter().map(|setting| setting.key.clone()).collect()
}
