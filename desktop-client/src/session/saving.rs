//! How far saving is, in words that do not flicker: between two letters of a typist everything is saved for some hundredths of a
//! second. Times are milliseconds of one clock that never goes back.

/// So long after the last edit saved is called saved.
const SETTLED_AFTER_MS: u64 = 500;

/// So long without an answer about what is unsaved, and its changes are counted. A disk that is synced every second answers sooner.
const LATE_AFTER_MS: u64 = 3_000;

/// How far saving is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Progress {
    /// Nothing is unsaved, and the person pauses.
    #[default]
    Settled,
    /// Saving goes on, or went on a moment ago.
    UnderWay,
    /// Something is unsaved for longer than saving takes.
    Late,
}

/// When saving began, and when it was heard of.
#[derive(Debug, Default)]
pub struct Saving {
    edited_ms: Option<u64>,
    /// Since when an answer is waited for, while something is unsaved.
    waits_since_ms: Option<u64>,
}

impl Saving {
    /// The person edited.
    pub fn edited(&mut self, now_ms: u64) {
        self.edited_ms = Some(now_ms);
        self.waits_since_ms.get_or_insert(now_ms);
    }

    /// The servers can be asked from now on, or answered; `unsaved`: more is to be answered.
    pub fn answered(&mut self, unsaved: bool, now_ms: u64) {
        self.waits_since_ms = unsaved.then_some(now_ms);
    }

    /// How far saving is now.
    pub fn progress(&self, unsaved: bool, now_ms: u64) -> Progress {
        let (settles, late) = (self.settles_ms(), self.late_ms());
        match unsaved {
            true if late.is_some_and(|late| late <= now_ms) => Progress::Late,
            false if settles.is_none_or(|settles| settles <= now_ms) => Progress::Settled,
            _ => Progress::UnderWay,
        }
    }

    /// When [`Saving::progress`] next changes because time passes.
    pub fn changes_at_ms(&self, unsaved: bool, now_ms: u64) -> Option<u64> {
        let change = if unsaved { self.late_ms() } else { self.settles_ms() };
        change.filter(|at| *at > now_ms)
    }

    fn settles_ms(&self) -> Option<u64> {
        Some(self.edited_ms? + SETTLED_AFTER_MS)
    }

    fn late_ms(&self) -> Option<u64> {
        Some(self.waits_since_ms? + LATE_AFTER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typist_whose_letters_are_saved_at_once_hears_of_it_once_and_after_the_last() {
        let mut saving = Saving::default();
        let mut heard = vec![saving.progress(false, 0)];
        for now in 1..4_000 {
            if now % 50 == 0 && now <= 2_000 {
                saving.edited(now);
            }
            if now % 50 == 20 {
                saving.answered(false, now);
            }
            let unsaved = now <= 2_000 && now % 50 < 20 && now >= 50;
            let progress = saving.progress(unsaved, now);
            if heard.last() != Some(&progress) {
                heard.push(progress);
                assert!(progress != Progress::Settled || now == 2_000 + SETTLED_AFTER_MS, "settled at {now}");
            }
        }
        assert_eq!(heard, [Progress::Settled, Progress::UnderWay, Progress::Settled]);
    }

    #[test]
    fn what_nobody_answers_is_late_from_its_first_edit_on() {
        let mut saving = Saving::default();
        saving.edited(100);
        saving.edited(3_000);
        let late = 100 + LATE_AFTER_MS;
        assert_eq!(saving.changes_at_ms(true, 3_000), Some(late));
        assert_eq!(saving.progress(true, late - 1), Progress::UnderWay);
        assert_eq!(saving.progress(true, late), Progress::Late);
        saving.answered(true, late);
        assert_eq!(saving.progress(true, late), Progress::UnderWay);
        saving.answered(false, late + 1);
        let settled = 3_000 + SETTLED_AFTER_MS;
        assert_eq!(saving.changes_at_ms(false, late + 1), Some(settled));
        assert_eq!(saving.progress(false, settled), Progress::Settled);
        assert_eq!(saving.changes_at_ms(false, settled), None);
    }
}
