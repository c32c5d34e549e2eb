//! Runs a case and compares what the application wrote, step by step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millstream::state::StateBackend;
use millstream::testing::{DriverOptions, TopologyTestDriver};
use millstream::{Config, Error, Guarantee, Header, Headers, Record, Topic, Topology};

use super::case::{
    Case, CaseStep, HeldBack, Hex, RawRecord, StoreContents, StoreEntry, TopologyDescription,
    Version,
};
use super::difference::{Difference, compare, show_entry, show_record};
use super::exceptions::Allows;
use super::store_reader::read_store;

/// The application id of every recording.
pub(crate) const APPLICATION_ID: &str = "app";

type Raw = Option<Vec<u8>>;

/// Runs `case`; gives the first difference to what was recorded. `described` names the topics that
/// are written by names chosen per record; `allows` says what may differ.
pub(crate) fn run(
    topology: &Topology,
    described: Option<&TopologyDescription>,
    case: &Case,
    allows: Option<Allows<'_>>,
    state: Arc<dyn StateBackend>,
) -> Result<(), Difference> {
    let mut driver = open(topology, case, state).map_err(|error| failed("start", &error))?;
    let topics = written_topics(topology, described, case, &driver);
    // The changelog of a suppression, known by the version in its headers: Kafka Streams goes
    // through a hash set there.
    let is_unordered = |topic: &str| {
        let mut records = case.steps.iter().flat_map(|step| &step.out);
        let version = [("v".to_owned(), Some(Hex(vec![3])))];
        records.any(|record| record.topic == topic && record.headers == version)
    };
    for (number, step) in case.steps.iter().enumerate() {
        let place = format!("step {}", number + 1);
        match (take_step(&mut driver, step), &step.error) {
            (Ok(()), None) => {}
            (Err(_), Some(_)) => return Ok(()),
            (Err(error), None) => return Err(failed(&place, &error)),
            (Ok(()), Some(_)) if allows == Some(Allows::NoFailure) => return Ok(()),
            (Ok(()), Some(error)) => {
                return Err(Difference {
                    place,
                    expected: error.clone(),
                    actual: "no error".to_owned(),
                });
            }
        }
        for topic in &topics {
            let place = || format!("{place}, topic {topic}");
            let mut actual =
                read_topic(&mut driver, topic).map_err(|error| failed(&place(), &error))?;
            let expected = step.out.iter().filter(|record| record.topic == *topic).cloned();
            // The producer's clock takes the place of a timestamp that is missing.
            let with_time =
                |record: RawRecord| RawRecord { ts: record.ts.or(Some(driver.now_ms())), ..record };
            let mut expected: Vec<RawRecord> = expected.map(with_time).collect();
            if is_unordered(topic) {
                let in_order = |records: &mut Vec<RawRecord>| {
                    records.sort_by(|a, b| a.key.cmp(&b.key));
                };
                in_order(&mut expected);
                in_order(&mut actual);
            }
            if let Some(Allows::OtherOn(topics)) = allows
                && topics.contains(&topic.as_str())
            {
                continue;
            }
            if let Some(Allows::OtherHeaders(names)) = allows {
                let records = expected.iter_mut().chain(&mut actual);
                let headers = records.flat_map(|record| &mut record.headers);
                for (_, value) in headers.filter(|(name, _)| names.contains(&name.as_str())) {
                    assert!(value.take().is_some(), "a header says something");
                }
            }
            if let Some(Allows::MoreOn(more)) = allows
                && more.contains(&topic.as_str())
            {
                let mut wanted = expected.iter().peekable();
                actual.retain(|record| wanted.next_if(|wanted| *wanted == record).is_some());
            }
            compare(place, &expected, &actual, show_record)?;
        }
    }
    if !matches!(allows, Some(Allows::MoreOn(_))) {
        compare_stores(&mut driver, case)?;
    }
    let (expected, actual) = (case.dropped_records_total, driver.dropped_records());
    if expected == actual as f64 || allows == Some(Allows::OtherDrops) {
        return Ok(());
    }
    Err(Difference {
        place: "dropped records".to_owned(),
        expected: expected.to_string(),
        actual: actual.to_string(),
    })
}

