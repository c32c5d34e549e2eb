//! A folder of recorded cases as data: what went in, what came out. The format is that of
//! `topologies.json` and of the `*.jsonl` files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// Bytes, written as hex.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = (0..text.len()).step_by(2).map(|at| {
            let pair = text.get(at..at + 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.map(Self).ok_or_else(|| D::Error::custom(format!("'{text}' is not hex")))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }
}

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RawRecord {
    pub(crate) topic: String,
    pub(crate) key: Option<Hex>,
    pub(crate) value: Option<Hex>,
    /// Milliseconds since the Unix epoch; none where the producer puts in its clock.
    pub(crate) ts: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, Option<Hex>)>,
}

/// One input record, or an advance of the wall clock, and what came of it.
#[derive(Debug, Deserialize)]
pub(crate) struct CaseStep {
    #[serde(rename = "in")]
    pub(crate) input: Option<RawRecord>,
    pub(crate) advance_wall_ms: Option<u64>,
    /// What was thrown; the case ends with it.
    pub(crate) error: Option<String>,
    pub(crate) out: Vec<RawRecord>,
}

/// An entry of a store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct StoreEntry {
    pub(crate) key: Hex,
    /// In stores of windows, the key's window.
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    /// None in stores without timestamps.
    pub(crate) ts: Option<i64>,
    pub(crate) value: Hex,
}

/// An entry of a suppression's buffer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct HeldBack {
    pub(crate) key: Hex,
    pub(crate) buffer_time: i64,
}

/// A version in a versioned store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Version {
    pub(crate) key: Hex,
    pub(crate) valid_from: i64,
    pub(crate) valid_to: Option<i64>,
    pub(crate) value: Hex,
}

/// What a store held in the end. Entries of kinds that nothing reads yet stay unread.
#[derive(Debug, Deserialize)]
pub(crate) struct StoreContents {
    pub(crate) name: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) entries: Vec<serde_json::Value>,
    /// How many records a buffer held.
    pub(crate) records: Option<usize>,
    /// The time of the first of them.
    pub(crate) min_timestamp: Option<i64>,
}

/// One run of a topology.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) topology: String,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) steps: Vec<CaseStep>,
    #[serde(default)]
    pub(crate) stores: Vec<StoreContents>,
    pub(crate) dropped_records_total: f64,
}

/// A topic that the application makes for itself.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct OwnTopic {
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) partitions: Option<u32>,
}

/// Topics of a sub-topology.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SubTopologyTopics {
    pub(crate) id: u32,
    pub(crate) sources: Vec<String>,
    pub(crate) sinks: Vec<String>,
    pub(crate) repartition_topics: BTreeMap<String, OwnTopic>,
    pub(crate) changelog_topics: BTreeMap<String, OwnTopic>,
}

/// What Kafka Streams says of a topology.
#[derive(Debug, Deserialize)]
pub(crate) struct TopologyDescription {
    pub(crate) name: String,
    pub(crate) config: BTreeMap<String, String>,
    /// Name, key type and value type of each topic it may write.
    pub(crate) out: Vec<(String, String, String)>,
    pub(crate) describe: String,
    pub(crate) subtopologies: Vec<SubTopologyTopics>,
}

/// All that a folder holds.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) topologies: Vec<TopologyDescription>,
    pub(crate) cases: Vec<Case>,
}

/// The encodings of formats lie beside the cases; the tests of the codecs read them.
const FORMATS: &str = "formats.jsonl";

impl Recorded {
    /// Reads a folder: `topologies.json` in it, the case files in it or in its `goldens`.
    pub(crate) fn read(folder: &Path) -> Self {
        let topologies = parse(&read_text(&folder.join("topologies.json")), folder);
        let mut files: Vec<PathBuf> = [folder.to_owned(), folder.join("goldens")]
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten()
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .filter(|path| !path.ends_with(FORMATS))
            .collect();
        files.sort();
        let read_cases = |path: &PathBuf| -> Vec<Case> {
            let text = read_text(path);
            text.lines().map(|line| parse(line, path)).collect()
        };
        Self { topologies, cases: files.iter().flat_map(read_cases).collect() }
    }
}

fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
