use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use millstream_kafka_server::{KafkaOptions, KafkaServer};

use crate::wire::Connection;

fn is_alive(process: u32) -> bool {
    Path::new(&format!("/proc/{process}/cmdline"))
        .exists()
        .then(|| std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default())
        .is_some_and(|line| !line.is_empty())
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_answers() {
    let mut connection = Connection::open(&KafkaServer::shared().bootstrap(), "tests");
    assert_eq!(connection.api_versions(), 0);
    let again = KafkaServer::shared();
    assert_eq!(again.process_id(), KafkaServer::shared().process_id());
}

#[test]
fn data_outlive_a_stop_and_a_kill() {
    let mut server = KafkaServer::start(KafkaOptions::default());
    let bootstrap = server.bootstrap();
    assert_eq!(Connection::open(&bootstrap, "tests").create_topic("first"), 0);
    server.kill();
    server.restart();
    assert_eq!(Connection::open(&bootstrap, "tests").create_topic("second"), 0);
    server.stop();
    assert_eq!(server.process_id(), None);
    server.restart();
    let (_, topics) = Connection::open(&bootstrap, "tests").metadata();
    assert_eq!(topics, ["first", "second"]);
}

#[test]
fn kept_data_serve_the_next_broker() {
    let folder = std::env::temp_dir().join(format!("kept-kafka-data-{}", std::process::id()));
    let options = KafkaOptions::default().data(&folder).property("num.partitions", 3);
    let first = KafkaServer::start(options.clone());
    assert_eq!(Connection::open(&first.bootstrap(), "tests").create_topic("kept"), 0);
    drop(first);
    let second = KafkaServer::start(options);
    let (_, topics) = Connection::open(&second.bootstrap(), "tests").metadata();
    assert_eq!(topics, ["kept"]);
    drop(second);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_dropped_server_is_gone() {
    let server = KafkaServer::start(KafkaOptions::default());
    let (process, bootstrap) = (server.process_id().unwrap(), server.bootstrap());
    drop(server);
    assert!(!is_alive(process));
    assert!(std::net::TcpStream::connect(bootstrap).is_err());
}

#[test]
fn the_broker_of_a_killed_process_dies_too() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_millstream-kafka-server"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let bootstrap = line.strip_prefix("bootstrap: ").unwrap().trim().to_owned();
    assert_eq!(Connection::open(&bootstrap, "tests").api_versions(), 0);
    let folder = format!("/dev/shm/millstream-kafka-{}-0", owner.id());
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the broker is still there", || std::net::TcpStream::connect(&bootstrap).is_err());
    wait_until("its data are still there", || !Path::new(&folder).exists());
}

#[test]
fn a_missing_program_is_named() {
    let run = |path: &str, jars: &str| {
        let program = env!("CARGO_BIN_EXE_millstream-kafka-server");
        let mut command = Command::new(program);
        command.env_remove("JAVA_HOME").env("PATH", path).env("MILLSTREAM_KAFKA_JARS", jars);
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let empty = std::env::temp_dir().join(format!("no-kafka-jars-{}", std::process::id()));
    let empty = empty.display().to_string();
    let message = run("/nonexistent", &empty);
    assert!(message.contains("there is no java") && message.contains("apt-get"), "{message}");
    std::fs::create_dir_all(format!("{empty}/bin")).unwrap();
    std::fs::write(format!("{empty}/bin/java"), "").unwrap();
    let message = run(&format!("{empty}/bin"), &empty);
    assert!(message.contains("mvn cannot be started"), "{message}");
    std::fs::remove_dir_all(empty).unwrap();
}