fn failed(place: &str, error: &Error) -> Difference {
    Difference {
        place: place.to_owned(),
        expected: "no error".to_owned(),
        actual: error.to_string(),
    }
}

fn open(
    topology: &Topology,
    case: &Case,
    state: Arc<dyn StateBackend>,
) -> Result<TopologyTestDriver, Error> {
    let config = Config::new(APPLICATION_ID).with_processing_guarantee(Guarantee::AtLeastOnce);
    let config = case
        .config
        .iter()
        // Types say that here.
        .filter(|(key, _)| !key.ends_with(".serde"))
        .try_fold(config, |config, (key, value)| config.set(key, value))
        .map_err(|error| Error::Config(error.to_string()))?;
    TopologyTestDriver::with_options(
        topology,
        DriverOptions { config, state, ..DriverOptions::default() },
    )
}

/// Every topic the application writes; those the driver does not know of are created.
fn written_topics(
    topology: &Topology,
    described: Option<&TopologyDescription>,
    case: &Case,
    driver: &TopologyTestDriver,
) -> BTreeSet<String> {
    let mut topics = BTreeSet::new();
    for sub_topology in topology.topics(APPLICATION_ID) {
        topics.extend(sub_topology.sinks);
        let sources = sub_topology.sources;
        let changelogs = sub_topology.changelog_topics.into_iter().map(|topic| topic.name);
        topics.extend(changelogs.filter(|topic| !sources.contains(topic)));
    }
    let recorded = case.steps.iter().flat_map(|step| &step.out);
    let mut others: BTreeSet<&String> = recorded.map(|record| &record.topic).collect();
    others.extend(described.into_iter().flat_map(|d| &d.out).map(|(name, ..)| name));
    for name in others {
        if topics.insert(name.clone()) {
            // The topic of dead letters is there.
            let _exists = driver.create_topic(name);
        }
    }
    topics
}

fn take_step(driver: &mut TopologyTestDriver, step: &CaseStep) -> Result<(), Error> {
    if let Some(by) = step.advance_wall_ms {
        driver.advance(Duration::from_millis(by))?;
    }
    let Some(input) = &step.input else {
        return Ok(());
    };
    let bytes = |hex: &Option<Hex>| hex.as_ref().map(|Hex(bytes)| bytes.clone());
    let headers = input.headers.iter().map(|(name, value)| Header {
        key: name.as_str().into(),
        value: value.as_ref().map(|Hex(bytes)| bytes.as_slice().into()),
    });
    let record = Record {
        key: bytes(&input.key),
        value: bytes(&input.value),
        timestamp: input.ts.expect("input records have timestamps"),
        headers: headers.collect::<Headers>(),
    };
    let topic = Topic::<Raw, Raw>::new(&input.topic);
    driver.input(topic).send_record(record)
}

fn read_topic(driver: &mut TopologyTestDriver, topic: &str) -> Result<Vec<RawRecord>, Error> {
    let consumed = driver.output::<Raw, Raw>(topic).read_records()?.into_iter();
    let raw = consumed.map(|consumed| {
        let record = consumed.record;
        let headers = record.headers.iter().map(|header| {
            let value = header.value.as_ref().map(|bytes| Hex(bytes.to_vec()));
            (header.key.to_string(), value)
        });
        RawRecord {
            topic: topic.to_owned(),
            headers: headers.collect(),
            key: record.key.map(Hex),
            value: record.value.map(Hex),
            ts: Some(record.timestamp),
        }
    });
    Ok(raw.collect())
}

