//! While nothing is wrong, what is typed is in every window soon, without anything being typed behind it.
//!
//! A message that is lost on its way is found missing when its author's next one comes, so only the last one of an author shows
//! that it was lost. Here every word is a last one: all type one, and type on only when everybody shows all of them.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::world::World;

/// How often everybody types a word.
const ROUNDS: u32 = 40;
/// How long after it was typed a word may be missing in a window.
const LAG_MAX: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Has everybody type in turns, and looks at what the others see; false if somebody does not see all.
pub(crate) async fn check(world: &Rc<World>) -> bool {
    for _ in 0..ROUNDS {
        world.round.set(world.round.get() + 1);
        let everybody_shows_all = async {
            while !is_shown(world) {
                sleep(LOOK).await;
            }
        };
        if timeout(LAG_MAX, everybody_shows_all).await.is_err() {
            for desk in &world.desks {
                let text = desk.shown.borrow();
                let lacks: Vec<String> =
                    last_words(world).filter(|word| !text.contains(word.as_str())).collect();
                if !lacks.is_empty() {
                    world.fault(format!(
                        "{LAG_MAX:?} after they were typed {} does not show {lacks:?}",
                        desk.computer.name
                    ));
                }
            }
            return false;
        }
        world.count("rounds");
    }
    true
}

/// Whether everybody has typed the word of this round, and all windows show all of them.
fn is_shown(world: &World) -> bool {
    let round = world.round.get();
    world.desks.iter().all(|desk| {
        let text = desk.shown.borrow();
        desk.round.get() == round && last_words(world).all(|word| text.contains(&word))
    })
}

/// The last word of each window that is open.
fn last_words(world: &World) -> impl Iterator<Item = String> {
    world.desks.iter().map(|desk| desk.last_word.borrow().clone())
}
