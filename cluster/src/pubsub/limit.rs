//! How far a subscriber may fall behind (`client-output-buffer-limit pubsub`).

use crate::config::high::OutputLimit;

/// Whether a connection with so many unsent bytes must end. `over_since_ms` is kept by the caller: when the soft bound was
/// passed, 0 if it is not.
pub(super) fn exceeded(
    limit: &OutputLimit,
    bytes: u64,
    over_since_ms: &mut u64,
    now_ms: impl FnOnce() -> u64,
) -> bool {
    if limit.hard_bytes > 0 && bytes > limit.hard_bytes {
        return true;
    }
    if limit.soft_bytes == 0 || bytes <= limit.soft_bytes {
        *over_since_ms = 0;
        return false;
    }
    let now_ms = now_ms();
    if *over_since_ms == 0 {
        *over_since_ms = now_ms;
    }
    now_ms.saturating_sub(*over_since_ms) > limit.soft_s * 1_000
}

/// Below so many bytes no bound can be passed.
pub(super) fn unbounded_below(limit: &OutputLimit) -> u64 {
    let bound = |bytes| if bytes == 0 { u64::MAX } else { bytes };
    bound(limit.soft_bytes).min(bound(limit.hard_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_bound_ends_at_once_and_the_soft_one_after_its_time() {
        let limit = OutputLimit { hard_bytes: 100, soft_bytes: 10, soft_s: 1 };
        let mut since = 0;
        assert_eq!(unbounded_below(&limit), 10);
        assert!(exceeded(&limit, 101, &mut since, || 5));
        assert!(!exceeded(&limit, 11, &mut since, || 5_000));
        assert!(!exceeded(&limit, 11, &mut since, || 6_000));
        assert!(exceeded(&limit, 11, &mut since, || 6_001));
        assert!(!exceeded(&limit, 10, &mut since, || 6_002) && since == 0, "caught up");
        let none = OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 };
        assert!(!exceeded(&none, u64::MAX, &mut since, || 1));
        assert_eq!(unbounded_below(&none), u64::MAX);
    }
}
