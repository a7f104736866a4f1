//! Random commands, grown from templates.
//!
//! A word of a template that begins with `@` is replaced: `@h` a key that often holds a hash (`@l @s @z @x` the other types, `@y` a sorted
//! set of equal scores),
//! `@k` a key of any type, mostly a string, `@o` one that rarely is; `@w` a value, often a number; `@sec @ms @at @atms` a deadline,
//! from now or absolute, seconds or milliseconds; `@q` a key that holds a short text `@u`, `@g` one that holds a float, of which
//! only the number is compared;
//! `@wide` the width of a number in BITFIELD, `@nth` its place there, `@much` its value;
//! `@a` a stream of short entries, so that only their number decides how `~` trims it; `@p` one that loses none: Redis keeps deleted
//! entries in place, and its trims and ranges stop at one whose id is above those behind it, as XSETID allows;
//! `@f` a field, `@m` a member, `@v` a value, `@i` an index, `@n` a count, `@c` one of either sign, `@d` a score, `@b` a bound of scores, `@e` a bound of
//! members, `@id` an id of a stream, `@r` a bound of ids, `@t` a short time to wait. `@fv*520` stands for 520 pairs.

pub(crate) mod collections;
pub(crate) mod strings;

use shared::rt::rng::Rng;
use shared::rt::time::now_ms;

/// Now and then a word is dropped, doubled or replaced: one command in so many.
const MANGLED: u64 = 40;

