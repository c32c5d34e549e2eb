//! The `meta` file: which format a directory has, and whose it is.

use std::io;

use super::storage::Storage;
use crate::BrokerError;

const NAME: &str = "meta";
const FORMAT: &str = "millstream-journal 1";

/// Locks the directory, and checks that it is one of `application`, or makes it one when it is new.
pub(super) fn take_possession(storage: &dyn Storage, application: &str) -> Result<(), BrokerError> {
    let refuse = |reason: String| BrokerError::Directory { path: storage.location(), reason };
    storage.lock().map_err(|error| {
        refuse(match error.kind() {
            io::ErrorKind::WouldBlock => {
                "another process uses it: stop that one, or give this one a directory of its own"
                    .to_owned()
            }
            _ => format!("it cannot be used: {error}; make it writable or choose another"),
        })
    })?;
    check(storage, application, &refuse).inspect_err(|_| storage.unlock())
}

fn check(
    storage: &dyn Storage,
    application: &str,
    refuse: &dyn Fn(String) -> BrokerError,
) -> Result<(), BrokerError> {
    let unusable = |error: io::Error| refuse(format!("it cannot be used: {error}"));
    let names = storage.list().map_err(unusable)?;
    let text = match storage.len(NAME) {
        Ok(len) => {
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0).min(4096)];
            storage.read_at(NAME, 0, &mut bytes).map_err(unusable)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unusable(error)),
    };
    let expected = format!("{FORMAT}\napplication {application}\nend\n");
    if text == expected {
        return Ok(());
    }
    let has_journal = names.iter().any(|name| name.ends_with(".journal"));
    let mut lines = text.lines();
    let format = lines.next().unwrap_or_default();
    let owner = lines.next().and_then(|l| l.strip_prefix("application "));
    let whole = text.ends_with("\nend\n");
    if !has_journal && !whole {
        // New, or a crash while it was made.
        let make = || {
            storage.create(NAME)?;
            storage.append(NAME, expected.as_bytes())?;
            storage.sync(NAME)
        };
        return make().map_err(unusable);
    }
    Err(match owner {
        Some(owner) if whole && format == FORMAT => refuse(format!(
            "it belongs to application '{owner}', not to '{application}': choose another \
             directory, or correct the name"
        )),
        _ if whole && format.starts_with("millstream-journal ") => refuse(format!(
            "its format is '{format}', and this version reads '{FORMAT}': use the version that \
             wrote it, or choose another directory"
        )),
        _ => BrokerError::Corrupt {
            path: storage.location().join(NAME),
            position: 0,
            reason: format!(
                "it does not say '{FORMAT}' and an application, but there is a journal beside it: \
                 restore the directory from a backup"
            ),
        },
    })
}
