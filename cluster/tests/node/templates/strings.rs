//! Strings, bits of them, keys of any type, deadlines.

pub(crate) const TEMPLATES: &str = "
set @k @w | set @k @w | set @k @w nx | set @k @w xx | set @k @w get | set @k @w nx get | set @k @w xx get | set @k @w ex @sec
set @k @w px @ms | set @k @w exat @at | set @k @w pxat @atms | set @k @w keepttl | set @k @w keepttl get xx | set @k @w ex @sec nx
set @k @w px @ms xx get | set @k @w nx xx | set @k @w ex @sec px @ms | set @k @w ex @sec keepttl | set @k @w foo | set @k @w ex
set @k @w get get | set @k @w nx nx | set @k @w xx nx get | set @k @w persist | setnx @k @w | setex @k @sec @w | psetex @k @ms @w
get @k | get @o | getset @k @w | getdel @k | getex @k | getex @k ex @sec | getex @k px @ms | getex @k exat @at | getex @k pxat @atms
getex @k persist | getex @k persist ex @sec | getex @k foo | getex @k keepttl | mget @k @k @o | mset @k @w @k @w | mset @k @w @k
msetnx @k @w @k @w | msetnx @k @w @k | append @k @w | strlen @k | strlen @o | getrange @k @i @i | substr @k @i @i | setrange @k @n @w
setrange @k @i @w | setrange @k 0 | incr @k | decr @k | incrby @k @i | decrby @k @i | incrby @k @n | incrby @k 9223372036854775807
decrby @k -9223372036854775808 | incrbyfloat @g @d | incrbyfloat @g @d | set @g @w | get @g | pttl @g | incr @o | lcs @q @q | lcs @q @q len | lcs @q @q idx
lcs @q @q idx minmatchlen @n withmatchlen | lcs @q @q idx withmatchlen | lcs @q @q len idx | lcs @q @o | lcs @q @q minmatchlen
setbit @k @n 1 | setbit @k @n 0 | setbit @k @i 1 | setbit @k @n @n | getbit @k @n | getbit @k @i | bitcount @k | bitcount @k @i @i
bitcount @k @i @i bit | bitcount @k @i @i byte | bitcount @k @i | bitcount @k @i @i foo | bitpos @k 1 | bitpos @k 0 | bitpos @k @n
bitpos @k 1 @i | bitpos @k 0 @i @i | bitpos @k 1 @i @i bit | bitpos @k 0 @i @i byte | bitpos @k 0 @i @i foo
bitop and @k @k @k | bitop or @k @q @k @k | bitop xor @k @k @o | bitop not @k @k | bitop not @k @k @k | bitop foo @k @k
bitfield @k get u8 @n | bitfield @k get @wide @n get @wide @nth | bitfield @k set @wide @n @much | bitfield @k set u8 @nth @much get i16 @n
bitfield @k overflow sat incrby @wide @n @much overflow fail incrby @wide @n @much | bitfield @k incrby @wide @n @much set @wide @n @much get @wide @n
bitfield @k overflow sat set @wide @n @much overflow fail set @wide @n @much | bitfield @k overflow foo get u8 0 | bitfield @k | bitfield @k get u64 0
bitfield @k get @wide @i | bitfield @k set i8 0 | bitfield_ro @k get @wide @n | bitfield_ro @k get i8 0 set i8 0 1 | bitfield_ro @o get u8 0
set @q @u | set @q @u | lpush o0 @v | hset o1 @f @v | sadd o2 @m | zadd o2 @d @m | xadd o0 @id u @v | rpush @o @v @v
del @k | del @k @k @o | unlink @k @o | exists @k @k @o | exists @k | touch @k @o | type @k | type @o | rename @k @k | rename @k @o | rename @o @o
renamenx @k @k | renamenx @o @k | copy @k @k | copy @o @k | copy @k @k replace | copy @k @o db 0 replace | copy @k @k foo | copy @k @k db abc
keys * | keys k? | keys {tag}* | keys [ko][0-2] | keys *[^1] | keys nosuch* | randomkey | dbsize | scan 0 count 10000
scan 0 match k* count 10000 | scan 0 type string count 10000 | scan 0 type hash count 10000 | scan 0 match o? count 10000 type list
scan 0 count 0 | scan 0 count abc | scan abc | scan 0 foo | scan 0 match | object refcount nosuch | object nosuch @k | object freq @o
expire @k @sec | expire @k @sec nx | expire @k @sec xx | expire @k @sec gt | expire @k @sec lt | expire @k @sec gt xx | expire @k @sec nx gt
expire @k @sec gt lt | expire @k @sec foo | pexpire @k @ms | pexpire @k @ms gt | pexpire @k @ms lt | pexpire @k @ms xx lt | pexpire @o @ms nx
expireat @k @at | expireat @k @at gt | expireat @k @at lt | pexpireat @k @atms | pexpireat @k @atms gt | pexpireat @k @atms xx
pexpireat @o @atms lt nx | ttl @k | pttl @k | expiretime @k | pexpiretime @k | ttl @o | persist @k | persist @o
restore @k 0 nonsense | restore @k -1 nonsense replace | nosuch @k @f | gett | object | object encoding | flushall @k | flushall async
";
