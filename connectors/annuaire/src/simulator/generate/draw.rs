//! Numbers drawn from a seed, the same on every machine (SplitMix64).
//! In: a seed. Out: numbers, shares, ranks. Deliberately absent: anything of the machine.

/// One row of numbers.
#[derive(Clone)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn of(seed: u64, what: u64) -> Self {
        let mut draw = Self(seed ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        draw.next();
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// Small indexes far more often than great ones, about as 1/rank.
    pub(super) fn ranked(&mut self, count: usize) -> usize {
        let bits = 64 - (count as u64).leading_zeros();
        let level = self.below(u64::from(bits) + 1);
        let index = if level == 0 { 0 } else { (1 << (level - 1)) + self.below(1 << (level - 1)) };
        usize::try_from(index).unwrap_or(0) % count
    }
}
