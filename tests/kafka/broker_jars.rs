//! The broker's jars, and what makes it start fast.

use std::fs;
use std::path::{Path, PathBuf};

use crate::installation::{MavenProject, class_path};
use crate::jvm;
use crate::options::KafkaVersion;

/// A broker that can be started.
#[derive(Clone, Debug)]
pub(crate) struct BrokerJars {
    folder: PathBuf,
}

/// The same for all: whoever meets two brokers in one test tells them apart by their ports.
const CLUSTER: &str = "bWlsbHN0cmVhbS10ZXN0cw";

impl BrokerJars {
    pub(crate) fn install(version: KafkaVersion) -> Result<Self, String> {
        jvm::java()?;
        let (name, pom) = match version {
            KafkaVersion::Current => ("broker", include_str!("broker/pom.xml")),
            KafkaVersion::Old => ("old-broker", include_str!("broker/old.xml")),
        };
        let project = MavenProject {
            name,
            files: &[("pom.xml", pom)],
            goals: &["dependency:copy-dependencies", "-DoutputDirectory=JARS"],
        };
        Ok(Self { folder: project.install(format)? })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn class_path(&self) -> String {
        class_path(&self.folder)
    }

    /// A data folder as it is before the first start.
    pub(crate) fn formatted(&self) -> PathBuf {
        self.folder.join("formatted")
    }

    /// Classes in the form in which the JVM uses them: they make a start twice as fast.
    pub(crate) fn class_archive(&self) -> PathBuf {
        self.folder.join("classes.jsa")
    }
}

/// Makes the formatted folder, which is a second's work for a JVM.
fn format(folder: &Path) -> Result<(), String> {
    let properties = folder.join("format.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:9093\nlisteners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\ncontroller.listener.names=CONTROLLER\nlog.dirs={}\n",
        folder.join("formatted").display()
    );
    fs::write(&properties, text).map_err(|error| error.to_string())?;
    let properties = properties.display().to_string();
    let class_path = class_path(folder);
    let args = ["-cp", &class_path, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"];
    let args: Vec<_> = args.into_iter().chain([properties.as_str()]).map(str::to_owned).collect();
    jvm::run(&args).map(|_| ())
}
