//! Random bits from the system. Engines never call this: they are handed an [`Rng`].

/// A source of random bits that can be handed to an engine. xorshift64*: small, seedable, not for secrets.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The source with this seed: the same seed gives the same bits.
    pub fn from_seed(seed: u64) -> Rng {
        Rng { state: splitmix(seed).max(1) }
    }

    /// A source seeded by the system.
    pub fn from_system() -> Rng {
        Rng::from_seed(random_u64())
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// Fills a buffer with bits fit for ids and seeds, from the system.
#[cfg(not(feature = "sim"))]
pub fn fill(buffer: &mut [u8]) {
    if getrandom::fill(buffer).is_err() {
        // The system has no entropy source (never seen on Linux 3.17 or later): the clock and the address of the buffer differ
        // between processes, which is all that ids and seeds need.
        let mut rng = Rng::from_seed(super::time::now_us() ^ buffer.as_ptr().addr() as u64);
        buffer.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
    }
}

/// Fills a buffer with bits fit for ids and seeds, from the seed of the simulation.
#[cfg(feature = "sim")]
pub use super::sim::fill;

/// 64 random bits from the system.
pub fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn splitmix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_bits_and_below_stays_below() {
        let (mut a, mut b) = (Rng::from_seed(7), Rng::from_seed(7));
        assert!((0..1_000).all(|_| a.next_u64() == b.next_u64()));
        assert!((0..1_000).all(|_| a.below(10) < 10));
        assert_eq!(a.below(0), 0);
    }
}
