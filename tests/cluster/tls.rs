//! A cluster that is reached by TLS only, by clients that check who it is and say who they are.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use millstream::Config;
use millstream_kafka_server::{JavaTopics, KafkaOptions, KafkaServer};
use tempfile::TempDir;

use crate::errors::refused;
use crate::log;
use crate::numbers::{Feeder, Results, application, broker, create_topics};

const PASSWORD: &str = "0nly-4-ann";
const STORE_PASSWORD: &str = "0nly-4-the-broker";

fn keytool(folder: &Path, arguments: &[&str]) {
    let ran = Command::new("keytool")
        .args(arguments)
        .args(["-storetype", "PKCS12", "-storepass", STORE_PASSWORD, "-alias", "broker"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

/// A key and a certificate that vouches for itself, as `NAME.p12` and `NAME.pem`.
fn make_certificate(folder: &Path, name: &str) {
    let (store, file) = (format!("{name}.p12"), format!("{name}.pem"));
    let subject = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1", "-ext", "bc=ca:true"];
    let key = ["-genkeypair", "-keyalg", "EC", "-validity", "2", "-keystore", &store];
    keytool(folder, &[&key[..], &subject].concat());
    keytool(folder, &["-exportcert", "-rfc", "-file", &file, "-keystore", &store]);
}

fn settings(server: &KafkaServer, name: &str, authority: &Path) -> Config {
    let pairs = [
        ("application.id", name),
        ("bootstrap.servers", &server.secured_bootstrap()),
        ("security.protocol", "SASL_SSL"),
        ("ssl.ca.location", authority.to_str().unwrap()),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "ann"),
        ("sasl.password", PASSWORD),
    ];
    Config::from_pairs(pairs).unwrap()
}

#[test]
fn every_client_speaks_tls_and_knows_its_broker() {
    log::listen();
    let folder = TempDir::new().unwrap();
    make_certificate(folder.path(), "broker");
    make_certificate(folder.path(), "stranger");
    let store = folder.path().join("broker.p12");
    let protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL";
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let options = KafkaOptions::default()
        .user("ann", PASSWORD)
        .property("listener.security.protocol.map", protocols)
        .property("listener.name.secured.ssl.keystore.location", store.display())
        .property("listener.name.secured.ssl.keystore.type", "PKCS12")
        .property("listener.name.secured.ssl.keystore.password", STORE_PASSWORD)
        .property("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
        .property("listener.name.secured.scram-sha-256.sasl.jaas.config", scram)
        .property("listener.name.secured.scram-sha-512.sasl.jaas.config", scram)
        .property("super.users", "User:ANONYMOUS;User:ann");
    let server = KafkaServer::start(options);
    let direct = broker(&server.bootstrap());
    create_topics(&*direct, "tls");

    JavaTopics::new(server.bootstrap()).let_in_by_scram("ann", PASSWORD);
    let mut feeder = Feeder::new(&*direct, "tls");
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let config = settings(&server, "tls", &folder.path().join("broker.pem"));
        let app = application(config.set("sasl.mechanism", mechanism).unwrap()).unwrap();
        app.start().unwrap();
        feeder.feed(100);
        Results::of(&*direct, "tls").check(feeder.fed);
        app.close(Duration::from_secs(10)).unwrap();
    }
    log::check_own_requests("tls-");

    let error = refused(settings(&server, "tls", &folder.path().join("stranger.pem")));
    println!("by the certificate of a stranger: {error}");
    assert!(error.contains("certificate"), "{error}");
    assert!(error.contains(&server.secured_bootstrap()), "{error}");

    let in_clear = settings(&server, "tls", &folder.path().join("broker.pem"))
        .set("security.protocol", "SASL_PLAINTEXT")
        .unwrap();
    let error = refused(in_clear);
    println!("without TLS: {error}");
    assert!(error.contains(&server.secured_bootstrap()), "{error}");
    assert!(!error.contains(PASSWORD), "{error}");
}
