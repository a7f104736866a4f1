//! LCS: the longest common subsequence of two strings.

use crate::command::{Args, CommandError, KeyContext, Reply};

type Result<T = ()> = std::result::Result<T, CommandError>;

/// Cells of the table that is filled; beyond it the command is refused, as it would hold its lock for seconds.
const CELLS_MAX: usize = 32 * 1024 * 1024;

/// A common run: inclusive ranges in both strings.
struct Run {
    a: (usize, usize),
    b: (usize, usize),
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]`
pub fn lcs(context: &mut KeyContext<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Result {
    let not_strings = |_| CommandError::text("ERR The specified keys must contain string values");
    let a = context.string(args.at(1)).map_err(not_strings)?.unwrap_or_default().to_vec();
    let b = context.string(args.at(2)).map_err(not_strings)?.unwrap_or_default();
    let (mut len_only, mut index, mut with_len, mut min) = (false, false, false, 0);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "len") {
            len_only = true;
        } else if args.is(at, "idx") {
            index = true;
        } else if args.is(at, "withmatchlen") {
            with_len = true;
        } else if args.is(at, "minmatchlen") && at + 1 < args.len() {
            min = usize::try_from(args.int(at + 1)?).unwrap_or(0);
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    if len_only && index {
        return Err(CommandError::text("ERR If you want both the length and indexes, please just use IDX."));
    }
    if (a.len() + 1).saturating_mul(b.len() + 1) > CELLS_MAX {
        return Err(CommandError::text("ERR String too long for LCS"));
    }
    let (text, runs) = common(&a, b);
    if index {
        let runs: Vec<_> = runs.iter().filter(|run| run.a.1 - run.a.0 + 1 >= min).collect();
        reply.map(2);
        reply.bulk(b"matches");
        reply.array(runs.len());
        for run in runs {
            reply.array(if with_len { 3 } else { 2 });
            for (first, last) in [run.a, run.b] {
                reply.array(2);
                reply.count(first);
                reply.count(last);
            }
            if with_len {
                reply.count(run.a.1 - run.a.0 + 1);
            }
        }
        reply.bulk(b"len");
        reply.count(text.len());
    } else if len_only {
        reply.count(text.len());
    } else {
        reply.bulk(&text);
    }
    Ok(())
}

/// The subsequence, and its runs from the last to the first.
fn common(a: &[u8], b: &[u8]) -> (Vec<u8>, Vec<Run>) {
    let width = b.len() + 1;
    let mut table = vec![0_u32; (a.len() + 1) * width];
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            table[i * width + j] = if a[i - 1] == b[j - 1] {
                table[(i - 1) * width + j - 1] + 1
            } else {
                table[(i - 1) * width + j].max(table[i * width + j - 1])
            };
        }
    }
    let (mut text, mut runs) = (Vec::new(), Vec::<Run>::new());
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            text.push(a[i - 1]);
            match runs.last_mut() {
                Some(run) if run.a.0 == i && run.b.0 == j => (run.a.0, run.b.0) = (i - 1, j - 1),
                _ => runs.push(Run { a: (i - 1, i - 1), b: (j - 1, j - 1) }),
            }
            (i, j) = (i - 1, j - 1);
        } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    text.reverse();
    (text, runs)
}
