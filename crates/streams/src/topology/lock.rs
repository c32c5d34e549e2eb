//! The names and formats of all state as a text for version control, and what becomes of state when
//! they change.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::graph::{ChangelogKind, NodeKind, StoreSpec, TopicRef};
use super::{Topology, TopologyParts};
use crate::error::TopologyError;

/// The first line: which version of the text it is.
const HEAD: &str =
    "# topology lock, version 1: names and formats of state; see Topology::check_lock";

/// Stores and topics by name, each with what is said of it.
type Items = BTreeMap<String, BTreeMap<String, String>>;

impl Topology {
    /// Names and formats of all state as a text, to be kept in version control: stores with their
    /// kinds, types and changelogs, and repartition topics, each with its sub-topology. A test that
    /// [checks](Self::check_lock) it tells of a change that would lose state before it is deployed.
    ///
    /// ```
    /// use millstream::StreamsBuilder;
    /// let count = |store: &str| {
    ///     let builder = StreamsBuilder::new();
    ///     builder.stream::<String, String>("in").group_by_key().count(store).to("out");
    ///     builder.build()
    /// };
    /// let lock = count("counts")?.lock();
    /// assert!(lock.contains("store counts\n  changelog counts-changelog\n  key String\n"));
    /// count("counts")?.check_lock(&lock)?;
    /// let error = count("totals")?.check_lock(&lock).unwrap_err().to_string();
    /// assert!(error.contains("the store 'counts' is now called 'totals' and begins empty"));
    /// # Ok::<_, millstream::TopologyError>(())
    /// ```
    pub fn lock(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (item, fields) in self.inner.items() {
            let _ = writeln!(text, "{item}");
            for (name, value) in fields {
                let _ = writeln!(text, "  {name} {value}");
            }
        }
        text
    }

    /// Compares the topology with the [lock](Self::lock) of an earlier version; the error says of
    /// each difference what becomes of the state. When all that is meant, write the new lock.
    pub fn check_lock(&self, lock: &str) -> Result<(), TopologyError> {
        let problems = match parse(lock) {
            Ok(before) => differences(before, self.inner.items()),
            Err(problem) => vec![problem],
        };
        if problems.is_empty() { Ok(()) } else { Err(TopologyError { problems }) }
    }
}

impl TopologyParts {
    fn items(&self) -> Items {
        let mut items = Items::new();
        for sub in &self.sub_topologies {
            let id = sub.id.to_string();
            for store in &sub.stores {
                let store = &self.stores[*store];
                let mut fields = self.fields_of(store, sub.is_global);
                fields.insert("sub-topology".to_owned(), id.clone());
                items.insert(format!("store {}", store.name), fields);
            }
            let read = sub.nodes.iter().flat_map(|node| match &self.nodes[*node].kind {
                NodeKind::Source { topics, .. } => topics.as_slice(),
                _ => &[],
            });
            for topic in read.filter(|topic| topic.internal) {
                let mut fields = BTreeMap::from([("sub-topology".to_owned(), id.clone())]);
                let mut specs = self.repartitions.iter();
                let spec = specs.find(|spec| TopicRef::internal(&spec.topic) == *topic);
                if let Some(partitions) = spec.and_then(|spec| spec.partitions) {
                    fields.insert("partitions".to_owned(), partitions.to_string());
                }
                items.insert(format!("topic {}", topic.name), fields);
            }
        }
        items
    }

