use crate::Failure;

/// What the driver asks for.
#[derive(Debug, Default)]
pub struct Arguments {
    pub workload: String,
    pub bootstrap: String,
    pub prefix: String,
    pub app_id: String,
    pub out: String,
    pub state_dir: String,
    pub records: u64,
    pub warm: Option<u64>,
    pub threads: usize,
    pub eos: bool,
    pub memory: bool,
    pub rocksdb: bool,
    pub cache: Option<u64>,
    pub input: Option<String>,
    pub depth: usize,
    pub commit_ms: Option<String>,
    pub linger_ms: Option<String>,
    pub quiet_ms: u64,
    pub group_protocol: Option<String>,
    pub reset: Option<String>,
    pub tuned: bool,
    pub spawned_at: Option<i64>,
    pub limit_s: u64,
    pub conf: Vec<(String, String)>,
    pub serve: bool,
    pub ticks: bool,
    pub tick_ms: u64,
}

impl Arguments {
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut parsed = Self {
            prefix: "b".to_owned(),
            threads: 1,
            depth: 32,
            quiet_ms: 300,
            limit_s: 600,
            tick_ms: 1000,
            ..Self::default()
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                if !parsed.workload.is_empty() {
                    return Err(format!("one workload at a time, not also {word}").into());
                }
                parsed.workload = word;
                continue;
            };
            let flag = match name {
                "eos" => Some(&mut parsed.eos),
                "memory" => Some(&mut parsed.memory),
                "rocksdb" => Some(&mut parsed.rocksdb),
                "tuned" => Some(&mut parsed.tuned),
                "serve" => Some(&mut parsed.serve),
                _ => None,
            };
            if let Some(flag) = flag {
                *flag = true;
                continue;
            }
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            parsed.set(name, value)?;
        }
        for (name, value) in [
            ("WORKLOAD", &parsed.workload),
            ("--bootstrap", &parsed.bootstrap),
            ("--app-id", &parsed.app_id),
            ("--out", &parsed.out),
            ("--state-dir", &parsed.state_dir),
        ] {
            if value.is_empty() {
                return Err(format!("missing {name}").into());
            }
        }
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Failure> {
        let number = || -> Result<u64, Failure> {
            let parsed = value.replace('_', "").parse();
            parsed.map_err(|_| format!("--{name} is a number, not {value}").into())
        };
        match name {
            "bootstrap" => self.bootstrap = value,
            "topic-prefix" => self.prefix = value,
            "app-id" => self.app_id = value,
            "out" => self.out = value,
            "state-dir" => self.state_dir = value,
            "records" => self.records = number()?,
            "warm" => self.warm = Some(number()?),
            "threads" => self.threads = number()?.max(1) as usize,
            "cache" => self.cache = Some(number()?),
            "input" => self.input = Some(value),
            "depth" => self.depth = number()? as usize,
            "commit-ms" => self.commit_ms = Some(value),
            "linger-ms" => self.linger_ms = Some(value),
            "quiet-ms" => self.quiet_ms = number()?,
            "group-protocol" => self.group_protocol = Some(value),
            "reset" => self.reset = Some(value),
            "standby" if number()? == 0 => {}
            "standby" => return Err("--standby: there are no standby tasks yet".into()),
            "spawned-at" => self.spawned_at = Some(number()? as i64),
            "limit-s" => self.limit_s = number()?,
            "ticks" => self.ticks = number()? != 0,
            "tick-ms" => self.tick_ms = number()?,
            "conf" => match value.split_once('=') {
                Some((key, value)) => self.conf.push((key.to_owned(), value.to_owned())),
                None => return Err(format!("--conf is key=value, not {value}").into()),
            },
            _ => return Err(format!("unknown argument --{name}").into()),
        }
        Ok(())
    }

    pub fn is_restore(&self) -> bool {
        self.workload == "w10-restore"
    }

    /// Words to be read back from the repartition topic: ten a line.
    pub fn mid_wanted(&self) -> u64 {
        if self.workload == "w2-wordcount" { 10 * self.records } else { 0 }
    }

    pub fn warm(&self) -> u64 {
        self.warm.unwrap_or(self.records / 2)
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// The input topic, `otherwise` if none is named.
    pub fn input(&self, otherwise: &str) -> String {
        self.topic(self.input.as_deref().unwrap_or(otherwise))
    }

    pub fn cache_bytes(&self) -> u64 {
        self.cache.unwrap_or(10 << 20)
    }
}
