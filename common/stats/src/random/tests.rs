use super::*;

// Every expected value below comes from these lines of Python, which know
// nothing of the code above:
//
// import hashlib, math, struct
// def words(seed, purpose, *parts):
//     text = lambda s: struct.pack('<Q', len(s.encode())) + s.encode()
//     data = b'knas-stream-1' + struct.pack('<Q', seed) + text(purpose)
//     for p in parts:
//         data += b'\1' + text(p) if isinstance(p, str) else b'\0' + struct.pack('<Q', p)
//     key = struct.unpack('<8I', hashlib.sha256(data).digest())
//     rot = lambda x, n: (x << n | x >> 32 - n) & 0xffffffff
//     for counter in range(1 << 32):
//         start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, *key, counter, 0, 0, 0]
//         x = list(start)
//         def quarter(a, b, c, d):
//             for p, q, r, n in (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7):
//                 x[p] = (x[p] + x[q]) & 0xffffffff; x[r] = rot(x[r] ^ x[p], n)
//         for _ in range(4):
//             for i in range(4): quarter(i, 4 + i, 8 + i, 12 + i)
//             for i in range(4): quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
//         for a, b in zip(x, start): yield (a + b) & 0xffffffff
// def u64(w): return next(w) | next(w) << 32
// def below(w, n):
//     while True:
//         p = n * u64(w)
//         if p % 2**64 >= 2**64 % n: return p >> 64
// def normal(w):
//     r = math.sqrt(-2 * math.log((next(w) + 1) / 2**32)); f = 2 * math.pi * next(w) / 2**32
//     return [r * math.cos(f), r * math.sin(f)]
// def choose(w, n, k):
//     v = list(range(n))
//     for i in range(k): j = i + below(w, n - i); v[i], v[j] = v[j], v[i]
//     return v[:k]
// def log_gamma(w, shape):
//     unit = lambda: ((u64(w) >> 11) + 1) / 2**53
//     d = (shape + 1 if shape < 1 else shape) - 1 / 3; c = 1 / math.sqrt(9 * d)
//     while True:
//         x = struct.unpack('f', struct.pack('f', normal(w)[0]))[0]
//         v = (1 + c * x)**3; u = unit()
//         if v > 0 and math.log(u) < x * x / 2 + d - d * v + d * math.log(v): break
//     return math.log(d * v) + (math.log(unit()) / shape if shape < 1 else 0)
// def beta(w, a): x = log_gamma(w, a); return 1 / (1 + math.exp(log_gamma(w, a) - x))

#[test]
fn words_are_those_of_chacha8_under_the_derived_key() {
    // w = words(0, 'test'); print([hex(next(w)) for _ in range(3)])
    let mut plain = stream(0, "test", &[]);
    assert_eq!(
        [plain.next_u32(), plain.next_u32(), plain.next_u32()],
        [0xae82_2dfa, 0x2659_30f8, 0x74e1_ca61]
    );
    // w = words(7, 'weights', 'stem', 3); a = [next(w) for _ in range(260)]; print(a[:2], a[-1])
    let mut labelled = stream(7, "weights", &["stem".into(), 3.into()]);
    let words: Vec<u32> = (0..260).map(|_| labelled.next_u32()).collect();
    assert_eq!(
        (words[0], words[1], words[259]),
        (1_792_894_068, 3_114_207_810, 941_669_746)
    );
    // w = words(7, 'weights', 'stem', 3); print(u64(w))
    let mut wide = stream(7, "weights", &["stem".into(), 3.into()]);
    assert_eq!(wide.next_u64(), 13_375_420_698_690_675_828);
}

#[test]
fn numbers_follow_their_written_definitions() {
    // w = words(1, 'u'); print([(next(w) >> 8) / 2**24 for _ in range(3)])
    let mut values = [0f32; 3];
    stream(1, "u", &[]).fill_uniform(&mut values, 0.0, 1.0);
    assert_eq!(values, [0.871_499_06, 0.471_393_35, 0.613_520_7]);
    // w = words(1, 'n'); print(normal(w) + normal(w)[:1])
    stream(1, "n", &[]).fill_normal(&mut values);
    let normal = [
        -0.5640417137627517,
        -1.0062286085986962,
        -0.14033652416853482,
    ];
    assert_eq!(values, normal.map(|value: f64| value as f32));
    // w = words(1, 'b'); print([below(w, n) for n in (1, 10, 15625, 3 << 62)])
    let mut integers = stream(1, "b", &[]);
    assert_eq!(
        [1, 10, 15_625, 3 << 62].map(|n| integers.below(n)),
        [0, 0, 14_396, 1_527_466_774_402_830_703]
    );
    // for a in (0.2, 1, 3.5): w = words(1, 'beta'); print([beta(w, a) for _ in range(3)])
    for (alpha, expected) in [
        (
            0.2,
            [0.09526087458409073, 0.9444681301991348, 0.8453340789616279],
        ),
        (
            1.0,
            [0.06737113754174778, 0.26539256950041706, 0.5855851264728629],
        ),
        (
            3.5,
            [0.33854935299433264, 0.3932440694845345, 0.535465874925166],
        ),
    ] {
        let mut source = stream(1, "beta", &[]);
        for expected in expected {
            let found = source.beta(alpha);
            assert!((found - expected).abs() < 1e-12, "{alpha}: {found}");
        }
    }
    // print(choose(words(1, 'c'), 50000, 5))
    assert_eq!(
        stream(1, "c", &[]).choose(50_000, 5),
        [10_646, 24_032, 26_846, 6_175, 39_485]
    );
}

