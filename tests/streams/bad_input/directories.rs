//! Directories that the embedded broker cannot have.

use millstream::broker::NewTopic;
use millstream::broker::embedded::EmbeddedBroker;

use super::assert_says;

#[test]
fn locked() {
    let directory = tempfile::tempdir().unwrap();
    let first = EmbeddedBroker::builder().directory(directory.path()).open().unwrap();
    let name = directory.path().display().to_string();
    let second = EmbeddedBroker::builder().directory(directory.path()).open();
    assert_says(
        second.unwrap_err(),
        &["directory", &name, "another process uses it", "a directory of its own"],
    );
    first.close().unwrap();
    EmbeddedBroker::builder().directory(directory.path()).open().unwrap();
}

#[test]
fn below_a_regular_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"not a directory").unwrap();
    for path in [file.clone(), file.join("below")] {
        let opened = EmbeddedBroker::builder().directory(&path).open();
        assert_says(opened.unwrap_err(), &["directory", &path.display().to_string()]);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"not a directory");
}

#[test]
fn of_another_application() {
    let directory = tempfile::tempdir().unwrap();
    let open =
        |name: &str| EmbeddedBroker::builder().directory(directory.path()).application(name).open();
    let orders = open("orders").unwrap();
    orders.create_topic(NewTopic::new("t", 1)).unwrap();
    orders.close().unwrap();
    assert_says(open("invoices").unwrap_err(), &["orders", "invoices", "directory"]);
    open("orders").unwrap();
}