    fn fields_of(&self, store: &StoreSpec, is_global: bool) -> BTreeMap<String, String> {
        let kind = match (store.kind, is_global) {
            (_, true) => "global".to_owned(),
            (ChangelogKind::Latest, _) => "key-value".to_owned(),
            (ChangelogKind::Windows { retention }, _) => format!("windows for {retention} ms"),
            (ChangelogKind::JoinWindows { retention }, _) => format!("join for {retention} ms"),
            (ChangelogKind::Versions { history }, _) => format!("versions of {history} ms"),
        };
        let kind = if store.timestamped { kind + " with timestamps" } else { kind };
        let changelog = match (&store.changelog, &store.source_topic) {
            (None, _) => "none".to_owned(),
            (Some(_), Some(source)) => source.name.clone(),
            (Some(_), None) => format!("{}-changelog", store.name),
        };
        let [key, value] = store.formats.map(short);
        let fields = [("kind", kind), ("changelog", changelog), ("key", key), ("value", value)];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The name of a format without the paths of modules; one that a type knows itself is the type's.
fn short(name: &str) -> String {
    let mut out = String::new();
    for part in name.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        out.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    let own = out.strip_prefix("WireCodec<").and_then(|inner| inner.strip_suffix('>'));
    own.map(str::to_owned).unwrap_or(out)
}

fn parse(text: &str) -> Result<Items, String> {
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some(HEAD) {
        return Err(format!("the lock does not begin with '{HEAD}': write it anew with `lock()`"));
    }
    let mut items = Items::new();
    let mut last = None;
    for line in lines.map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("  ").and_then(|field| field.split_once(' ')), &last) {
            (Some((name, value)), Some(item)) => {
                let fields: &mut BTreeMap<_, _> = items.entry(String::clone(item)).or_default();
                fields.insert(name.to_owned(), value.to_owned());
            }
            (None, _) if line.starts_with("store ") || line.starts_with("topic ") => {
                items.insert(line.to_owned(), BTreeMap::new());
                last = Some(line.to_owned());
            }
            _ => return Err(format!("the lock has a line that says nothing: '{line}'")),
        }
    }
    Ok(items)
}

fn differences(before: Items, mut now: Items) -> Vec<String> {
    let mut found = Vec::new();
    let mut gone = Vec::new();
    for (item, old) in before {
        let Some(new) = now.remove(&item) else {
            gone.push((item, old));
            continue;
        };
        let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for field in names {
            let (was, is) = (old.get(field), new.get(field));
            if was != is {
                let none = "nothing".to_owned();
                let (was, is) = (was.unwrap_or(&none), is.unwrap_or(&none));
                let what = consequence(field);
                found.push(format!("{}: {field} was '{was}' and is '{is}': {what}", named(&item)));
            }
        }
    }
    for (item, old) in gone {
        // A rename is a loss with a newcomer that looks the same.
        let twin = now.iter().find(|(name, new)| {
            let kinds = (name.split_once(' '), item.split_once(' '));
            matches!(kinds, (Some((a, _)), Some((b, _))) if a == b) && alike(&old, new)
        });
        let twin = twin.map(|(name, _)| name.clone());
        let is_store = item.starts_with("store ");
        found.push(match twin {
            Some(new) => {
                now.remove(&new);
                let new = new.split_once(' ').map_or("", |(_, name)| name).to_owned();
                let loss = if is_store {
                    "begins empty, what it held stays behind in its changelog"
                } else {
                    "begins empty, records that wait in the old one are left behind"
                };
                format!("{} is now called '{new}' and {loss}: give it its name back", named(&item))
            }
            None if is_store => format!("{} is gone: what it held is lost", named(&item)),
            None => {
                format!("{} is gone: let the old version process what waits in it", named(&item))
            }
        });
    }
    for item in now.keys() {
        let is_store = item.starts_with("store ");
        found.push(match is_store {
            true => {
                format!("{} is new: it knows nothing of what was processed before", named(item))
            }
            false => format!("{} is new: it is created at the start", named(item)),
        });
    }
    found
}

