//! What must be true: some of it all the time, some when everything was mended.
//!
//! # Layout
//!
//! - [`saved`]: what was called saved is in every copy, and nothing was invented or done twice.
//! - [`equal`]: everybody has the same document.
//! - [`lag`]: what somebody types every window shows soon, without anything being typed behind it.
//! - [`authors`]: every word that was saved is in it, none was invented, each author's are in order.
//! - [`memory`]: what nobody needs any more is held nowhere.
//! - [`prefix`]: logs of one shard are the same bytes.
//! - [`digests`]: replicas hold what their primaries hold.
//! - [`epochs`]: epochs, votes and notes never go back.
//! - [`one_writer`]: one primary a term, and one node a slot.

pub(crate) mod authors;
pub(crate) mod digests;
pub(crate) mod epochs;
pub(crate) mod equal;
pub(crate) mod lag;
pub(crate) mod memory;
pub(crate) mod one_writer;
pub(crate) mod prefix;
pub(crate) mod saved;

use std::rc::Rc;

use crate::world::World;

/// Checks what must be true when everything was mended.
pub(crate) async fn check(world: &Rc<World>) {
    saved::check(world).await;
    prefix::check(world).await;
}
