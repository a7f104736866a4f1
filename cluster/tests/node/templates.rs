//! Random commands, grown from templates.
//!
//! A word of a template that begins with `@` is replaced: `@h` a key that often holds a hash (`@l @s @z @x` the other types, `@y` a sorted
//! set of equal scores),
//! `@f` a field, `@m` a member, `@v` a value, `@i` an index, `@n` a count, `@c` one of either sign, `@d` a score, `@b` a bound of scores, `@e` a bound of
//! members, `@id` an id of a stream, `@r` a bound of ids, `@t` a short time to wait. `@fv*520` stands for 520 pairs.

use shared::rt::rng::Rng;

/// Now and then a word is dropped, doubled or replaced: one command in so many.
const MANGLED: u64 = 40;

const TEMPLATES: &str = "
hset @h @f @v | hset @h @f @v @f @v | hset @h @fv*20 | hset @h @fv*520 | hmset @h @f @v @f @v | hsetnx @h @f @v
hget @h @f | hmget @h @f @f @f | hgetall @h | hkeys @h | hvals @h | hlen @h | hstrlen @h @f | hexists @h @f
hdel @h @f | hdel @h @f @f @f | hincrby @h @f @n | hincrby @h @f @i | hincrbyfloat @h @f @d | hscan @h 0 count 10000
hscan @h 0 match f1* count 10000 | hrandfield @h | hrandfield @h @c | hrandfield @h @c withvalues
lpush @l @v | lpush @l @v @v @v | rpush @l @v @v | rpush @l @v | rpush @l @v*300 | lpushx @l @v | rpushx @l @v @v | lpop @l | rpop @l
lpop @l @n | rpop @l @i | llen @l | lrange @l @i @i | lrange @l 0 -1 | lindex @l @i | lset @l @i @v | linsert @l before @v @v
linsert @l after @v @v | lrem @l @i @v | ltrim @l @i @i | lpos @l @v | lpos @l @v rank @i | lpos @l @v count @i
lpos @l @v rank @i count @n maxlen @n | lmove @l @l left right | lmove @l @l right left | lmove @l @l right right | rpoplpush @l @l
lmpop 2 @l @l left | lmpop 1 @l right count @n | lmpop @i @l left | blpop @l @l @t | brpop @l @t | blmove @l @l left left @t
brpoplpush @l @l @t | blmpop @t 2 @l @l left count @n
sadd @s @m | sadd @s @m @m @m | sadd @s @i @i @i | sadd @s @m*200 | sadd @s @num*520 | srem @s @m | srem @s @m @m @i | smembers @s | scard @s
sismember @s @m | sismember @s @i | smismember @s @m @m @i | spop @s @n | spop @s | srandmember @s | srandmember @s @c | smove @s @s @m
smove @s @s @i | sinter @s @s | sinter @s | sunion @s @s @s | sdiff @s @s | sdiff @s @s @s | sinterstore @s @s @s | sunionstore @s @s @s
sdiffstore @s @s @s | sintercard 2 @s @s | sintercard 2 @s @s limit @i | sintercard @i @s @s | sscan @s 0 count 10000 | sscan @s 0 match m1* count 10000
zadd @y 0 @m 0 @m 0 @m | zadd @y 0 @m | zrem @y @m | zadd @z @d @m | zadd @z @d @m @d @m @d @m | zadd @z @dm*20 | zadd @z @dm*140 | zadd @z nx @d @m | zadd @z xx ch @d @m @d @m
zadd @z gt ch @d @m | zadd @z lt @d @m @d @m | zadd @z incr @d @m | zadd @z nx incr @d @m | zadd @z gt incr @d @m | zadd @z xx nx @d @m
zadd @z gt lt @d @m | zadd @z nx gt @d @m | zadd @z incr @d @m @d @m | zincrby @z @d @m | zrem @z @m | zrem @z @m @m @m | zscore @z @m
zmscore @z @m @m @m | zcard @z | zrank @z @m | zrevrank @z @m | zcount @z @b @b | zlexcount @y @e @e | zrange @z @i @i | zrange @z 0 -1
zrange @z 0 -1 withscores | zrange @z @i @i rev withscores | zrange @z @b @b byscore | zrange @z @b @b byscore withscores limit @i @i
zrange @z @b @b byscore rev limit @i @i | zrange @y @e @e bylex | zrange @y @e @e bylex rev limit @i @i | zrange @z @i @i limit 0 @i
zrange @y @e @e bylex withscores | zrangestore @z @z @i @i | zrangestore @z @z @b @b byscore limit @i @i | zrevrange @z @i @i withscores
zrangebyscore @z @b @b | zrangebyscore @z @b @b withscores limit @i @i | zrevrangebyscore @z @b @b withscores | zrangebylex @y @e @e
zrangebylex @y @e @e limit @i @i | zrevrangebylex @y @e @e limit @i @i | zremrangebyrank @z @i @i | zremrangebyscore @z @b @b
zremrangebylex @y @e @e | zpopmin @z | zpopmax @z | zpopmin @z @n | zpopmax @z @i | zmpop 2 @z @z min | zmpop 1 @z max count @n
zmpop @i @z @z min | bzpopmin @z @z @t | bzpopmax @z @t | bzmpop @t 2 @z @z min count @n | zunion 2 @z @z | zunion 2 @z @s withscores
zunion 2 @z @z weights @d @d aggregate max withscores | zinter 2 @z @z withscores | zinter 2 @s @z weights @d @d aggregate min withscores
zdiff 2 @z @z withscores | zdiff 1 @z | zunionstore @z 2 @z @z aggregate sum | zinterstore @z 2 @z @s weights @d @d | zdiffstore @z 2 @z @z
zintercard 2 @z @z | zintercard 2 @z @z limit @i | zunion @i @z @z | zdiff 2 @z @z weights 1 2 | zrandmember @z | zrandmember @z @c
zrandmember @z @c withscores | zscan @z 0 count 10000 | zscan @z 0 match m2* count 10000
xadd @x @id @f @v | xadd @x @id u @v | xadd @x @id u @v @f @v | xadd @x nomkstream @id u @v | xadd @x maxlen @n @id u @v
xadd @x maxlen ~ @n @id u @v | xadd @x maxlen = @n @id u @v | xadd @x minid @id @id u @v | xadd @x maxlen ~ @n limit @n @id u @v
xadd @x maxlen 5 limit 3 @id u @v | xadd @x limit 3 @id u @v | xadd @x maxlen 5 minid 3 @id u @v | xlen @x | xrange @x - +
xrange @x @r @r | xrange @x @r @r count @i | xrevrange @x + - | xrevrange @x @r @r count @n | xdel @x @id | xdel @x @id @id @id
xtrim @x maxlen @n | xtrim @x minid @id | xtrim @x maxlen ~ @n limit @i | xtrim @x minid ~ @id | xtrim @x limit 3 | xread streams @x @id
xread count @i streams @x @x @id @id | xread block 5 streams @x $ | xread count @n block 5 streams @x @id | xread streams @x >
xread streams @x @x @id | xread group a b streams @x @id | xread noack streams @x @id | xinfo stream @x | xinfo stream @x full
xinfo stream @x full count @i | xinfo groups @x | xinfo consumers @x g | xinfo nosuch @x | xsetid @x @id
xsetid @x @id entriesadded @n maxdeletedid @id | del @h | del @x | type @h | type @z | type @x | exists @l @s
";

/// Makes random commands.
pub(crate) struct Generator {
    rng: Rng,
    templates: Vec<Vec<&'static str>>,
    /// Grows slowly, so that ids mostly ascend.
    next_id: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        let split =
            TEMPLATES.split(['|', '\n']).map(|template| template.split_whitespace().collect::<Vec<_>>());
        let templates = split.filter(|words| !words.is_empty()).collect();
        Generator { rng: Rng::from_seed(seed), templates, next_id: 1 }
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

    fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => vec![],
            1 => vec![b'x'; 64],
            2 => vec![b'y'; 65 + self.below(40)],
            3 => vec![0, 13, 10, 255],
            4 => vec![b'z'; 3_000],
            5 | 6 => self.score().into_bytes(),
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
