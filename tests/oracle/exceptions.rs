//! Where millstream differs from Kafka Streams on purpose.

/// In what a case may differ; everything else is compared all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allows<'a> {
    /// More may come out on these topics than was recorded, and stores may hold something else.
    MoreOn(&'a [&'a str]),
    /// These topics are not compared.
    OtherOn(&'a [&'a str]),
    /// What failed there may go on.
    NoFailure,
    /// These headers say something else.
    OtherHeaders(&'a [&'a str]),
    /// Another number of records may be dropped.
    OtherDrops,
}

/// A case that is expected to differ.
pub(crate) struct Exception {
    pub(crate) topology: &'static str,
    /// The cases' ids, or `*` for each case of the topology.
    pub(crate) cases: &'static [&'static str],
    pub(crate) allows: Allows<'static>,
    /// What differs.
    pub(crate) what: &'static str,
    /// Why it does.
    pub(crate) reason: &'static str,
}

impl Exception {
    pub(crate) fn covers(&self, case: &str) -> bool {
        self.cases.iter().any(|covered| ["*", case].contains(covered))
    }
}

/// All of them. A row whose case does not differ any more is an error.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        topology: "emit_final_hopping",
        cases: &[
            "edges+nocache",
            "late_by_other_key+nocache",
            "late_exactly_at_close+nocache",
            "far_jump+nocache",
            "random-1-30+nocache",
            "random-2-30+nocache",
        ],
        ..NEVER_EMITTED
    },
    Exception { topology: "emit_final_session", cases: &["far_jump"], ..NEVER_EMITTED },
    Exception {
        topology: "emit_final_sliding",
        cases: &["late", "close", "early_then_close", "random-1-30", "random-2-30", "random-3-100"],
        ..NEVER_EMITTED
    },
    Exception {
        topology: "emit_final_tumbling",
        cases: &[
            "late_by_other_key+nocache",
            "late_exactly_at_close+nocache",
            "far_jump+nocache",
            "many_at_once+nocache",
            "random-1-30+nocache",
            "random-2-30+nocache",
        ],
        ..NEVER_EMITTED
    },
    Exception {
        topology: "session_in_memory",
        cases: &["late_edge", "late_edge+nocache"],
        ..BY_SEGMENTS
    },
    Exception {
        topology: "stream_stream_outer_in_memory",
        cases: &[
            "window_edges",
            "late_on_arrival",
            "backwards",
            "random-1-30",
            "random-2-30",
            "random-3-100",
        ],
        ..BY_SEGMENTS
    },
    Exception { topology: "bad_value_dead_letter", cases: &["*"], ..OTHER_WORDS },
    Exception { topology: "mapper_throws_dead_letter", cases: &["*"], ..OTHER_WORDS },
    Exception {
        topology: "suppress_session",
        cases: &["update_keeps_place+nocache", "random-1-30+nocache"],
        allows: Allows::OtherOn(&["app-final-store-changelog", "out"]),
        what: "without a cache an update of a session has headers and its old value",
        reason: "Kafka Streams loses both there, and has them with a cache",
    },
    Exception { topology: "suppress_hopping", ..OLD_OF_NEW },
    Exception {
        topology: "suppress_shutdown_when_full",
        cases: &["fits+nocache", "too_many+nocache", "random-1-30+nocache", "random-2-30+nocache"],
        ..OLD_OF_NEW
    },
    Exception { topology: "suppress_sliding", ..OLD_OF_NEW },
    Exception { topology: "suppress_until_window_closes", ..OLD_OF_NEW },
    Exception {
        topology: "versioned_stream_table_left_grace",
        cases: &["nulls"],
        allows: Allows::NoFailure,
        what: "a record without a key is joined with nothing",
        reason: "Kafka Streams does so without a grace, and fails of a null pointer with one",
    },
    Exception {
        topology: "table_self_join",
        cases: &["*"],
        allows: Allows::MoreOn(&["app-joined-changelog", "out"]),
        what: "a delete is forwarded",
        reason: "Kafka Streams loses a delete where both sides of an inner join go at once, and keeps the result for ever",
    },
];

/// What SURPRISES 4 calls bug-like.
const OLD_OF_NEW: Exception = Exception {
    topology: "",
    cases: &[
        "close+nocache",
        "order+nocache",
        "update_keeps_place+nocache",
        "late+nocache",
        "never_closed+nocache",
        "wall_clock+nocache",
        "random-1-30+nocache",
        "random-2-30+nocache",
    ],
    allows: Allows::OtherOn(&["app-final-store-changelog"]),
    what: "without a cache the first update of a window has no old value",
    reason: "Kafka Streams takes what its initializer gives for it there, and nothing with a cache; a subtractor behind it would take away what was never added",
};

/// What SURPRISES 7 calls bug-like.
const NEVER_EMITTED: Exception = Exception {
    topology: "",
    cases: &[],
    allows: Allows::MoreOn(&["out"]),
    what: "windows come out that Kafka Streams never emits",
    reason: "it looks for closed windows only as far back as its store's retention reaches after the write that closes them; a window is a result all the same",
};

const OTHER_WORDS: Exception = Exception {
    topology: "",
    cases: &[],
    allows: Allows::OtherHeaders(&[
        "__streams.errors.exception",
        "__streams.errors.message",
        "__streams.errors.stacktrace",
    ]),
    what: "the words about what went wrong in a dead letter",
    reason: "they are names of Java's classes and its messages",
};

const BY_SEGMENTS: Exception = Exception {
    topology: "",
    cases: &[],
    allows: Allows::OtherDrops,
    what: "how many writes that are too old are counted as dropped",
    reason: "every store goes by segments, as Kafka Streams' RocksDB stores do, and not by the exact time, as its stores in memory do",
};
