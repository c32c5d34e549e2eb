//! `auto.offset.reset`: where an application begins that has committed nothing.

use millstream::runtime::config::AutoOffsetReset;
use millstream::{AppState, Config, StreamsBuilder};

use crate::rig::{CLOSE, Rig, config, copy, eventually};

fn latest() -> Config {
    config("app").with_auto_offset_reset(AutoOffsetReset::Latest)
}

#[test]
fn latest_leaves_out_what_was_there_before_the_start_and_nothing_else() {
    let rig = Rig::new(1);
    rig.send("in", "a:old");
    rig.run(&copy(), latest()).close(CLOSE).unwrap();
    // Nothing was read, and still it is known where to go on.
    rig.send("in", "b:between");
    let app = rig.run(&copy(), latest());
    rig.send("in", "c:new");
    assert_eq!(rig.rows("out", 2), ["b:between", "c:new"]);
    app.close(CLOSE).unwrap();
}

#[test]
fn topics_of_the_application_are_read_from_the_beginning() {
    let rig = Rig::new(2);
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .group_by(|_, value| value.clone())
        .count("counts")
        .to("out");
    let topology = builder.build().unwrap();
    rig.send("in", "a:old b:old");
    let app = rig.run(&topology, latest());
    rig.send("in", "a:x b:x c:y d:x");
    let counts = rig.counts("out", 4);
    app.close(CLOSE).unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("x".into(), 3), ("y".into(), 1)]);
}

#[test]
fn none_begins_nowhere() {
    let rig = Rig::new(1);
    let none = config("app").with_auto_offset_reset(AutoOffsetReset::None);
    let app = rig.app(&copy(), none.clone());
    app.start().unwrap();
    eventually("the end", || app.state().is_terminal());
    assert_eq!(app.state(), AppState::Error);
    let error = app.close(CLOSE).unwrap_err().to_string();
    assert!(error.contains("`auto.offset.reset` is `none`") && error.contains("in-0"), "{error}");

    rig.send("in", "a:1");
    let app = rig.run(&copy(), config("app"));
    rig.rows("out", 1);
    app.close(CLOSE).unwrap();
    let app = rig.run(&copy(), none);
    rig.send("in", "b:2");
    assert_eq!(rig.rows("out", 2), ["a:1", "b:2"]);
    app.close(CLOSE).unwrap();
}
