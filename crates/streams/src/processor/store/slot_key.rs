use std::ops::Deref;

/// A key of no more bytes than this lies in its slot: a number in a window does.
const INSIDE: usize = 30;

/// The bytes of a cached key, in the slot itself if they are few: a look-up then touches one place
/// less in memory, and that is most of what it costs.
#[derive(Clone, Debug)]
pub(super) enum SlotKey {
    Inside { len: u8, bytes: [u8; INSIDE] },
    Outside(Box<[u8]>),
}

impl SlotKey {
    /// Bytes it takes outside of its slot.
    pub(super) fn outside(&self) -> usize {
        match self {
            Self::Inside { .. } => 0,
            Self::Outside(key) => key.len(),
        }
    }
}

impl From<&[u8]> for SlotKey {
    fn from(key: &[u8]) -> Self {
        if key.len() > INSIDE {
            return Self::Outside(key.into());
        }
        let mut bytes = [0; INSIDE];
        bytes[..key.len()].copy_from_slice(key);
        Self::Inside { len: key.len() as u8, bytes }
    }
}

impl Default for SlotKey {
    fn default() -> Self {
        Self::Inside { len: 0, bytes: [0; INSIDE] }
    }
}

impl Deref for SlotKey {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Inside { len, bytes } => &bytes[..usize::from(*len)],
            Self::Outside(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_length_are_kept() {
        for len in [0, 1, INSIDE, INSIDE + 1, 100] {
            let key: Vec<u8> = (0..len as u8).collect();
            let kept = SlotKey::from(key.as_slice());
            assert_eq!((&*kept, kept.outside()), (&*key, if len > INSIDE { len } else { 0 }));
        }
        assert_eq!(size_of::<SlotKey>(), 32);
    }
}
