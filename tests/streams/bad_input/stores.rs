//! Processors and stores that do not know each other.

use millstream::testing::TopologyTestDriver;
use millstream::{BoxError, Processor, ProcessorContext, Record, StoreHandle, StreamsBuilder};

use super::assert_says;

struct Keep(StoreHandle<String, String>);

impl Processor<String, String> for Keep {
    type KeyOut = String;
    type ValueOut = String;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        ctx.store(&self.0)?.put(&record.key, record.value.clone())?;
        ctx.forward(record)
    }
}

#[test]
fn a_store_that_is_used_and_not_connected() {
    let builder = StreamsBuilder::new();
    let store = builder.add_store("kept");
    let connected = store.clone();
    let left = builder.stream::<String, String>("left");
    left.process_with(&store, move || Keep(connected.clone())).to("out");
    let right = builder.stream::<String, String>("right");
    right.process(move || Keep(store.clone())).named("keeper").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input::<String, String>("left").send("a", "1").unwrap();
    let error = driver.input::<String, String>("right").send("a", "1").unwrap_err();
    assert_says(error, &["'keeper'", "store 'kept'", "not connected", "process_with", "right-0@0"]);
}

/// Being in the same task is not enough: who uses a store says so.
#[test]
fn a_store_that_another_node_of_the_task_is_connected_to() {
    let builder = StreamsBuilder::new();
    let store = builder.add_store("kept");
    let (connected, other) = (store.clone(), store.clone());
    let stream = builder.stream::<String, String>("in");
    stream.process_with(&store, move || Keep(connected.clone())).to("out");
    stream.process(move || Keep(other.clone())).named("keeper").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    let error = driver.input::<String, String>("in").send("a", "1").unwrap_err();
    assert_says(error, &["'keeper'", "store 'kept'", "not connected", "process_with"]);
}

#[test]
fn a_child_that_does_not_exist() {
    struct Route;
    impl Processor<String, String> for Route {
        type KeyOut = String;
        type ValueOut = String;
        fn process(
            &mut self,
            record: Record<String, String>,
            ctx: &mut ProcessorContext<'_, '_, String, String>,
        ) -> Result<(), BoxError> {
            ctx.forward_to("nobody", record)
        }
    }
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(|| Route).named("router").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    let error = driver.input::<String, String>("in").send("a", "1").unwrap_err();
    assert_says(error, &["'router'", "no child called 'nobody'"]);
}
