//! The guarded document.

use yrs::updates::decoder::Decode;
use yrs::{Doc, ReadTxn, TransactionMut};

use super::super::Kind;
use super::super::update::{BadUpdate, Bounds, Misfits, Update, Waits};
use super::engine::{self, Broken};
use super::pending::Pending;
use super::structure::{Before, Fit, Structure};
use crate::protocol::state_vector::{ClientId, StateVector};

/// A document that takes updates from anybody.
///
/// It applies an update whole or not at all, and the same updates in the same order give the same document everywhere.
#[derive(Debug)]
pub struct Document {
    kind: Kind,
    client: ClientId,
    doc: Doc,
    structure: Structure,
    pending: Pending,
    broken: bool,
    impersonated: bool,
    /// An edit was made here since an update was applied: something may have waited for it. It comes before what is applied next, as
    /// it did for whoever heard this edit.
    edited: bool,
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It was applied, and perhaps others that waited for it.
    New,
    /// It brought nothing that was not known.
    Known,
    /// It was applied, but some of it fits nowhere and was taken as deleted: these bytes say the same with that deleted. No honest
    /// client sends what came; programs without this guard would make another document of it, so hand on these bytes only.
    Cleaned(Vec<u8>),
    /// It builds on an edit that is not known: it waits. Read the log from where it was last read.
    Waits,
}

impl Document {
    /// An empty document. `client` names who edits here: random, at most 53 bits, never used twice.
    pub fn new(kind: Kind, client: ClientId) -> Document {
        Document {
            kind,
            client,
            doc: engine::new_doc(client),
            structure: Structure::new(kind),
            pending: Pending::default(),
            broken: false,
            impersonated: false,
            edited: false,
        }
    }

