use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use millstream::StreamsApp;
use serde_json::json;

use crate::Failure;
use crate::arguments::Arguments;
use crate::counted::Counts;
use crate::process::{cpu_s, epoch_ms, status_mb};
use crate::watch::{Watch, event, implementation};

/// How often it is looked whether the application is running.
const POLL: Duration = Duration::from_millis(2);

/// Runs until it is asked to stop, telling how it goes.
pub fn serve(
    arguments: &Arguments,
    app: &StreamsApp,
    counts: &Counts,
    watch: &Watch,
    main_ms: i64,
) -> Result<ExitCode, Failure> {
    let spawned = arguments.spawned_at.unwrap_or(main_ms);
    let (start, start_ms, start_cpu) = (Instant::now(), epoch_ms(), cpu_s());
    event(json!({"event": "start", "ms": start_ms, "spawned": spawned, "main": main_ms}));
    let (ended, is_ended) = channel::<()>();
    let ran = std::thread::scope(|scope| {
        scope.spawn(move || {
            let wait = |time| is_ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            while wait(POLL) {
                let seen = watch.seen();
                if seen.running_ms > 0 {
                    let since_start_ms = seen.running_ms - start_ms;
                    event(json!({"event": "running", "ms": seen.running_ms, "restored": seen.restored(), "since_start_ms": since_start_ms}));
                    break;
                }
            }
            let mut told = false;
            while wait(Duration::from_millis(arguments.tick_ms)) {
                if !told && counts.out.get() > 0 {
                    told = true;
                    event(json!({"event": "first_out", "ms": counts.out.first_ms()}));
                }
                if arguments.ticks {
                    event(json!({"event": "tick", "ms": epoch_ms(), "cpu_s": cpu_s(), "rss_mb": status_mb("VmRSS"), "in": counts.input.get()}));
                }
            }
        });
        let ran = app.run_blocking();
        drop(ended);
        ran
    });
    ran?;
    let cpu = cpu_s();
    event(json!({
        "event": "end",
        "impl": implementation(),
        "cpu_s": cpu,
        "cpu_since_start_s": cpu - start_cpu,
        "up_s": start.elapsed().as_secs_f64(),
        "rss_mb": status_mb("VmHWM"),
        "rss_now_mb": status_mb("VmRSS"),
        "in": counts.input.get(),
        "out": counts.out.get(),
        "restored": watch.seen().restored(),
    }));
    Ok(ExitCode::SUCCESS)
}
