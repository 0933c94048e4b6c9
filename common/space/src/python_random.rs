//! Python's `random` module, as far as an official order depends on it.
//!
//! Benchmarks shuffle with Python's Mersenne Twister (Matsumoto & Nishimura
//! 1998), so their order can be computed only with the same generator, the same
//! seeding and the same rejection rule. Nothing else in knas draws from it.

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// CPython's `random.Random`.
pub struct PythonRandom {
    state: [u32; WORDS],
    next: usize,
}

impl PythonRandom {
    /// `random.seed(seed)`: the absolute value of a Python integer seeds the
    /// generator by its 32-bit words, least significant first, without leading
    /// zeros (`random_seed` and `init_by_array` in `_randommodule.c`).
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let key = if words[1] == 0 {
            &words[..1]
        } else {
            &words[..]
        };

        let mut state = initial_state(19_650_218);
        let mut place = 1;
        for step in 0..WORDS {
            let word = key[step % key.len()].wrapping_add((step % key.len()) as u32);
            state[place] =
                (state[place] ^ mixed(state[place - 1]).wrapping_mul(1_664_525)).wrapping_add(word);
            place = advance(&mut state, place);
        }
        for _ in 1..WORDS {
            state[place] = (state[place] ^ mixed(state[place - 1]).wrapping_mul(1_566_083_941))
                .wrapping_sub(place as u32);
            place = advance(&mut state, place);
        }
        state[0] = 0x8000_0000;
        Self { state, next: WORDS }
    }

    /// `random.getrandbits(bits)`.
    ///
    /// # Panics
    /// Unless `bits` is between 1 and 32.
    pub fn bits(&mut self, bits: u32) -> u32 {
        assert!((1..=32).contains(&bits), "{bits} bits are not 1 to 32");
        self.word() >> (32 - bits)
    }

    /// A uniform integer in `0..n`: as many bits as `n` has, until they are
    /// below `n` (`Random._randbelow_with_getrandbits`).
    ///
    /// # Panics
    /// Where `n` is 0, since there is no such integer.
    pub fn below(&mut self, n: u32) -> u32 {
        let bits = u32::BITS - n.leading_zeros();
        loop {
            let value = self.bits(bits);
            if value < n {
                return value;
            }
        }
    }

    /// `random.shuffle(values)`, for up to 2^32 - 1 values.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last as u32 + 1) as usize);
        }
    }

    /// The next 32 bits, tempered.
    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
            self.next = 0;
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for place in 0..WORDS {
            let high = self.state[place] & 0x8000_0000;
            let joined = high | (self.state[(place + 1) % WORDS] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[place] = self.state[(place + SHIFT) % WORDS] ^ (joined >> 1) ^ odd;
        }
    }
}

/// `init_genrand` of the reference implementation.
fn initial_state(seed: u32) -> [u32; WORDS] {
    let mut state = [0; WORDS];
    state[0] = seed;
    for place in 1..WORDS {
        state[place] = mixed(state[place - 1])
            .wrapping_mul(1_812_433_253)
            .wrapping_add(place as u32);
    }
    state
}

fn mixed(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The place after `place`; past the end, the last word becomes the first.
fn advance(state: &mut [u32; WORDS], place: usize) -> usize {
    if place + 1 < WORDS {
        return place + 1;
    }
    state[0] = state[WORDS - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    // for seed in (0, 88, 2**32 + 5, 2**64 - 1):
    //     random.seed(seed); print([random.getrandbits(32) for _ in range(5)])
    #[test]
    fn words_are_those_of_cpython() {
        let expected: [(u64, [u32; 5]); 4] = [
            (
                0,
                [3626764237, 1654615998, 3255389356, 3823568514, 1806341205],
            ),
            (
                88,
                [1707201716, 4182107318, 813946014, 1429399738, 3875947387],
            ),
            (
                (1 << 32) + 5,
                [675479763, 2085189291, 1213270837, 3822202474, 2596110301],
            ),
            (
                u64::MAX,
                [93740670, 1068495656, 1452108352, 2657516307, 910393425],
            ),
        ];
        for (seed, words) in expected {
            let mut random = PythonRandom::new(seed);
            assert_eq!(words.map(|_| random.bits(32)), words, "seed {seed}");
        }
    }

    // Past the end of the state: random.seed(88)
    // x = [random.getrandbits(32) for _ in range(2000)]; print(x[623:625], x[1999])
    #[test]
    fn words_go_on_after_the_state_is_used_up() {
        let mut random = PythonRandom::new(88);
        let words: Vec<u32> = (0..2000).map(|_| random.bits(32)).collect();
        assert_eq!(words[623..625], [3125099610, 3039405909]);
        assert_eq!(words[1999], 2900544613);
    }

    // random.seed(88)
    // print([random.randrange(n) for n in (1, 2, 3, 1000, 15625, 2**31)])
    #[test]
    fn bounded_draws_are_those_of_cpython() {
        let mut random = PythonRandom::new(88);
        let drawn = [1, 2, 3, 1000, 15625, 1 << 31].map(|n| random.below(n));
        assert_eq!(drawn, [0, 0, 1, 924, 3030, 61898650]);
    }

    // random.seed(88); x = list(range(10)); random.shuffle(x); print(x)
    #[test]
    fn a_shuffle_is_that_of_cpython() {
        let mut values: Vec<usize> = (0..10).collect();
        PythonRandom::new(88).shuffle(&mut values);
        assert_eq!(values, [8, 2, 9, 4, 0, 7, 1, 5, 3, 6]);
    }

    #[test]
    fn fewer_than_two_values_have_one_order() {
        let mut random = PythonRandom::new(0);
        random.shuffle::<u8>(&mut []);
        random.shuffle(&mut [1]);
        assert_eq!(random.bits(32), 3626764237, "nothing was drawn");
    }
}
