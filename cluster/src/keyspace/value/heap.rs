//! What an allocation really takes: `memory_bytes` of a value counts jemalloc's size classes, not the bytes asked for.

/// Bytes that jemalloc sets aside for an allocation of `bytes`: multiples of 16 up to 128, then four classes a doubling.
pub const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        // Above this `next_power_of_two` would overflow; no allocation is that large.
        _ if bytes > isize::MAX as usize => bytes,
        _ => bytes.next_multiple_of(bytes.next_power_of_two() / 8),
    }
}

/// The bytes behind a `Vec` of `capacity` items of `T`.
pub const fn allocated_for<T>(capacity: usize) -> usize {
    allocated(capacity.saturating_mul(size_of::<T>()))
}

/// The bytes behind a holder of `T`: none if it holds `T` itself, else those of a box.
pub const fn boxed<T, Holder>() -> usize {
    if size_of::<Holder>() < size_of::<T>() { allocated(size_of::<T>()) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_classes_of_jemalloc() {
        let classes =
            [(0, 0), (1, 8), (9, 16), (17, 32), (113, 128), (129, 160), (161, 192), (257, 320), (4097, 5120)];
        for (asked, given) in classes {
            assert_eq!(allocated(asked), given, "{asked}");
        }
        assert_eq!(allocated_for::<u64>(3), 32);
    }
}