#[test]
fn labels_that_read_alike_give_different_streams() {
    let labels: [(&str, &[Part<'_>]); 6] = [
        ("ab", &[]),
        ("a", &[Part::Text("b")]),
        ("", &[Part::Text("ab")]),
        ("a", &[Part::Text("b"), Part::Text("")]),
        ("a", &[Part::Number(98)]),
        ("a", &[Part::Number(98), Part::Number(0)]),
    ];
    let mut first: Vec<u64> = labels
        .iter()
        .map(|(purpose, parts)| stream(5, purpose, parts).next_u64())
        .collect();
    first.push(stream(6, "ab", &[]).next_u64());
    first.sort_unstable();
    first.dedup();
    assert_eq!(first.len(), 7);
}

#[test]
fn moments_are_those_of_the_distributions() {
    let count = 1_000_000;
    let mut values = vec![0f32; count];
    let mean = |values: &[f32], power: i32| {
        values
            .iter()
            .map(|&x| f64::from(x).powi(power))
            .sum::<f64>()
            / count as f64
    };
    // Bounds are five standard errors of each moment.
    let mut source = stream(2, "moments", &[]);
    source.fill_normal(&mut values);
    assert!(mean(&values, 1).abs() < 5e-3, "{}", mean(&values, 1));
    assert!(
        (mean(&values, 2) - 1.0).abs() < 7.1e-3,
        "{}",
        mean(&values, 2)
    );
    assert!(
        (mean(&values, 4) - 3.0).abs() < 4.9e-2,
        "{}",
        mean(&values, 4)
    );
    // Beta(α, α) has mean 1/2 and variance 1 / (4 (2α + 1)).
    for alpha in [0.01, 0.3, 1.0, 5.0] {
        let draws: Vec<f64> = (0..100_000).map(|_| source.beta(alpha)).collect();
        let mean = |of: fn(f64) -> f64| draws.iter().map(|&x| of(x)).sum::<f64>() / 1e5;
        let (middle, spread) = (mean(|x| x), mean(|x| (x - 0.5).powi(2)));
        let variance = 0.25 / (2.0 * alpha + 1.0);
        // Five standard errors; the square of a distance is at most 1/4.
        assert!(
            (middle - 0.5).abs() < 5.0 * (variance / 1e5).sqrt(),
            "{middle}"
        );
        let error = 5.0 * (0.25 * variance / 1e5).sqrt();
        assert!(
            (spread - variance).abs() < error,
            "{alpha}: {spread} {variance}"
        );
    }
    source.fill_uniform(&mut values, -1.0, 1.0);
    assert!(values.iter().all(|x| (-1.0..1.0).contains(x)));
    assert!(mean(&values, 1).abs() < 2.9e-3);
    assert!((mean(&values, 2) - 1.0 / 3.0).abs() < 1.5e-3);
}

#[test]
fn choices_are_distinct_and_every_place_is_as_likely() {
    let mut all = stream(3, "c", &[]).choose(20, 99);
    assert_eq!(all[..7], stream(3, "c", &[]).choose(20, 7));
    all.sort_unstable();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
    // 5 values in 2 places: 20 ordered choices, 500 expected of each;
    // 5 standard deviations of a count are 109.
    let mut counts = [[0u32; 5]; 5];
    for trial in 0..10_000 {
        let pair = stream(trial, "pairs", &[]).choose(5, 2);
        counts[pair[0]][pair[1]] += 1;
    }
    for (first, row) in counts.iter().enumerate() {
        for (second, &count) in row.iter().enumerate() {
            let expected = if first == second { 0 } else { 500 };
            assert!(count.abs_diff(expected) < 109, "{first} {second}: {count}");
        }
    }
}