    /// A document from a snapshot, which must be whole.
    pub fn load(kind: Kind, client: ClientId, snapshot: &[u8]) -> Result<Document, BadUpdate> {
        let mut document = Document::new(kind, client);
        let applied = document.apply_within(snapshot, Bounds::DOCUMENT)?;
        document.impersonated = false;
        match applied {
            Applied::Waits => Err(BadUpdate::Engine),
            Applied::New | Applied::Cleaned(_) | Applied::Known => Ok(document),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Who edits here.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Applies an update that was published. An error leaves the document as it was, unless it [is broken](Document::is_broken).
    pub fn apply(&mut self, update: &[u8]) -> Result<Applied, BadUpdate> {
        self.apply_within(update, Bounds::MESSAGE)
    }

    /// Applies an update before it is published: what fits nowhere is refused ([`BadUpdate::Misfit`]), not taken as deleted. (What is
    /// published already cannot be refused, or peers would differ: one that loaded a snapshot knows less of what was deleted than one
    /// that saw everything, and judges otherwise.) What [waits](Applied::Waits) is not kept: nobody can say yet whether it fits, so it
    /// is not to be published, and its author hands it in again.
    pub fn accept(&mut self, update: &[u8]) -> Result<Applied, BadUpdate> {
        self.apply_within(update, Bounds::UNPUBLISHED)
    }

    /// [`Document::apply`], and what was new in it as an update of its own; `None` if nothing was. A peer's answer to a state
    /// vector repeats every deletion there ever was: this is what of it is worth handing on.
    pub fn apply_for_news(&mut self, update: &[u8]) -> Result<(Applied, Option<Vec<u8>>), BadUpdate> {
        self.apply_for_news_within(update, Bounds::MESSAGE)
    }

    /// [`Document::accept`] and [`Document::apply_for_news`].
    pub fn accept_for_news(&mut self, update: &[u8]) -> Result<(Applied, Option<Vec<u8>>), BadUpdate> {
        self.apply_for_news_within(update, Bounds::UNPUBLISHED)
    }

    /// Merges a whole document as somebody else has saved it, and returns what was new in it as an update.
    pub fn merge_snapshot(&mut self, snapshot: &[u8]) -> Result<Option<Vec<u8>>, BadUpdate> {
        Ok(self.apply_for_news_within(snapshot, Bounds::DOCUMENT)?.1)
    }

    fn apply_for_news_within(
        &mut self,
        update: &[u8],
        bounds: Bounds,
    ) -> Result<(Applied, Option<Vec<u8>>), BadUpdate> {
        let (decoded, applied) = self.admit_one(update, bounds);
        if decoded.is_empty() {
            return Ok((applied?, None));
        }
        let news = engine::apply_for_news(&self.doc, decoded).map_err(|Broken| {
            self.broken = true;
            BadUpdate::Engine
        })?;
        Ok((applied?, news))
    }

    /// Applies many updates in one transaction, as a window does once a frame. The result tells of each.
    pub fn apply_all(&mut self, updates: &[&[u8]]) -> Vec<Result<Applied, BadUpdate>> {
        self.apply_all_within(updates, Bounds::MESSAGE)
    }

    /// [`Document::apply_all`] of a log, or of as much as is in memory anyway: whatever waits is kept, however much it is.
    pub fn apply_log(&mut self, updates: &[&[u8]]) -> Vec<Result<Applied, BadUpdate>> {
        self.apply_all_within(updates, Bounds { waits: Waits::KeepAll, ..Bounds::MESSAGE })
    }

    fn apply_all_within(&mut self, updates: &[&[u8]], bounds: Bounds) -> Vec<Result<Applied, BadUpdate>> {
        let mut decoded = Vec::new();
        self.admit_after_edits(&mut decoded);
        let results: Vec<_> = updates
            .iter()
            .map(|update| {
                let applied = self.admit(update, &mut { bounds }, &mut decoded);
                // Not once at the end: what builds on those that waited would fill the list of those that wait.
                self.admit_waiting(&mut decoded);
                applied
            })
            .collect();
        match self.merge(decoded) {
            Ok(()) => results,
            Err(bad) => vec![Err(bad); updates.len()],
        }
    }

    /// Whether the merge engine broke. Then nothing works but [`rebuild`](super::rebuild).
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether somebody else published edits in the name of [`Document::client`]. What is written here from now on may collide with
    /// theirs: load a snapshot under another client id (Yjs does the same).
    pub fn is_impersonated(&self) -> bool {
        self.impersonated
    }

    /// What is known: for each client the clock of its next edit. Updates that wait are not in it.
    pub fn state_vector(&self) -> StateVector {
        self.structure.state_vector()
    }

    /// The clock of a client's next edit.
    pub fn clock(&self, client: ClientId) -> u32 {
        self.structure.clock(client)
    }

    /// The update that brings a peer who knows `known` (Yjs v1 bytes of a state vector) up to date.
    pub fn encode_since(&self, known: &StateVector) -> Result<Vec<u8>, Broken> {
        self.usable()?;
        let known = yrs::StateVector::decode_v1(&known.encode()).map_err(|_| Broken)?;
        engine::read(&self.doc, |txn| txn.encode_state_as_update_v1(&known))
    }

    /// The whole document as one update, read back before it is given away: what is returned can be loaded.
    pub fn snapshot(&self) -> Result<Vec<u8>, Broken> {
        let snapshot = self.encode_since(&StateVector::new())?;
        let walked = Update::walk(&snapshot, Bounds::DOCUMENT).map_err(|_| Broken)?;
        let mut again = Structure::new(self.kind);
        let fit = again.enter(&walked, &mut { usize::MAX }, &mut Before::default()).map_err(|_| Broken)?;
        let whole = !matches!(fit, Fit::Missing(_)) && again.state_vector() == self.state_vector();
        let decodes = engine::decode(&snapshot)?.is_some();
        if whole && decodes { Ok(snapshot) } else { Err(Broken) }
    }

    /// Updates that wait for an edit they build on. They are in no snapshot: whoever trims a log must keep them.
    pub fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        self.pending.iter()
    }

    /// Blocks entered since it was made or loaded: a measure of its memory, some 250 bytes each.
    pub fn blocks(&self) -> usize {
        self.structure.blocks()
    }

    /// Changes the document here and returns the update to publish, or nothing if nothing changed.
    pub(crate) fn edit<T>(
        &mut self,
        change: impl FnOnce(&mut TransactionMut<'_>) -> T,
    ) -> Result<(T, Option<Vec<u8>>), Broken> {
        self.usable()?;
        let outcome = engine::transact(&self.doc, engine::LOCAL, |txn| {
            let result = change(txn);
            (result, txn.has_changes().then(|| txn.encode_update_v1()))
        });
        let (result, update) = outcome.inspect_err(|_| self.broken = true)?;
        if let Some(update) = &update {
            self.note(update)?;
        }
        Ok((result, update))
    }

    /// Enters what was changed here without [`Document::edit`], as the undo manager does.
    pub(crate) fn note(&mut self, update: &[u8]) -> Result<(), Broken> {
        let walked = Update::walk(update, Bounds::DOCUMENT).map_err(|_| Broken);
        let entered = walked.and_then(|walked| {
            self.structure.enter(&walked, &mut { usize::MAX }, &mut Before::default()).map_err(|_| Broken)
        });
        match entered {
            Ok(Fit::New | Fit::Known) => {
                self.edited = true;
                Ok(())
            }
            Ok(Fit::Missing(_)) | Err(_) => {
                self.broken = true;
                Err(Broken)
            }
        }
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&yrs::Transaction<'_>) -> T) -> Result<T, Broken> {
        self.usable()?;
        engine::read(&self.doc, look)
    }

    pub(crate) fn doc(&self) -> &Doc {
        &self.doc
    }

    fn apply_within(&mut self, update: &[u8], bounds: Bounds) -> Result<Applied, BadUpdate> {
        let (decoded, applied) = self.admit_one(update, bounds);
        self.merge(decoded)?;
        applied
    }

    /// Checks an update and enters it, and whatever waited; what is to be merged, and what came of the update itself.
    fn admit_one(
        &mut self,
        update: &[u8],
        mut bounds: Bounds,
    ) -> (Vec<yrs::Update>, Result<Applied, BadUpdate>) {
        let mut decoded = Vec::new();
        self.admit_after_edits(&mut decoded);
        let applied = self.admit(update, &mut bounds, &mut decoded);
        if matches!(applied, Ok(Applied::New | Applied::Cleaned(_))) {
            self.admit_waiting(&mut decoded);
        }
        (decoded, applied)
    }

    fn admit_after_edits(&mut self, decoded: &mut Vec<yrs::Update>) {
        if std::mem::take(&mut self.edited) {
            self.admit_waiting(decoded);
        }
    }

    /// Checks an update and enters it; what is to be merged is appended to `decoded`.
    fn admit(
        &mut self,
        update: &[u8],
        bounds: &mut Bounds,
        decoded: &mut Vec<yrs::Update>,
    ) -> Result<Applied, BadUpdate> {
        self.usable().map_err(|_| BadUpdate::Engine)?;
        let walked = Update::walk(update, *bounds)?;
        let mut before = Before::default();
        let own = self.structure.clock(self.client);
        self.impersonated |=
            walked.blocks.iter().any(|block| block.id.client == self.client && block.end() > own);
        let fit = match self.structure.enter(&walked, &mut bounds.looks, &mut before)? {
            Fit::Missing(id) => {
                let has_room = match bounds.waits {
                    Waits::Refuse => true,
                    Waits::Keep => self.pending.push(id, update),
                    Waits::KeepAll => self.pending.keep(id, update),
                };
                return if has_room { Ok(Applied::Waits) } else { Err(BadUpdate::NoRoom) };
            }
            fit => fit,
        };
        if fit == Fit::Known && walked.deletes.is_empty() {
            return Ok(Applied::Known);
        }
        if !before.forgotten.is_empty() && bounds.misfits == Misfits::Refuse {
            self.structure.remove(&mut before);
            return Err(BadUpdate::Misfit);
        }
        let cleaned = (!before.forgotten.is_empty()).then(|| walked.without(update, &before.forgotten));
        match engine::decode(cleaned.as_deref().unwrap_or(update)) {
            Ok(Some(update)) => {
                decoded.push(update);
                Ok(match (fit, cleaned) {
                    (Fit::New, Some(cleaned)) => Applied::Cleaned(cleaned),
                    (Fit::New, None) => Applied::New,
                    (Fit::Known | Fit::Missing(_), _) => Applied::Known,
                })
            }
            Ok(None) | Err(Broken) => {
                self.structure.remove(&mut before);
                Err(BadUpdate::Engine)
            }
        }
    }

    /// Admits what waited and now fits. What turns out to be bad is dropped: it was refused as if it came now. All
    /// together they may look at as many edits as one message.
    fn admit_waiting(&mut self, decoded: &mut Vec<yrs::Update>) {
        // It had its room before.
        let mut bounds = Bounds { waits: Waits::KeepAll, ..Bounds::MESSAGE };
        while !self.pending.is_empty() {
            let structure = &self.structure;
            let Some(update) = self.pending.take_ready(|id| id.clock < structure.clock(id.client)) else {
                return;
            };
            let _ = self.admit(&update, &mut bounds, decoded);
        }
    }

    fn merge(&mut self, decoded: Vec<yrs::Update>) -> Result<(), BadUpdate> {
        if decoded.is_empty() {
            return Ok(());
        }
        engine::apply(&self.doc, decoded).map_err(|Broken| {
            self.broken = true;
            BadUpdate::Engine
        })
    }

    fn usable(&self) -> Result<(), Broken> {
        if self.broken { Err(Broken) } else { Ok(()) }
    }
}

const _: fn() = || {
    fn moves_between_threads<T: Send>() {}
    moves_between_threads::<Document>();
};
