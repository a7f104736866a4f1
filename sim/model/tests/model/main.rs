//! The rules hold in every interleaving, and a rule that is broken is noticed.

mod check;
mod faults;
mod rules;
