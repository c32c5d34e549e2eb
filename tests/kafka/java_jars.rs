//! The Java side: Kafka Streams and our few classes on it.

use std::path::PathBuf;

use crate::installation::{MavenProject, class_path};
use crate::jvm;

macro_rules! java {
    ($class:literal) => {
        (
            concat!("src/main/java/millstream/", $class, ".java"),
            include_str!(concat!("java/src/main/java/millstream/", $class, ".java")),
        )
    };
}

const PROJECT: MavenProject<'_> = MavenProject {
    name: "java",
    files: &[
        java!("ProgramFunctions"),
        java!("ProgramProcessors"),
        java!("ProgramStores"),
        java!("ProgramTopology"),
        java!("Programs"),
        ("pom.xml", include_str!("java/pom.xml")),
        java!("WordCount"),
        java!("Topics"),
    ],
    goals: &["compile", "dependency:copy-dependencies", "-DoutputDirectory=JARS"],
};

/// The arguments of `java` for one of our classes. The first time on a machine Maven fetches the
/// jars and compiles, which needs a JDK.
pub(crate) fn arguments(class: &str, heap_mb: u32) -> Result<Vec<String>, String> {
    jvm::java()?;
    let folder: PathBuf = PROJECT.install(|_| Ok(()))?;
    let classes = folder.join("target/classes");
    Ok(vec![
        format!("-Xmx{heap_mb}m"),
        "-XX:+UseSerialGC".to_owned(),
        "-XX:TieredStopAtLevel=1".to_owned(),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned(),
        "-cp".to_owned(),
        format!("{}:{}", classes.display(), class_path(&folder)),
        format!("millstream.{class}"),
    ])
}
