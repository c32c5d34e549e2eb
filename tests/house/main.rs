//! The rules of the house, as tests: which module may know which, how large a file may be, what
//! library code does not do, and that every operator shows itself at work.

mod examples_of_operators;
mod floors;
mod forbidden;
mod sizes;
mod sources;
