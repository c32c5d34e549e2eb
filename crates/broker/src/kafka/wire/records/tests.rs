use super::*;

const LONGEST: usize = 1 << 20;

/// A record: how far behind the first, timestamp, key, value.
type Written<'a> = (i64, i64, Option<&'a [u8]>, Option<&'a [u8]>);

fn varint_bytes(number: i64) -> Vec<u8> {
    let mut rest = (number << 1 ^ number >> 63) as u64;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn sized_bytes(bytes: Option<&[u8]>) -> Vec<u8> {
    let len = bytes.map_or(-1, |bytes| bytes.len() as i64);
    [&varint_bytes(len), bytes.unwrap_or_default()].concat()
}

fn record((delta, timestamp, key, value): Written<'_>, headers: &[u8]) -> Vec<u8> {
    let record = [
        &[0],
        &*varint_bytes(timestamp),
        &varint_bytes(delta),
        &sized_bytes(key),
        &sized_bytes(value),
        headers,
    ];
    let record = record.concat();
    [varint_bytes(record.len() as i64), record].concat()
}

/// A batch whose records are counted up to `last` offsets behind the first.
fn batch(
    base: i64,
    last: i32,
    attributes: i16,
    producer: i64,
    count: i32,
    records: &[u8],
) -> Vec<u8> {
    let mut checked = Vec::new();
    checked.extend(attributes.to_be_bytes());
    checked.extend(last.to_be_bytes());
    checked.extend(1000i64.to_be_bytes());
    checked.extend(7777i64.to_be_bytes());
    checked.extend(producer.to_be_bytes());
    checked.extend([0; 2 + 4]);
    checked.extend(count.to_be_bytes());
    checked.extend(records);
    let mut bytes = Vec::from(base.to_be_bytes());
    bytes.extend((checked.len() as u32 + 9).to_be_bytes());
    bytes.extend([0, 0, 0, 0, MAGIC]);
    bytes.extend(crc32c::crc32c(&checked).to_be_bytes());
    bytes.extend(checked);
    bytes
}

/// One record a letter, from `base` on.
fn letters(base: i64, letters: &str, attributes: i16, producer: i64) -> Vec<u8> {
    let values: Vec<[u8; 1]> = letters.bytes().map(|letter| [letter]).collect();
    let rows = (0..).zip(&values);
    let records = rows.flat_map(|(delta, value)| record((delta, delta, None, Some(value)), &[0]));
    let records: Vec<u8> = records.collect();
    let count = values.len() as i32;
    batch(base, count - 1, attributes, producer, count, &records)
}

fn marker(base: i64, producer: i64, kind: i16) -> Vec<u8> {
    let key = [0i16.to_be_bytes(), kind.to_be_bytes()].concat();
    let record = record((0, 0, Some(&key), Some(b"")), &[0]);
    batch(base, 0, TRANSACTIONAL | CONTROL, producer, 1, &record)
}

fn read(bytes: &[u8], from: i64, aborted: &[(i64, i64)]) -> io::Result<ReadRecords> {
    RecordReader::default().read(bytes, from, aborted.to_vec(), LONGEST)
}

/// Offsets and values, and where to read on.
#[track_caller]
fn check(bytes: &[u8], from: i64, aborted: &[(i64, i64)], expected: &[(i64, &str)], next: i64) {
    let read = read(bytes, from, aborted).unwrap();
    let rows = read.batches.iter().flat_map(RecordBatch::iter);
    let rows: Vec<_> = rows
        .map(|row| (row.offset, String::from_utf8_lossy(row.value.unwrap()).into_owned()))
        .collect();
    let expected: Vec<_> = expected.iter().map(|(at, value)| (*at, (*value).to_owned())).collect();
    assert_eq!((rows, read.next_offset), (expected, next));
    let last = read.batches.back().map_or(from, RecordBatch::next_offset);
    assert_eq!(last, next, "the batches lead to where to read on");
}

#[test]
fn records_are_read_as_they_were_written() {
    let headers = [&*varint_bytes(2), &sized_bytes(Some(b"h")), &sized_bytes(Some(b"1"))].concat();
    let headers = [headers, sized_bytes(Some(b"n")), sized_bytes(None)].concat();
    let records = [
        record((0, -5, Some(b"k"), None), &headers),
        record((3, 1 << 40, Some(b""), Some(b"v")), &[0]),
    ]
    .concat();
    let read_one = |attributes| {
        let bytes = batch(10, 4, attributes, -1, 2, &records);
        let read = read(&bytes, 10, &[]).unwrap();
        assert_eq!(read.next_offset, 15, "the last of them was compacted away");
        let rows = read.batches[0].iter().map(|row| {
            let value = row.value.map(<[u8]>::to_vec);
            (row.offset, row.timestamp, row.key.map(<[u8]>::to_vec), value, row.headers())
        });
        rows.collect::<Vec<_>>()
    };
    let mut two = Headers::new();
    two.push("h", Some(b"1"));
    two.push("n", None);
    let expected = |first, second| {
        let key = Some(b"k".to_vec());
        [
            (10, first, key, None, two.clone()),
            (13, second, Some(vec![]), Some(b"v".to_vec()), Headers::new()),
        ]
    };
    assert_eq!(read_one(0), expected(995, 1000 + (1 << 40)));
    assert_eq!(read_one(LOG_APPEND_TIME), expected(7777, 7777));
}

#[test]
fn batches_are_read_from_the_middle_and_up_to_one_that_is_cut_off() {
    let bytes =
        [letters(5, "abc", 0, -1), letters(8, "de", 0, -1), letters(20, "f", 0, -1)].concat();
    check(&bytes, 5, &[], &[(5, "a"), (6, "b"), (7, "c"), (8, "d"), (9, "e"), (20, "f")], 21);
    check(&bytes, 9, &[], &[(9, "e"), (20, "f")], 21);
    // What was there before it is compacted away.
    check(&bytes, 12, &[], &[(20, "f")], 21);
    check(&bytes[..bytes.len() - 1], 6, &[], &[(6, "b"), (7, "c"), (8, "d"), (9, "e")], 10);
    check(&bytes[..40], 6, &[], &[], 6);
    check(&[], 6, &[], &[], 6);
}

#[test]
fn aborted_transactions_and_markers_are_passed_over() {
    const COMMIT: i16 = 1;
    let bytes = [
        letters(0, "a", TRANSACTIONAL, 1),
        letters(1, "b", TRANSACTIONAL, 2),
        letters(2, "c", 0, -1),
        marker(3, 1, ABORT),
        letters(4, "d", TRANSACTIONAL, 1),
        marker(5, 2, COMMIT),
        marker(6, 1, COMMIT),
        letters(7, "e", TRANSACTIONAL, 2),
        marker(8, 2, ABORT),
    ]
    .concat();
    // Aborted ones in no order; the first is told again to who begins behind its first offset.
    check(&bytes, 0, &[(2, 7), (1, 0)], &[(1, "b"), (2, "c"), (4, "d")], 9);
    check(&bytes, 8, &[(2, 7)], &[], 9);
    check(&bytes, 0, &[], &[(0, "a"), (1, "b"), (2, "c"), (4, "d"), (7, "e")], 9);
}

#[test]
fn large_answers_are_cut() {
    let value = [b'x'; 1000];
    let records: Vec<u8> =
        (0..500).flat_map(|delta| record((delta, 0, None, Some(&value)), &[0])).collect();
    let bytes = batch(0, 499, 0, -1, 500, &records);
    let read = read(&bytes, 0, &[]).unwrap();
    assert!(
        read.batches.len() > 6 && read.batches.iter().all(|batch| batch.size() < 2 * CUT_BYTES)
    );
    let offsets: Vec<i64> =
        read.batches.iter().flat_map(RecordBatch::iter).map(|row| row.offset).collect();
    assert_eq!(offsets, (0..500).collect::<Vec<_>>());
}

#[test]
fn what_is_damaged_is_an_error() {
    let good = letters(0, "abc", 0, -1);
    for at in CHECKED..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(read(&bad, 0, &[]).is_err(), "byte {at}");
    }
    let mut old = good;
    old[16] = 1;
    assert!(read(&old, 0, &[]).unwrap_err().to_string().contains("before Kafka 0.11"));
    // With a checksum that is right.
    let long = record((0, 0, None, Some(b"x")), &[0]);
    for records in [&long[..long.len() - 1], &[0x80; 20], &[9], &[2, 0]] {
        assert!(read(&batch(0, 0, 0, -1, 1, records), 0, &[]).is_err(), "{records:?}");
    }
    assert!(read(&batch(0, -1, 0, -1, 0, &[]), 0, &[]).is_err());
    assert!(read(&batch(0, 0, 5, -1, 1, &long), 0, &[]).is_err(), "no such codec");
}
