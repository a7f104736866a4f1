//! Hashes, lists, sets, sorted sets, streams.

pub(crate) const TEMPLATES: &str = "
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
xadd @a maxlen ~ @n @id u v | xadd @a @id u v | xadd @a @id u v | xdel @a @id | xrange @a - + | xadd @x maxlen = @n @id u @v | xadd @x minid @id @id u @v | xadd @a maxlen ~ @n limit @n @id u v
xadd @x maxlen 5 limit 3 @id u @v | xadd @x limit 3 @id u @v | xadd @x maxlen 5 minid 3 @id u @v | xlen @x | xrange @x - +
xrange @x @r @r | xrange @x @r @r count @i | xrevrange @x + - | xrevrange @x @r @r count @n | xdel @x @id | xdel @x @id @id @id
xtrim @x maxlen @n | xtrim @x minid @id | xtrim @a maxlen ~ @n limit @i | xtrim @a minid ~ @id | xtrim @x limit 3 | xread streams @x @id
xread count @i streams @x @x @id @id | xread block 5 streams @x $ | xread count @n block 5 streams @x @id | xread streams @x >
xread streams @x @x @id | xread group a b streams @x @id | xread noack streams @x @id | xinfo stream @x | xinfo stream @x full
xinfo stream @x full count @i | xinfo groups @x | xinfo consumers @x g | xinfo nosuch @x | xadd @p @id u @v
xsetid @p @id | xsetid @p @id entriesadded @n maxdeletedid @id | del @p | xrange @p - + | xinfo stream @p | del @h | del @x | type @h | type @z | type @x | exists @l @s
";