/// Whether two are the same but for their names.
fn alike(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> bool {
    let without_name = |fields: &BTreeMap<String, String>| {
        let mut fields = fields.clone();
        if fields.get("changelog").is_some_and(|name| name != "none") {
            fields.remove("changelog");
        }
        fields
    };
    without_name(a) == without_name(b)
}

fn named(item: &str) -> String {
    let (kind, name) = item.split_once(' ').unwrap_or(("", item));
    let kind = if kind == "topic" { "repartition topic" } else { kind };
    format!("the {kind} '{name}'")
}

fn consequence(field: &str) -> &'static str {
    match field {
        "key" | "value" => {
            "what is in the changelog is read in the new format; if that cannot read the old one, the state is lost: give the store a new name"
        }
        "kind" => {
            "its changelog is laid out or kept otherwise than the store needs: give it a new name, it then begins empty"
        }
        "changelog" => {
            "the store is filled from another topic, what is only in the old one is lost"
        }
        "partitions" => {
            "the topic that is there has another number, and keys meet other state: give it a new name, or reset the application"
        }
        "sub-topology" => {
            "its tasks have other numbers: stores are restored from their changelogs, and old and new instances must not run side by side"
        }
        _ => "the lock is of another version: write it anew with `lock()`",
    }
}

#[cfg(test)]
mod tests {
    use crate::{Materialized, Repartitioned, StreamsBuilder, Topology};

    fn of(build: fn(&StreamsBuilder)) -> Topology {
        let builder = StreamsBuilder::new();
        build(&builder);
        builder.build().expect("it is valid")
    }

    fn input(builder: &StreamsBuilder) -> crate::KStream<String, i64> {
        builder.stream("in")
    }

    #[test]
    fn each_difference_is_told_with_its_consequence() {
        type Row = (fn(&StreamsBuilder), fn(&StreamsBuilder), &'static [&'static str]);
        let rows: [Row; 8] = [
            (
                |b| drop(input(b).group_by_key().count("n")),
                |b| drop(input(b).group_by_key().count("n")),
                &[],
            ),
            (
                |b| drop(input(b).group_by_key().count("n")),
                |b| drop(input(b).group_by_key().count("m")),
                &["the store 'n' is now called 'm' and begins empty"],
            ),
            (
                |b| drop(input(b).to_table("t")),
                |b| drop(input(b).map_values(|v| v.to_string()).to_table("t")),
                &["the store 't': value was 'i64' and is 'String'", "the state is lost"],
            ),
            (
                |b| drop(input(b).to_table("t")),
                |b| input(b).to("out"),
                &["the store 't' is gone: what it held is lost"],
            ),
            (
                |b| input(b).to("out"),
                |b| drop(input(b).to_table("t")),
                &["the store 't' is new: it knows nothing"],
            ),
            (
                |b| drop(input(b).to_table("t")),
                |b| drop(input(b).to_table(Materialized::new("t").without_changelog())),
                &["the store 't': changelog was 't-changelog' and is 'none'"],
            ),
            (
                |b| input(b).repartition(Repartitioned::named("r").partitions(2)).to("out"),
                |b| input(b).repartition(Repartitioned::named("r").partitions(3)).to("out"),
                &["the repartition topic 'r-repartition': partitions was '2' and is '3'"],
            ),
            (
                |b| input(b).repartition("r").to("out"),
                |b| input(b).repartition("s").to("out"),
                &[
                    "the repartition topic 'r-repartition' is now called 's-repartition'",
                    "left behind",
                ],
            ),
        ];
        for (before, now, expected) in rows {
            let lock = of(before).lock();
            let told = of(now).check_lock(&lock).map_err(|error| error.to_string());
            let told = told.err().unwrap_or_default();
            assert_eq!(told.is_empty(), expected.is_empty(), "{told}");
            for words in expected {
                assert!(told.contains(words), "no '{words}' in: {told}");
            }
        }
    }

    #[test]
    fn a_text_that_is_no_lock_is_refused() {
        let topology = of(|b| input(b).to("out"));
        let lock = topology.lock();
        for (text, expected) in [
            (String::new(), "does not begin with"),
            ("store n\n".to_owned(), "does not begin with"),
            (lock.clone() + "nonsense\n", "says nothing: 'nonsense'"),
            (lock.clone() + "  kind lost\n", "says nothing"),
        ] {
            let error = topology.check_lock(&text).map_err(|error| error.to_string());
            assert!(error.clone().is_err_and(|e| e.contains(expected)), "{text}: {error:?}");
        }
        assert_eq!(topology.check_lock(&lock.replace('\n', "\r\n")), Ok(()));
    }
}