fn compare_buffer(
    driver: &mut TopologyTestDriver,
    store: &StoreContents,
) -> Result<(), Difference> {
    let place = || format!("store {} ({})", store.name, store.kind);
    let entry = |value| serde_json::from_value::<HeldBack>(value);
    let expected: Result<Vec<_>, _> = store.entries.iter().cloned().map(entry).collect();
    let expected = expected.unwrap_or_else(|error| panic!("{}: {error}", place()));
    let first = expected.first().map(|entry| entry.buffer_time);
    assert_eq!((store.records, store.min_timestamp), (Some(expected.len()), first), "{}", place());
    let held = driver.held_back::<Vec<u8>>(&store.name);
    let held = held.map_err(|error| failed(&place(), &error))?.into_iter();
    let actual = held.map(|(key, buffer_time)| HeldBack { key: Hex(key), buffer_time });
    let show = |entry: &HeldBack| format!("{:?}", entry);
    compare(place, &expected, &actual.collect::<Vec<_>>(), show)
}

fn compare_versions(
    driver: &mut TopologyTestDriver,
    store: &StoreContents,
) -> Result<(), Difference> {
    let place = || format!("store {} ({})", store.name, store.kind);
    let entry = |value| serde_json::from_value::<Version>(value);
    let expected: Result<Vec<_>, _> = store.entries.iter().cloned().map(entry).collect();
    let expected = expected.unwrap_or_else(|error| panic!("{}: {error}", place()));
    let versions = driver.versions::<Vec<u8>, Vec<u8>>(&store.name);
    let versions = versions.map_err(|error| failed(&place(), &error))?.into_iter();
    // Longs were recorded as text.
    let is_text =
        |value: &Hex| std::str::from_utf8(&value.0).is_ok_and(|text| text.parse::<i64>().is_ok());
    let longs = expected.iter().all(|version| is_text(&version.value));
    let value = |bytes: Vec<u8>| match bytes.first_chunk() {
        Some(long) if longs => Hex(i64::from_be_bytes(*long).to_string().into_bytes()),
        _ => Hex(bytes),
    };
    let actual = versions.map(|(key, version)| Version {
        key: Hex(key),
        valid_from: version.valid_from,
        valid_to: version.valid_to,
        value: value(version.value),
    });
    let show = |version: &Version| format!("{version:?}");
    compare(place, &expected, &actual.collect::<Vec<_>>(), show)
}

fn compare_stores(driver: &mut TopologyTestDriver, case: &Case) -> Result<(), Difference> {
    for store in &case.stores {
        let place = || format!("store {} ({})", store.name, store.kind);
        let timestamped = match store.kind.as_str() {
            "timestamped-key-value" | "timestamped-window" => true,
            "key-value" | "window" | "session" => false,
            "grace-buffer" => {
                let held = driver.held_back::<Vec<u8>>(&store.name);
                let held = held.map_err(|error| failed(&place(), &error))?.len();
                compare(place, &[store.records], &[Some(held)], |records| format!("{records:?}"))?;
                continue;
            }
            "versioned" => {
                compare_versions(driver, store)?;
                continue;
            }
            "suppress-buffer" => {
                compare_buffer(driver, store)?;
                continue;
            }
            _ => {
                return Err(Difference {
                    place: place(),
                    expected: format!("{} entries", store.entries.len()),
                    actual: "a kind of store that the test cannot read yet".to_owned(),
                });
            }
        };
        let entry = |value| serde_json::from_value::<StoreEntry>(value);
        let expected: Result<Vec<_>, _> = store.entries.iter().cloned().map(entry).collect();
        let mut expected = expected.unwrap_or_else(|error| panic!("{}: {error}", place()));
        let mut actual =
            read_store(driver, &store.name).map_err(|error| failed(&place(), &error))?;
        if !timestamped {
            actual.iter_mut().for_each(|entry| entry.ts = None);
        }
        if store.kind.contains("window") || store.kind == "session" {
            // Kafka's order depends on the kind of store, and is promised nowhere.
            let place = |entry: &StoreEntry| (entry.start, entry.end, entry.key.clone());
            expected.sort_by_key(place);
            actual.sort_by_key(place);
        }
        compare(place, &expected, &actual, show_entry)?;
    }
    Ok(())
}
