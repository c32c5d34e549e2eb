use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Panic, Stage};
use crate::processor::{Context, NodeResult};

/// Runs a piece of a task with a net under it for panics of user code.
pub(super) fn guarded(
    ctx: &mut Context<'_>,
    work: impl FnOnce(&mut Context<'_>) -> NodeResult,
) -> Result<(), Error> {
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut *ctx)));
    match outcome {
        Ok(result) => result.map_err(|error| *error),
        Err(payload) => Err(*ctx.failure(Stage::Process, Panic::from_payload(&*payload).into())),
    }
}
