//! What holds when somebody does not hand an error up, reads what cannot be read, or asks for what
//! cannot be kept.

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{NewTopic, ProducerOptions};
use millstream::testing::TopologyTestDriver;
use millstream::{
    BoxError, Processor, ProcessorContext, Record, StreamsBuilder, Topic, TopicConsumer,
    TopicProducer,
};

/// Forwards, and does not care how it went.
struct Careless;

impl Processor<String, String> for Careless {
    type KeyOut = String;
    type ValueOut = String;

    fn process(
        &mut self,
        record: Record<String, String>,
        ctx: &mut ProcessorContext<'_, '_, String, String>,
    ) -> Result<(), BoxError> {
        let _ignored = ctx.forward(record);
        Ok(())
    }
}

#[test]
fn an_error_below_a_processor_that_swallows_it_still_stops_the_task() {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in").process(|| Careless).named("careless");
    stream.try_map_values(|value| Ok(value.parse::<i64>()?)).named("parse").to("out");
    let mut driver = TopologyTestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input::<String, String>("in").send("a", "1").unwrap();
    let error = driver.input::<String, String>("in").send("a", "one").unwrap_err().to_string();
    for part in ["'careless' went on after a forward", "'parse'", "in-0@1", "invalid digit"] {
        assert!(error.contains(part), "'{part}' is not in: {error}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_once_and_costs_no_other() {
    let broker = EmbeddedBroker::in_memory();
    broker.create_topic(NewTopic::new("mixed", 1)).unwrap();
    let mut producer = TopicProducer::new(&broker, ProducerOptions::idempotent("test")).unwrap();
    let raw: Topic<String, Vec<u8>> = "mixed".into();
    for bytes in [vec![0; 8], vec![1; 3], vec![0; 8]] {
        producer.send(&raw, Record::new("k".to_owned(), bytes, 0)).unwrap();
    }
    producer.flush().unwrap();
    let mut consumer: TopicConsumer<String, i64> = TopicConsumer::new(&broker, "mixed").unwrap();
    assert_eq!(consumer.poll().unwrap().len(), 1);
    let error = consumer.poll().unwrap_err().to_string();
    assert!(error.contains("mixed-0@1 cannot be read: expected 8 bytes, got 3"), "{error}");
    assert_eq!(consumer.poll().unwrap()[0].offset, 2);
    assert!(consumer.is_at_end().unwrap());
}

#[test]
fn a_table_is_not_partitioned_by_values_that_deletes_do_not_have() {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("in", "all");
    table.to(Topic::new("out").partitioned_by(|_, value: &String, _| value.len() as u32));
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("the topic 'out' cannot be `partitioned_by` values"), "{error}");
}

#[test]
fn records_without_keys_come_to_every_partition() {
    let broker = EmbeddedBroker::in_memory();
    broker.create_topic(NewTopic::new("keyless", 3)).unwrap();
    let mut producer = TopicProducer::new(&broker, ProducerOptions::idempotent("test")).unwrap();
    let topic: Topic<Option<String>, String> = "keyless".into();
    for _ in 0..3 {
        producer.send(&topic, Record::new(None, "x".to_owned(), 0)).unwrap();
        producer.flush().unwrap();
    }
    let mut consumer = TopicConsumer::new(&broker, &topic).unwrap();
    let mut partitions: Vec<u32> =
        consumer.poll().unwrap().iter().map(|consumed| consumed.partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2]);
}
