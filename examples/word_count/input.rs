//! Files and standard input, each read by a thread of its own, as a read may wait for ever.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

const BLOCK_BYTES: usize = 128 * 1024;
/// How many blocks may wait.
const BLOCKS: usize = 4;

/// Something to be read.
pub(crate) struct Input {
    /// What it was called.
    pub(crate) name: String,
    /// The file, when it is one that keeps what was read.
    pub(crate) file: Option<RegularFile>,
    source: Source,
}

/// What positions go by.
pub(crate) struct RegularFile {
    /// Bytes of its canonical path.
    pub(crate) path: Vec<u8>,
    pub(crate) len: u64,
}

enum Source {
    File(File),
    Stdin,
}

/// A piece of the input that is being read.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// There is no more.
    End,
}

/// Opens all of `paths`, or standard input when there are none.
pub(crate) fn open(paths: &[PathBuf]) -> Result<Vec<Input>, String> {
    if paths.is_empty() {
        return Ok(vec![Input::stdin()]);
    }
    paths.iter().map(|path| Input::open(path)).collect()
}

impl Input {
    fn stdin() -> Self {
        Self { name: "-".to_owned(), file: None, source: Source::Stdin }
    }

    fn open(path: &Path) -> Result<Self, String> {
        if path == Path::new("-") {
            return Ok(Self::stdin());
        }
        let open = || -> io::Result<_> {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let regular = metadata.is_file().then(|| -> io::Result<_> {
                let path = path.canonicalize()?.into_os_string().into_encoded_bytes();
                let len = metadata.len();
                Ok(RegularFile { path, len })
            });
            Ok((file, regular.transpose()?))
        };
        let (file, regular) = open().map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { name: path.display().to_string(), file: regular, source: Source::File(file) })
    }

    /// Reads everything from `position` on.
    pub(crate) fn read_from(self, position: u64) -> Receiver<io::Result<Piece>> {
        let (sender, pieces) = sync_channel(BLOCKS);
        thread::spawn(move || {
            // An error of the channel: nobody wants any more.
            let _unwanted = self.send_all(position, &sender);
        });
        pieces
    }

    fn send_all(self, position: u64, pieces: &SyncSender<io::Result<Piece>>) -> Result<(), ()> {
        let send = |piece| pieces.send(piece).map_err(|_| ());
        let mut reader: Box<dyn Read> = match self.source {
            Source::Stdin => Box::new(io::stdin()),
            Source::File(mut file) => {
                if position > 0
                    && let Err(error) = file.seek(SeekFrom::Start(position))
                {
                    return send(Err(error));
                }
                Box::new(file)
            }
        };
        loop {
            let mut block = vec![0; BLOCK_BYTES];
            match reader.read(&mut block) {
                Ok(0) => return send(Ok(Piece::End)),
                Ok(len) => {
                    block.truncate(len);
                    send(Ok(Piece::Bytes(block)))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return send(Err(error)),
            }
        }
    }
}
