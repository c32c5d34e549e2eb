use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Answer, StoreLookup};
use crate::error::Error;
use crate::runtime::{StreamThread, StreamsApp};

/// Asks every stream thread of `app` about a store, and gathers what their tasks answer. An error when
/// no task has it now.
pub(super) async fn ask<T: Send + 'static>(
    app: &StreamsApp,
    lookup: &StoreLookup,
    question: impl Fn(&StoreLookup, &mut StreamThread) -> Result<Answer<Vec<T>>, Error>
    + Send
    + Sync
    + 'static,
) -> Result<Vec<T>, Error> {
    let question = Arc::new(question);
    // Each thread sends one answer, so there is always room.
    let (sender, mut answers) = mpsc::channel(app.threads());
    app.ask_threads(|| {
        let (question, sender) = (question.clone(), sender.clone());
        let lookup = lookup.clone();
        Box::new(move |thread: &mut StreamThread| {
            // Whoever asked may have gone.
            let _gone = sender.try_send(question(&lookup, thread));
        })
    });
    drop(sender);
    let mut found = Vec::new();
    let mut anywhere = false;
    while let Some(answer) = answers.recv().await {
        if let Answer::Found(results) = answer?
            && !(anywhere && lookup.is_global)
        {
            anywhere = true;
            found.extend(results);
        }
    }
    if anywhere {
        return Ok(found);
    }
    Err(Error::Unavailable(format!(
        "store '{}' is in no task of this instance now (the application is {:?}): ask again when it is running",
        lookup.name,
        app.state()
    )))
}
