//! Every word that a window called saved, or had in its journal, is in the document, once; none was invented; those of one author are in
//! the order in which they were typed.

use std::collections::BTreeSet;

use crate::authors::Authors;
use crate::world::World;

/// Checks the document that everybody has.
pub(crate) fn check(world: &World, text: &str) {
    match found(&world.authors.borrow(), text) {
        Ok(words) => {
            for _ in 0..words {
                world.count("words checked");
            }
        }
        Err(why) => world.fault(format!("the document: {why}")),
    }
}

/// How many words the document has.
fn found(authors: &Authors, text: &str) -> Result<usize, String> {
    let words = Authors::words(text)?;
    let held: BTreeSet<(usize, usize)> = words.iter().copied().collect();
    if held.len() != words.len() {
        return Err(format!("a word is there twice: {text}"));
    }
    for (author, known) in authors.authors.iter().enumerate() {
        let own: Vec<usize> = words.iter().filter(|word| word.0 == author).map(|word| word.1).collect();
        if !own.is_sorted() {
            return Err(format!("words of author {author} are out of order: {own:?}"));
        }
        if let Some(lost) = (1..=known.saved).find(|number| !held.contains(&(author, *number))) {
            return Err(format!("word {lost} of author {author} is lost, and {} were saved", known.saved));
        }
        if let Some(lost) = (1..=known.kept).find(|number| !held.contains(&(author, *number))) {
            return Err(format!(
                "word {lost} of author {author} is lost, and {} were in journals",
                known.kept
            ));
        }
    }
    let typed = |author: usize| authors.authors.get(author).map_or(0, |author| author.words());
    match words.iter().find(|(author, number)| *number == 0 || *number > typed(*author)) {
        Some((author, number)) => Err(format!("word {number} of author {author} was never typed")),
        None => Ok(words.len()),
    }
}
