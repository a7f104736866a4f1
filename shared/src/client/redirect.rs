//! What a refusal means for the next attempt (Redis Cluster specification, redirection and resharding).

use super::address::Address;
use crate::resp::ServerError;
use crate::slot::Slot;

/// What to do about a refusal. None of the refusals that lead to another attempt had an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `MOVED`: the slot belongs to another node for good.
    Moved(Slot, Address),
    /// `ASK`: this once another node, after `ASKING`.
    Ask(Address),
    /// It works again by itself: the slot is half moved, nobody serves it, data is being loaded, the disk is full, a replica is
    /// missing.
    Later,
    /// The node is no primary (any more): the slot map is old.
    NotPrimary,
    /// It is the command's own fault: the caller hears of it.
    Final,
}

impl Refusal {
    /// The meaning of a refusal by the node at `asked`.
    pub(crate) fn of(error: &ServerError, asked: &Address) -> Refusal {
        match error.code() {
            "MOVED" => match target(error, asked) {
                Some((slot, address)) => Refusal::Moved(slot, address),
                None => Refusal::Final,
            },
            "ASK" => match target(error, asked) {
                Some((_, address)) => Refusal::Ask(address),
                None => Refusal::Final,
            },
            "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "MISCONF" | "NOREPLICAS" => Refusal::Later,
            "READONLY" | "MASTERDOWN" => Refusal::NotPrimary,
            _ => Refusal::Final,
        }
    }
}

/// `3999 127.0.0.1:6381`
fn target(error: &ServerError, asked: &Address) -> Option<(Slot, Address)> {
    let (slot, address) = error.detail().split_once(' ')?;
    Some((Slot::new(slot.parse().ok()?)?, Address::named_by(address, asked).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let asked = Address::new("10.0.0.1", 7_000);
        let of = |text: &str| Refusal::of(&ServerError::new(text.as_bytes()), &asked);
        let slot = Slot::new(3_999).unwrap();
        assert_eq!(of("MOVED 3999 10.0.0.2:7001"), Refusal::Moved(slot, Address::new("10.0.0.2", 7_001)));
        assert_eq!(of("MOVED 3999 :7001"), Refusal::Moved(slot, Address::new("10.0.0.1", 7_001)));
        assert_eq!(of("ASK 3999 10.0.0.2:7001"), Refusal::Ask(Address::new("10.0.0.2", 7_001)));
        assert_eq!(of("TRYAGAIN Multiple keys request during rehashing of slot"), Refusal::Later);
        assert_eq!(of("CLUSTERDOWN The cluster is down"), Refusal::Later);
        assert_eq!(of("MISCONF Errors writing to the AOF file: No space left on device"), Refusal::Later);
        assert_eq!(of("READONLY You can't write against a read only replica."), Refusal::NotPrimary);
        for text in ["WRONGTYPE no", "MOVED", "MOVED x y", "MOVED 99999 h:1", "ASK 1 nowhere"] {
            assert_eq!(of(text), Refusal::Final, "{text}");
        }
    }
}
