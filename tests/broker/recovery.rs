//! Whatever happens to the journal's bytes: a prefix of the committed transactions comes back, or
//! the damage is reported. Nothing panics, and nothing is invented.

use std::sync::LazyLock;

use millstream_broker::embedded::{EmbeddedBroker, SimulatedDisk};
use millstream_broker::{BrokerError, ManualClock, NewTopic, TopicPartition};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::cluster::*;

const TRANSACTIONS: usize = 40;

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("t", number)
}

fn open(disk: &SimulatedDisk) -> Result<Cluster, BrokerError> {
    let clock = ManualClock::at(START_MS);
    let broker = EmbeddedBroker::builder()
        .clock(clock_of(&clock))
        .segment_bytes(3000)
        .storage(disk.mount())
        .open()?;
    Ok(Cluster::new(broker, clock))
}

/// The files of a journal with 40 transactions over two partitions.
static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let disk = SimulatedDisk::new(1);
    let cluster = open(&disk).unwrap();
    let mut admin = cluster.broker.admin().unwrap();
    admin.create_topics(&[NewTopic::new("t", 2)]).unwrap();
    let mut producer = cluster.transactional("x");
    for i in 0..TRANSACTIONS {
        producer.begin().unwrap();
        send(&mut *producer, &partition(0), &[&i.to_string()]);
        send(&mut *producer, &partition(1), &[&i.to_string(), "x"]);
        producer.send_offsets(&at(&partition(0), i as i64), &cluster.nobody("g")).unwrap();
        commit(&mut *producer);
    }
    disk.kill();
    let names = disk.file_names().into_iter();
    names.map(|name| (name.clone(), disk.read_file(&name).unwrap())).collect()
});

/// Opens the files with one of them changed; `Ok` = number of transactions that came back.
fn recovered(name: &str, bytes: Vec<u8>) -> Result<usize, BrokerError> {
    let disk = SimulatedDisk::new(1);
    for (file, bytes) in FILES.iter() {
        disk.write_file(file, Some(bytes.clone()));
    }
    disk.write_file(name, Some(bytes));
    let cluster = open(&disk)?;
    let topics = cluster.broker.admin()?.list_topics()?;
    if topics.is_empty() {
        return Ok(0);
    }
    let left = cluster.values(&partition(0));
    let expected: Vec<String> = (0..left.len()).map(|i| i.to_string()).collect();
    assert_eq!(left, expected);
    let right: Vec<String> = expected.iter().flat_map(|i| [i.clone(), "x".to_owned()]).collect();
    assert_eq!(cluster.values(&partition(1)), right);
    let group = cluster.committed("g", &partition(0));
    assert_eq!(group, left.len().checked_sub(1).map(|last| last as i64));
    Ok(left.len())
}

fn journals() -> Vec<&'static (String, Vec<u8>)> {
    FILES.iter().filter(|(name, _)| name.ends_with(".journal")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_flipped_bit_loses_nothing_or_is_reported(file: Index, byte: Index, bit in 0u8..8) {
        let (name, bytes) = file.get(&journals());
        let mut bytes = bytes.clone();
        let at = byte.index(bytes.len());
        bytes[at] ^= 1 << bit;
        match recovered(name, bytes) {
            Ok(count) => prop_assert_eq!(count, TRANSACTIONS),
            Err(error) => prop_assert!(matches!(error, BrokerError::Corrupt { .. }), "{}", error),
        }
    }

    #[test]
    fn a_cut_leaves_a_prefix_or_is_reported(file: Index, len: Index) {
        let journals = journals();
        let at = file.index(journals.len());
        let (name, bytes) = journals[at];
        let len = len.index(bytes.len());
        let is_last = at + 1 == journals.len();
        match recovered(name, bytes[..len].to_vec()) {
            Ok(count) => prop_assert!(is_last && count <= TRANSACTIONS),
            Err(error) => {
                prop_assert!(!is_last, "{}", error);
                let corrupt = matches!(error, BrokerError::Corrupt { .. });
                prop_assert!(corrupt, "{}", error);
            }
        }
    }

    #[test]
    fn overwritten_bytes_lose_nothing_or_are_reported(
        file: Index,
        from: Index,
        garbage in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let (name, bytes) = file.get(&journals());
        let mut bytes = bytes.clone();
        let from = from.index(bytes.len());
        let until = bytes.len().min(from + garbage.len());
        bytes[from..until].copy_from_slice(&garbage[..until - from]);
        match recovered(name, bytes) {
            Ok(count) => prop_assert!(count <= TRANSACTIONS),
            Err(error) => prop_assert!(matches!(error, BrokerError::Corrupt { .. }), "{}", error),
        }
    }
}

#[test]
fn untouched_everything_comes_back() {
    let (name, bytes) = journals()[0];
    assert_eq!(recovered(name, bytes.clone()).unwrap(), TRANSACTIONS);
    assert!(journals().len() > 2);
}