/// Makes random commands.
pub(crate) struct Generator {
    rng: Rng,
    templates: Vec<Vec<&'static str>>,
    /// Grows slowly, so that ids mostly ascend.
    next_id: u64,
    /// Grows with each deadline: two are never so near that the time between two servers' clocks decides which is later.
    deadlines: u64,
    /// Unix seconds.
    began_s: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64, templates: &'static str) -> Generator {
        let split =
            templates.split(['|', '\n']).map(|template| template.split_whitespace().collect::<Vec<_>>());
        let templates = split.filter(|words| !words.is_empty()).collect();
        let rng = Rng::from_seed(seed);
        Generator { rng, templates, next_id: 1, deadlines: 0, began_s: now_ms() / 1_000 }
    }

    /// The next command.
    pub(crate) fn command(&mut self) -> Vec<Vec<u8>> {
        let at = self.below(self.templates.len());
        let template = self.templates[at].clone();
        let mut words = vec![];
        for word in template {
            match word.strip_prefix('@').map(|token| token.split_once('*').unwrap_or((token, "1"))) {
                Some((token, count)) => {
                    let count: usize = count.parse().unwrap();
                    (0..count).for_each(|_| self.token(token, &mut words));
                }
                None => words.push(word.into()),
            }
        }
        if self.rng.below(MANGLED) == 0 {
            self.mangle(&mut words);
        }
        words
    }

    fn token(&mut self, token: &str, words: &mut Vec<Vec<u8>>) {
        let word = match token {
            "h" | "l" | "s" | "z" | "y" | "x" => self.key(token),
            "k" => self.any_key(8),
            "o" => self.any_key(1),
            "w" => return self.number_or_value(words),
            "a" | "p" => format!("{{tag}}{token}{}", self.below(2)),
            "g" => format!("g{}", self.below(2)),
            "q" => format!("q{}", self.below(3)),
            "u" => (0..self.below(16)).map(|_| ['a', 'b', 'c'][self.below(3)]).collect(),
            "wide" => format!("{}{}", ["i", "u"][self.below(2)], self.skewed(17, 66)),
            // Redis's own sums overflow near the ends of 64 bits, and it then takes the wrong end.
            "much" => format!("{}", self.below(70_000) as i64 - 35_000),
            "nth" => format!("#{}", self.below(20)),
            "sec" => self.deadline(0, 1),
            "ms" => self.deadline(0, 1_000),
            "at" => self.deadline(self.began_s, 1),
            "atms" => self.deadline(self.began_s, 1_000),
            "f" => format!("f{}", self.skewed(12, 700)),
            "m" => format!("m{}", self.skewed(12, 300)),
            "num" => format!("{}", self.below(4_000)),
            "v" => return words.push(self.value()),
            "i" => self.index(),
            "c" => format!("{}", self.below(12) as i64 - 5),
            "n" => format!("{}", self.skewed(5, 150)),
            "d" => self.score(),
            "b" => self.score_bound(),
            "e" => self.member_bound(),
            "id" => self.id(),
            "r" => self.id_bound(),
            "t" => ["0.005", "0.01", "0.002", "-1", "x"][self.skewed(3, 5)].to_owned(),
            "fv" => {
                self.token("f", words);
                return self.token("v", words);
            }
            "dm" => {
                self.token("d", words);
                return self.token("m", words);
            }
            other => panic!("no token @{other}"),
        };
        words.push(word.into_bytes());
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    /// Mostly below `small`, sometimes below `large`.
    fn skewed(&mut self, small: usize, large: usize) -> usize {
        if self.below(8) == 0 { self.below(large) } else { self.below(small) }
    }

    fn key(&mut self, kind: &str) -> String {
        // Ranges of members are only defined for equal scores: those commands meet no other sorted set.
        let others = if kind == "y" { 4 } else { 6 };
        let kind =
            if self.below(25) == 0 { ["h", "l", "s", "x", "z", "none"][self.below(others)] } else { kind };
        format!("{{tag}}{kind}{}", self.below(4))
    }

    /// A key in one of many slots; one in so many holds no string.
    fn any_key(&mut self, others: usize) -> String {
        match self.below(others) {
            0 => format!("o{}", self.below(3)),
            n if n % 2 == 0 => format!("{{tag}}k{}", self.below(3)),
            _ => format!("k{}", self.below(4)),
        }
    }

    fn number_or_value(&mut self, words: &mut Vec<Vec<u8>>) {
        let word = match self.below(10) {
            0 => "9223372036854775807".into(),
            1 => "-9223372036854775808".into(),
            2 => "01".into(),
            3 => format!("{}.{}", self.below(100), self.below(100)),
            n if n < 7 => format!("{}", self.below(1_000)),
            _ => return words.push(self.value()),
        };
        words.push(word.into_bytes());
    }

    /// A deadline after `from` (Unix seconds) in units of so many in a second; some are in the past or none at all.
    fn deadline(&mut self, from: u64, per_second: u64) -> String {
        self.deadlines += 1;
        match self.below(30) {
            0 => "0".into(),
            1 => "-1".into(),
            2 => "abc".into(),
            3 => "9223372036854775807".into(),
            4 => "9223372036854775".into(),
            5 => "-9223372036854775808".into(),
            6 => "1.5".into(),
            7 if from > 0 => "1".into(),
            // Sometimes nearer, sometimes farther than the one before.
            n => {
                let seconds = 1_000_000
                    + if n % 2 == 0 {
                        100 * self.deadlines
                    } else {
                        900_050 - 100 * (self.deadlines % 8_000)
                    };
                format!("{}", (from + seconds) * per_second)
            }
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => vec![],
            1 => vec![b'x'; 64],
            2 => vec![b'y'; 65 + self.below(40)],
            3 => vec![0, 13, 10, 255],
            4 => vec![b'z'; 3_000],
            // Not so large a number: what HINCRBYFLOAT makes of it depends on the platform's long doubles.
            5 | 6 => Some(self.score()).filter(|score| score != "1e300").unwrap_or_default().into_bytes(),
            _ => format!("v{}", self.below(6)).into_bytes(),
        }
    }

    fn index(&mut self) -> String {
        match self.below(20) {
            0 => "9223372036854775807".into(),
            1 => "-9223372036854775806".into(),
            2 => "abc".into(),
            3 => "1.5".into(),
            4 => format!("{}", self.below(2_000)),
            n if n < 12 => format!("-{}", self.below(6)),
            _ => format!("{}", self.below(8)),
        }
    }

    fn score(&mut self) -> String {
        match self.below(24) {
            0 => "inf".into(),
            1 => "-inf".into(),
            2 => "+inf".into(),
            3 => "nan".into(),
            4 => "1e300".into(),
            5 => "abc".into(),
            6 => "-0".into(),
            7 => "1.5e3".into(),
            8 => "3.25".into(),
            9 => "0.1".into(),
            n if n < 14 => format!("-{}", self.below(9)),
            _ => format!("{}", self.below(9)),
        }
    }

    fn score_bound(&mut self) -> String {
        let exclusive = if self.below(4) == 0 { "(" } else { "" };
        format!("{exclusive}{}", self.score())
    }

    fn member_bound(&mut self) -> String {
        match self.below(8) {
            0 | 1 => "-".into(),
            2 | 3 => "+".into(),
            4 => format!("m{}", self.below(9)),
            5 => format!("(m{}", self.below(9)),
            _ => format!("[m{}", self.below(9)),
        }
    }

    fn id(&mut self) -> String {
        self.next_id += self.rng.below(2);
        match self.below(16) {
            0 => "0-0".into(),
            1 => "18446744073709551615-18446744073709551614".into(),
            2 => "1-x".into(),
            3 => format!("{}", self.next_id),
            4 | 5 => format!("{}-{}", self.skewed(40, 400), self.below(3)),
            6..=8 => format!("{}-*", self.next_id),
            n => format!("{}-{}", self.next_id, n % 5),
        }
    }

    fn id_bound(&mut self) -> String {
        match self.below(8) {
            0 => "-".into(),
            1 => "+".into(),
            2 => format!("({}", self.below(60)),
            3 => format!("({}-1", self.below(60)),
            4 => format!("{}", self.below(60)),
            5 => "(-".into(),
            _ => format!("{}-{}", self.below(200), self.below(4)),
        }
    }

    fn mangle(&mut self, words: &mut Vec<Vec<u8>>) {
        let at = 1 + self.below(words.len().max(2) - 1);
        match self.below(3) {
            0 if words.len() > at => drop(words.remove(at)),
            1 if words.len() > at => words.insert(at, words[at].clone()),
            _ => words.push(b"extra".to_vec()),
        }
    }
}
