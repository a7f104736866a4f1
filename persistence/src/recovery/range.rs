//! Recovers one range. FORMAT.md, "Recovery".

use std::path::{Path, PathBuf};

use shared::rt::fs;

use crate::base::reader::{Cuts, restore};
use crate::disk;
use crate::error::{Doing, Error};
use crate::header::HEADER_BYTES;
use crate::layout::{Named, RangeFolder};
use crate::log::LogFile;
use crate::log::reader::{Effect, Found, Walked, walk};
use crate::manifest::{Manifest, Unplaced};
use crate::recovery::report::{RangeReport, TornTail};
use crate::recovery::{Recovered, Replay};

/// A range as found: replayed, and not changed on disk.
#[derive(Debug)]
pub(super) struct Replayed {
    folder: RangeFolder,
    manifest: Manifest,
    walked: Walked,
    report: RangeReport,
}

/// Replays a range. Changes nothing on disk.
pub(super) fn replay(folder: &RangeFolder, replay: &impl Replay) -> Result<Replayed, Error> {
    let manifest = Manifest::required(folder)?;
    refuse_unnamed(folder, &manifest)?;
    let mut report = RangeReport::default();
    if manifest.receiving {
        let walked = Walked { increments: Vec::new(), end: 0 };
        return Ok(Replayed { folder: folder.clone(), manifest, walked, report });
    }
    let cuts = match manifest.base {
        None => Cuts::none(folder.range),
        Some((number, length)) => {
            report.bytes += length;
            restore(folder, number, length, |slot, entry| {
                report.entries += 1;
                replay.base_entry(slot, entry)
            })?
        }
    };
    if cuts.highest() > manifest.reaches {
        let what = format!("the base was dumped at offset {}, beyond its end", cuts.highest());
        return Err(Error::damaged(&folder.manifest(), 0, what));
    }
    let walked = walk(folder, &manifest, |Effect { slot, position, bytes }| {
        if cuts.cover(slot, position) {
            report.covered += 1;
            return Ok(());
        }
        report.effects += 1;
        #[cfg(feature = "sim")]
        if report.effects == 1 && shared::rt::sim::strikes("replay-off-by-one") {
            return Ok(());
        }
        replay.effect(slot, bytes)
    })?;
    Ok(Replayed { folder: folder.clone(), manifest, walked, report })
}

/// Cuts off what is torn, clears away what unfinished steps left, and notes how far the log reaches, once every range is known to be good.
pub(super) fn settle(replayed: Replayed, cut_torn: bool) -> Result<Recovered, Error> {
    let Replayed { folder, mut manifest, walked, mut report } = replayed;
    if manifest.receiving {
        return empty(folder, &manifest, report);
    }
    let mut last = None;
    for found in &walked.increments {
        report.bytes += found.valid;
        if let Some(torn) = settle_log(found, cut_torn)? {
            report.torn = Some(torn);
        }
        last = Some(found);
    }
    report.removed = remove_unnamed(&folder, &manifest)?;
    note_end(&folder, &mut manifest, walked.end)?;
    let last = last.ok_or_else(|| Error::damaged(&folder.manifest(), 0, "no increment is named"))?;
    Ok(Recovered {
        log: LogFile::open(&last.path, last.number, last.valid)?,
        headed: last.valid > 0,
        end: walked.end,
        log_bytes: walked.increments.iter().map(|found| found.valid).sum(),
        manifest,
        report,
    })
}

/// A range whose receipt did not come to its end: it begins anew with nothing in it, and is in receipt still. What it held before may be
/// missing here, so nobody is to take it for a range that is empty.
fn empty(folder: RangeFolder, manifest: &Manifest, mut report: RangeReport) -> Result<Recovered, Error> {
    report.removed = remove_unnamed(&folder, manifest)?;
    let number = manifest.next_number();
    let log = LogFile::create(&folder.log(number), number)?;
    let manifest = Manifest { logs: vec![number], receiving: true, ..Manifest::first(folder.range) };
    manifest.place(&folder).map_err(|unplaced| match unplaced {
        Unplaced::Before(error) | Unplaced::Unknown(error) => error,
    })?;
    report.removed.append(&mut remove_unnamed(&folder, &manifest)?);
    tracing::warn!(range = folder.range, "a range was being received from another node: it is empty");
    Ok(Recovered { log, headed: false, end: 0, log_bytes: 0, manifest, report })
}

/// Cuts off what is torn, and makes durable what a crash of the process left in the page cache.
fn settle_log(found: &Found, cut_torn: bool) -> Result<Option<TornTail>, Error> {
    if found.length == 0 {
        return Ok(None);
    }
    let log = LogFile::open(&found.path, found.number, found.valid)?;
    if found.valid == found.length {
        log.sync()?;
        return Ok(None);
    }
    if !cut_torn {
        return Err(Error::damaged(
            &found.path,
            found.valid,
            "a crash left its end unfinished, and it is not to be cut",
        ));
    }
    log.cut(found.valid)?;
    let torn = TornTail { file: found.path.clone(), at: found.valid, bytes: found.length - found.valid };
    tracing::warn!(%torn, "cut off what a crash left unfinished");
    debug_assert!(found.valid == 0 || found.valid >= HEADER_BYTES as u64);
    Ok(Some(torn))
}

/// Notes in the manifest how far the log reaches, now that all of it is durable: from here on a shorter one is damage.
fn note_end(folder: &RangeFolder, manifest: &mut Manifest, end: u64) -> Result<(), Error> {
    if end <= manifest.reaches {
        return Ok(());
    }
    let noted = Manifest { reaches: end, ..manifest.clone() };
    match noted.place(folder) {
        Ok(()) => *manifest = noted,
        // A full disk must not keep a store from being read.
        Err(Unplaced::Before(error)) => tracing::warn!(%error, "cannot note how far the log reaches"),
        Err(Unplaced::Unknown(error)) => return Err(error),
    }
    Ok(())
}

/// An increment gets its first byte when a manifest has named it: one with bytes that is not named, and is no older one, was lost by the manifest.
fn refuse_unnamed(folder: &RangeFolder, manifest: &Manifest) -> Result<(), Error> {
    for path in files(folder)? {
        if let Named::Log(number) = named(&path)
            && manifest.logs.first().is_some_and(|first| number > *first)
            && !manifest.logs.contains(&number)
            && fs::metadata(&path).doing("cannot look at", &path)?.len() > 0
        {
            return Err(Error::damaged(&path, 0, "it holds something, but the manifest does not name it"));
        }
    }
    Ok(())
}

/// Removes what unfinished steps left.
fn remove_unnamed(folder: &RangeFolder, manifest: &Manifest) -> Result<Vec<PathBuf>, Error> {
    let mut removed = Vec::new();
    for path in files(folder)? {
        let unnamed = match named(&path) {
            Named::ManifestNew => true,
            Named::Base(number) => manifest.base.is_none_or(|(named, _)| named != number),
            Named::Log(number) => !manifest.logs.contains(&number),
            Named::Manifest | Named::Foreign => false,
        };
        if unnamed {
            disk::remove(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// The files of a range's folder, by name.
fn files(folder: &RangeFolder) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(&folder.path).doing("cannot read", &folder.path)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().doing("cannot read", &folder.path)?;
    paths.sort();
    Ok(paths)
}

fn named(path: &Path) -> Named {
    Named::of(&path.file_name().unwrap_or_default().to_string_lossy())
}
