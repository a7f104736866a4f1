//! The order of a large sorted set: a B+ tree of scores and record numbers, addressed by rank.
//!
//! Each inner node knows how many items are below each child, so that the item of a rank and the rank of an item are one
//! descent. The tree knows no member: whoever searches brings the comparison. 63 items fill one 768-byte leaf; at random
//! insertion a tree is about 70 % full (17 bytes an item), at ascending insertion 100 % (13 bytes).

use crate::keyspace::value::heap::allocated;

/// Items of a leaf: with their count they fill one size class of the allocator.
const LEAF_ITEMS: usize = 63;

/// Children of an inner node.
const CHILDREN: usize = 32;

/// What is ordered: a score, and the number of the record with the member.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    /// The score, never NaN.
    pub(super) score: f64,
    /// The record's place.
    pub(super) record: u32,
}

/// Items by rank.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    root: Node,
    census: Census,
}

/// How many nodes there are, for the account of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Census {
    leaves: usize,
    inners: usize,
}

#[derive(Debug, Clone)]
enum Node {
    Leaf(Box<Leaf>),
    Inner(Vec<Child>),
}

#[derive(Debug, Clone)]
struct Leaf {
    scores: [f64; LEAF_ITEMS],
    records: [u32; LEAF_ITEMS],
    len: u16,
}

#[derive(Debug, Clone)]
struct Child {
    /// The first item below.
    low: Item,
    /// Number of items below.
    count: u32,
    node: Node,
}

/// Items side by side, from some rank to the end of their leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    scores: &'a [f64],
    records: &'a [u32],
    /// Where in the run the rank asked for is.
    pub(super) offset: usize,
}

impl Run<'_> {
    /// Items in the run.
    pub(super) const fn len(&self) -> usize {
        self.scores.len()
    }

    /// The item at this place of the run.
    pub(super) fn item(&self, at: usize) -> Option<Item> {
        Some(Item { score: *self.scores.get(at)?, record: *self.records.get(at)? })
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { root: Node::Leaf(Leaf::new()), census: Census { leaves: 1, inners: 0 } }
    }
}

impl Tree {
    /// Number of items.
    pub(super) fn len(&self) -> usize {
        self.root.count() as usize
    }

    /// Bytes of all nodes.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.census.leaves * allocated(size_of::<Leaf>())
            + self.census.inners * allocated((CHILDREN + 1) * size_of::<Child>())
    }

    /// How many items `is_before` holds for; it must hold for a front part of the order and for nothing behind it.
    pub(super) fn partition_point(&self, mut is_before: impl FnMut(Item) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(leaf) => return rank + leaf.partition_point(is_before),
                Node::Inner(children) => {
                    let at = children.partition_point(|child| is_before(child.low));
                    let Some(within) = at.checked_sub(1).and_then(|at| children.get(at)) else { return rank };
                    rank += children[..at - 1].iter().map(|child| child.count as usize).sum::<usize>();
                    node = &within.node;
                }
            }
        }
    }

    /// The leaf that holds a rank.
    pub(super) fn run(&self, rank: usize) -> Option<Run<'_>> {
        let (mut node, mut rest) = (&self.root, rank);
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let len = usize::from(leaf.len);
                    let run =
                        Run { scores: &leaf.scores[..len], records: &leaf.records[..len], offset: rest };
                    return (rest < len).then_some(run);
                }
                Node::Inner(children) => {
                    let (at, within) = child_of(children, rest, false)?;
                    rest = within;
                    node = &children.get(at)?.node;
                }
            }
        }
    }

    /// The item of a rank.
    pub(super) fn get(&self, rank: usize) -> Option<Item> {
        self.run(rank).and_then(|run| run.item(run.offset))
    }

    /// Puts an item before the one of this rank; at the end if there is none.
    pub(super) fn insert(&mut self, rank: usize, item: Item) {
        let rank = rank.min(self.len());
        let Some(right) = self.root.insert(rank, item, true, &mut self.census) else { return };
        let left = std::mem::replace(&mut self.root, Node::Inner(Vec::with_capacity(CHILDREN + 1)));
        self.census.inners += 1;
        if let Node::Inner(children) = &mut self.root {
            children.extend([left, right].into_iter().filter_map(Child::new));
        }
    }

    /// Removes the item of a rank.
    pub(super) fn remove(&mut self, rank: usize) -> Option<Item> {
        let removed = self.root.remove(rank, &mut self.census)?;
        while let Node::Inner(children) = &mut self.root
            && children.len() <= 1
        {
            let only = children.pop().map_or_else(|| Node::Leaf(Leaf::new()), |child| child.node);
            self.census.inners -= 1;
            self.root = only;
        }
        Some(removed)
    }

    /// Renumbers the record of a rank.
    pub(super) fn renumber(&mut self, rank: usize, record: u32) {
        self.root.renumber(rank, record);
    }
}

impl Leaf {
    fn new() -> Box<Leaf> {
        Box::new(Leaf { scores: [0.0; LEAF_ITEMS], records: [0; LEAF_ITEMS], len: 0 })
    }

