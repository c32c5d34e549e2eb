//! The application and the engine, from outside: on the embedded broker with threads of the
//! operating system, and in the test driver without.

mod absent_broker;
mod app_life;
mod bad_input;
mod broken_stops;
mod caches;
mod commits;
mod dead_letters;
mod driver;
mod foreign_key_joins;
mod full_topics;
mod gate;
mod global_tables;
mod guards;
mod input_order;
mod internal_topics;
mod log_lines;
mod offset_reset;
mod operators;
mod optimization;
mod pause;
mod pictures;
mod punctuation;
mod queries;
mod restore;
mod rig;
#[cfg(feature = "rocksdb")]
mod rocks;
mod shelf;
mod signals;
mod skipped_records;
mod store_backends;
mod suppression;
mod table_joins;
mod tables;
mod thread_death;
mod threads;
mod time_and_size;
mod time_to_live;
mod twins;
mod version_queries;
mod versions;
mod window_queries;
mod windows;
