//! What runs a topology: stream threads, their tasks, commits and restores, and the application
//! around them. Sees nodes, never operators.

mod app;
mod app_state;
mod app_thread;
mod commit;
pub mod config;
mod connect;
mod failpoint;
mod global_stores;
mod global_task;
mod guarded;
mod idle_time;
mod internal_topics;
mod last_letter;
mod metrics;
mod partition_queue;
mod persistence;
mod record_collector;
mod requests;
mod restore;
mod restore_progress;
mod state_choice;
mod store_times;
mod stream_thread;
mod task;
mod task_life;
mod task_parts;
mod task_setup;
mod task_starts;
mod thread_options;
mod turn;

pub use app::StreamsApp;
pub use app_state::AppState;
pub use config::{Config, ConfigError, Guarantee, StoreKind, ThreadExceptionPolicy};
pub use metrics::Metrics;
pub use restore_progress::RestoreProgress;
pub use stream_thread::StreamThread;
pub use thread_options::{Pace, Step, ThreadOptions};

pub(crate) use internal_topics::{PartitionPlan, prepare_topics};
pub(crate) use record_collector::RecordCollector;
pub(crate) use requests::{Request, Requests};
pub(crate) use task::Task;

impl From<ConfigError> for crate::error::Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error.to_string())
    }
}
