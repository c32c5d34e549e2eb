use std::process::ExitCode;
use std::time::{Duration, Instant};

use millstream::StreamsApp;
use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::Arguments;
use crate::counted::Counts;
use crate::process::{cpu_s, epoch_ms, status_mb};
use crate::watch::{Watch, event, implementation};

const POLL: Duration = Duration::from_millis(5);
const CLOSES_WITHIN: Duration = Duration::from_secs(60);

/// A point in time and in CPU time.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    cpu: f64,
}

impl Mark {
    fn now() -> Self {
        Self { at: Instant::now(), cpu: cpu_s() }
    }
}

/// How the work went: its end, and where the warm part began, with the records read before it.
struct Work {
    end: Mark,
    warm: Option<(Mark, u64)>,
}

/// Runs until all is done, closes, and prints one line.
pub fn finish(
    arguments: &Arguments,
    app: &StreamsApp,
    counts: &Counts,
    watch: &Watch,
    main_ms: i64,
) -> Result<ExitCode, Failure> {
    let (start, start_ms) = (Mark::now(), epoch_ms());
    app.start()?;
    let Some(work) = work(arguments, counts, watch, start.at)? else {
        eprintln!("time limit: in={} out={}", counts.input.get(), counts.out.get());
        return Ok(ExitCode::from(4));
    };
    let out_before_close = counts.out.get();
    let close = Mark::now();
    app.close(CLOSES_WITHIN)?;
    let closed = Mark::now();

    let (close_s, close_cpu) = ((closed.at - close.at).as_secs_f64(), closed.cpu - close.cpu);
    let seen = watch.seen();
    let records = if arguments.is_restore() { seen.restored() } else { arguments.records };
    let cpu = work.end.cpu + close_cpu;
    let since = |ms: i64, from: i64| if ms == 0 { -1 } else { ms - from };
    let spawned = arguments.spawned_at.unwrap_or(main_ms);
    let mut line = json!({
        "impl": implementation(),
        "workload": arguments.workload,
        "mode": if arguments.eos { "eos" } else { "alos" },
        "store": if arguments.rocksdb { "rocksdb" } else { "memory" },
        "cache": arguments.cache_bytes(),
        "threads": arguments.threads,
        "records": records,
        "wall_s": rounded((work.end.at - start.at).as_secs_f64() + close_s),
        "cpu_s": rounded(cpu),
        "us_cold": rounded(cpu * 1e6 / records.max(1) as f64),
        "close_s": rounded(close_s),
        "close_cpu_s": rounded(close_cpu),
        "rss_mb": status_mb("VmHWM"),
        "mid_records": counts.mid.get(),
        "out_records": counts.out.get(),
        "out_before_close": out_before_close,
        "restored": seen.restored(),
        "ms_exec_to_main": main_ms - spawned,
        "ms_start_to_running": since(seen.running_ms, start_ms),
        "ms_exec_to_running": since(seen.running_ms, spawned),
        "ms_exec_to_first_in": since(counts.input.first_ms(), spawned),
        "ms_exec_to_first_out": since(counts.out.first_ms(), spawned),
    });
    let more = match work.warm {
        None => json!({
            "ms_restore": seen.restore_end_ms - seen.restore_begin_ms,
            "cpu_to_running_s": rounded(work.end.cpu - start.cpu),
        }),
        Some((warm, before)) => {
            let warm_records = records.saturating_sub(before);
            let (count, cpu) = (warm_records.max(1) as f64, work.end.cpu - warm.cpu);
            json!({
                "warm_records": warm_records,
                "us_warm": rounded((cpu + close_cpu) * 1e6 / count),
                "us_warm_unclosed": rounded(cpu * 1e6 / count),
                "wall_warm_s": rounded(work.end.at.saturating_duration_since(warm.at).as_secs_f64()),
            })
        }
    };
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    event(line);
    Ok(ExitCode::SUCCESS)
}

/// Waits for the end of the work; `None` when the time limit comes first.
fn work(
    arguments: &Arguments,
    counts: &Counts,
    watch: &Watch,
    start: Instant,
) -> Result<Option<Work>, Failure> {
    let limit = Duration::from_secs(arguments.limit_s);
    let quiet = Duration::from_millis(arguments.quiet_ms);
    let mut warm = None;
    let (mut activity, mut changed, mut end) = (0, start, None);
    loop {
        std::thread::sleep(POLL);
        let now = Instant::now();
        if watch.seen().failed {
            return Err("the application has failed".into());
        }
        if now - start > limit {
            return Ok(None);
        }
        if arguments.is_restore() {
            if watch.seen().running_ms > 0 {
                return Ok(Some(Work { end: Mark::now(), warm: None }));
            }
            continue;
        }
        let (input, mid) = (counts.input.get(), counts.mid.get());
        let seen = input + mid + counts.out.get();
        if seen != activity {
            (activity, changed, end) = (seen, now, None);
        } else if end.is_none() {
            // CPU time is asked for only once nothing has changed for a poll.
            end = Some(Mark { at: changed, cpu: cpu_s() });
        }
        if warm.is_none() && input >= arguments.warm().max(1) {
            warm = Some((Mark { at: now, cpu: cpu_s() }, input));
        }
        let done = input >= arguments.records && mid >= arguments.mid_wanted();
        if let Some(end) = end.filter(|_| done && now - changed > quiet) {
            return Ok(Some(Work { end, warm }));
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