    fn item(&self, at: usize) -> Item {
        Item { score: self.scores[at], record: self.records[at] }
    }

    fn partition_point(&self, mut is_before: impl FnMut(Item) -> bool) -> usize {
        let (mut low, mut high) = (0, usize::from(self.len));
        while low < high {
            let middle = low.midpoint(high);
            if is_before(self.item(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn insert(&mut self, at: usize, item: Item) {
        let len = usize::from(self.len);
        self.scores.copy_within(at..len, at + 1);
        self.records.copy_within(at..len, at + 1);
        (self.scores[at], self.records[at]) = (item.score, item.record);
        self.len += 1;
    }

    fn remove(&mut self, at: usize) -> Item {
        let (item, len) = (self.item(at), usize::from(self.len));
        self.scores.copy_within(at + 1..len, at);
        self.records.copy_within(at + 1..len, at);
        self.len -= 1;
        item
    }

    fn split_off(&mut self, at: usize) -> Box<Leaf> {
        let (mut right, len) = (Leaf::new(), usize::from(self.len));
        right.scores[..len - at].copy_from_slice(&self.scores[at..len]);
        right.records[..len - at].copy_from_slice(&self.records[at..len]);
        (self.len, right.len) = (at as u16, (len - at) as u16);
        right
    }

    fn append(&mut self, other: &Leaf) {
        let (len, more) = (usize::from(self.len), usize::from(other.len));
        self.scores[len..len + more].copy_from_slice(&other.scores[..more]);
        self.records[len..len + more].copy_from_slice(&other.records[..more]);
        self.len += other.len;
    }
}

impl Child {
    fn new(node: Node) -> Option<Child> {
        Some(Child { low: node.low()?, count: node.count(), node })
    }

    /// Takes low and count anew after the node was changed.
    fn refresh(&mut self) {
        self.count = self.node.count();
        if let Some(low) = self.node.low() {
            self.low = low;
        }
    }
}

impl Node {
    fn low(&self) -> Option<Item> {
        match self {
            Node::Leaf(leaf) => (leaf.len > 0).then(|| leaf.item(0)),
            Node::Inner(children) => children.first().map(|child| child.low),
        }
    }

    fn count(&self) -> u32 {
        match self {
            Node::Leaf(leaf) => u32::from(leaf.len),
            Node::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }

    /// Inserts below; the right half if the node had to be split.
    fn insert(&mut self, rank: usize, item: Item, rightmost: bool, census: &mut Census) -> Option<Node> {
        match self {
            Node::Leaf(leaf) => {
                let len = usize::from(leaf.len);
                if len < LEAF_ITEMS {
                    leaf.insert(rank, item);
                    return None;
                }
                census.leaves += 1;
                // Ascending insertion leaves full leaves behind.
                let at = if rightmost && rank == len { len } else { len / 2 };
                let mut right = leaf.split_off(at);
                if rank <= at && at < len {
                    leaf.insert(rank, item)
                } else {
                    right.insert(rank - at, item)
                }
                Some(Node::Leaf(right))
            }
            Node::Inner(children) => {
                let (at, within) = child_of(children, rank, true)?;
                let last = children.len() - 1;
                let child = children.get_mut(at)?;
                let split = child.node.insert(within, item, rightmost && at == last, census);
                child.refresh();
                let right = split.and_then(Child::new)?;
                children.insert(at + 1, right);
                if children.len() <= CHILDREN {
                    return None;
                }
                census.inners += 1;
                let cut = if rightmost && at == last { CHILDREN } else { CHILDREN / 2 };
                let mut right = Vec::with_capacity(CHILDREN + 1);
                right.extend(children.drain(cut..));
                Some(Node::Inner(right))
            }
        }
    }

    fn remove(&mut self, rank: usize, census: &mut Census) -> Option<Item> {
        match self {
            Node::Leaf(leaf) => (rank < usize::from(leaf.len)).then(|| leaf.remove(rank)),
            Node::Inner(children) => {
                let (at, within) = child_of(children, rank, false)?;
                let child = children.get_mut(at)?;
                let removed = child.node.remove(within, census)?;
                child.refresh();
                merge(children, at, census);
                Some(removed)
            }
        }
    }

    fn renumber(&mut self, rank: usize, record: u32) {
        match self {
            Node::Leaf(leaf) => {
                if let Some(place) = leaf.records.get_mut(rank) {
                    *place = record;
                }
            }
            Node::Inner(children) => {
                if let Some((at, within)) = child_of(children, rank, false)
                    && let Some(child) = children.get_mut(at)
                {
                    child.node.renumber(within, record);
                    child.refresh();
                }
            }
        }
    }

    /// Slots in use, of how many: items of a leaf, children of an inner node.
    fn fill(&self) -> (usize, usize) {
        match self {
            Node::Leaf(leaf) => (usize::from(leaf.len), LEAF_ITEMS),
            Node::Inner(children) => (children.len(), CHILDREN),
        }
    }
}

/// The child that holds a rank, and the rank within it. For insertion the rank behind a child's last item is that child's.
fn child_of(children: &[Child], rank: usize, insertion: bool) -> Option<(usize, usize)> {
    let mut rest = rank;
    for (at, child) in children.iter().enumerate() {
        let count = child.count as usize;
        if rest < count || (insertion && rest == count) {
            return Some((at, rest));
        }
        rest -= count;
    }
    None
}

/// After a removal below `at`: an empty child goes, and one that fits into a neighbour with a quarter to spare joins it.
fn merge(children: &mut Vec<Child>, at: usize, census: &mut Census) {
    let fill = |at: usize| children.get(at).map(|child| child.node.fill());
    let Some((here, most)) = fill(at) else { return };
    if here == 0 {
        census.forget(&children.remove(at).node);
        return;
    }
    let fits = |other: usize| fill(other).is_some_and(|(there, _)| here + there <= most * 3 / 4);
    let left = match at {
        _ if here > most / 4 => return,
        _ if at > 0 && fits(at - 1) => at - 1,
        _ if fits(at + 1) => at,
        _ => return,
    };
    let right = children.remove(left + 1);
    census.forget(&right.node);
    let Some(child) = children.get_mut(left) else { return };
    match (&mut child.node, right.node) {
        (Node::Leaf(into), Node::Leaf(from)) => into.append(&from),
        (Node::Inner(into), Node::Inner(from)) => into.extend(from),
        // All leaves are equally deep.
        _ => {}
    }
    child.refresh();
}

impl Census {
    const fn forget(&mut self, node: &Node) {
        match node {
            Node::Leaf(_) => self.leaves -= 1,
            Node::Inner(_) => self.inners -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks lows, counts, depth and census; gives depth, leaves and inner nodes.
    fn check(node: &Node, root: bool) -> (usize, usize, usize) {
        match node {
            Node::Leaf(leaf) => {
                assert!(root || leaf.len > 0, "an empty leaf");
                (1, 1, 0)
            }
            Node::Inner(children) => {
                assert!(!children.is_empty() && children.len() <= CHILDREN);
                let (mut depths, mut leaves, mut inners) = (vec![], 0, 1);
                for child in children {
                    assert_eq!((Some(child.low), child.count), (child.node.low(), child.node.count()));
                    let (depth, l, i) = check(&child.node, false);
                    depths.push(depth);
                    leaves += l;
                    inners += i;
                }
                assert!(depths.iter().all(|depth| *depth == depths[0]), "leaves of different depth");
                (depths[0] + 1, leaves, inners)
            }
        }
    }

    fn check_tree(tree: &Tree, model: &[Item]) {
        let (_, leaves, inners) = check(&tree.root, true);
        assert_eq!(tree.census, Census { leaves, inners });
        assert_eq!(tree.len(), model.len());
        for (rank, item) in model.iter().enumerate() {
            assert_eq!(tree.get(rank), Some(*item));
        }
        assert_eq!(tree.get(model.len()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_tree_behaves_as_a_vector(
            grow in 1u32..9,
            steps in proptest::collection::vec((0u32..10, any::<u32>()), 0..6_000),
        ) {
            let (mut tree, mut model) = (Tree::default(), vec![]);
            for (number, (kind, at)) in steps.into_iter().enumerate() {
                let item = Item { score: f64::from(at), record: number as u32 };
                if kind < grow || model.is_empty() {
                    let rank = at as usize % (model.len() + 1);
                    tree.insert(rank, item);
                    model.insert(rank, item);
                } else if kind == 9 {
                    let rank = at as usize % model.len();
                    tree.renumber(rank, 7);
                    model[rank].record = 7;
                } else {
                    let rank = at as usize % model.len();
                    prop_assert_eq!(tree.remove(rank), Some(model.remove(rank)));
                }
            }
            check_tree(&tree, &model);
            while let Some(item) = tree.remove(model.len() / 2) {
                prop_assert_eq!(item, model.remove(model.len() / 2));
            }
            check_tree(&tree, &[]);
        }

        #[test]
        fn partition_point_counts_what_is_before(mut scores in proptest::collection::vec(-50i32..50, 0..3_000), wanted in -60i32..60) {
            scores.sort_unstable();
            let mut tree = Tree::default();
            for (at, score) in scores.iter().enumerate() {
                tree.insert(at, Item { score: f64::from(*score), record: at as u32 });
            }
            let expected = scores.partition_point(|score| *score < wanted);
            prop_assert_eq!(tree.partition_point(|item| item.score < f64::from(wanted)), expected);
        }
    }

    #[test]
    fn ascending_insertion_fills_the_leaves() {
        let mut tree = Tree::default();
        for n in 0..100_000u32 {
            tree.insert(n as usize, Item { score: f64::from(n), record: n });
        }
        assert_eq!(tree.census.leaves, 100_000usize.div_ceil(LEAF_ITEMS));
        assert!(tree.memory_bytes() < 100_000 * 14);
        check(&tree.root, true);
    }
}
