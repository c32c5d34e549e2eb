/// One record: where key and value lie in the bytes of the batch.
#[derive(Clone, Copy, Debug)]
struct Restored {
    start: usize,
    key_len: u32,
    /// Length of the value behind the key; `None` deletes.
    value_len: Option<u32>,
}

/// Records of a changelog on their way into a database, in the order of the log: of several for a
/// key the last one counts. Nothing is looked up, so a record costs two copies.
#[derive(Clone, Debug, Default)]
pub struct RestoreBatch {
    bytes: Vec<u8>,
    records: Vec<Restored>,
}

impl RestoreBatch {
    /// Appends a record; its value is given in parts, one behind the other, and `None` deletes.
    #[inline]
    pub fn push(&mut self, key: &[u8], value: Option<&[&[u8]]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let value_start = self.bytes.len();
        for part in value.unwrap_or_default() {
            self.bytes.extend_from_slice(part);
        }
        // No record of a log is as long as a length in it can say.
        let value_len = value.map(|_| (self.bytes.len() - value_start) as u32);
        self.records.push(Restored { start, key_len: key.len() as u32, value_len });
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of keys and values.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Record number `number`.
    #[inline]
    pub(crate) fn record(&self, number: usize) -> (&[u8], Option<&[u8]>) {
        let record = self.records[number];
        let key_end = record.start + record.key_len as usize;
        let value = record.value_len.map(|len| &self.bytes[key_end..key_end + len as usize]);
        (&self.bytes[record.start..key_end], value)
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        (0..self.records.len()).map(|number| self.record(number))
    }

    /// Drops the records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}
