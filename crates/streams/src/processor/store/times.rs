use std::borrow::Cow;

/// What a windowed store and the operator before it know of time, in milliseconds, -1 for nothing. It
/// is committed together with the input's offsets, so that a restart goes on as if there had been
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreTimes {
    /// The operator's stream time: the highest timestamp that has come to it.
    pub(crate) stream: i64,
    /// That of further operators that share the store: in a cogroup each has its own.
    pub(crate) streams: Vec<i64>,
    /// The highest time of a window that was written.
    pub(crate) store: i64,
    /// Up to where windows have been closed and handed on.
    pub(crate) emitted: i64,
    /// From when on records wait for a partner, as far as was looked; the highest time there is when
    /// none does.
    pub(crate) waiting: i64,
    /// The number of the last value in a store that numbers them.
    pub(crate) number: i64,
}

impl Default for StoreTimes {
    fn default() -> Self {
        Self { stream: -1, streams: Vec::new(), store: -1, emitted: -1, waiting: -1, number: -1 }
    }
}

impl StoreTimes {
    /// The stream time of one of the operators that share the store.
    pub(crate) fn stream_of(&mut self, input: usize) -> &mut i64 {
        if input == 0 {
            return &mut self.stream;
        }
        if self.streams.len() < input {
            self.streams.resize(input, -1);
        }
        &mut self.streams[input - 1]
    }

    /// Each time that is known, with what distinguishes its name from the store's. Kafka Streams
    /// keeps one of them, and calls it as the store.
    pub(crate) fn named(&mut self) -> impl Iterator<Item = (Cow<'static, str>, &mut i64)> {
        let times = [
            ("", &mut self.emitted),
            ("/stream", &mut self.stream),
            ("/store", &mut self.store),
            ("/waiting", &mut self.waiting),
            ("/number", &mut self.number),
        ];
        let times = times.into_iter().map(|(name, time)| (Cow::Borrowed(name), time));
        let streams = self.streams.iter_mut().zip(1..);
        times.chain(streams.map(|(time, input)| (Cow::Owned(format!("/stream/{input}")), time)))
    }
}
