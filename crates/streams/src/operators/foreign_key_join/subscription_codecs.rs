use crate::codec::{
    Codec, CodecError, CombinedKey, CombinedKeyCodec, Subscription, SubscriptionCodec, Wire,
    WireCodec, encode_foreign_key,
};

/// How subscriptions are kept: the store has bytes, because it is scanned by a part of its keys.
pub(crate) struct SubscriptionCodecs<F, K> {
    key: CombinedKeyCodec<F, K>,
    value: SubscriptionCodec<K>,
}

impl<F: Wire, K: Wire> SubscriptionCodecs<F, K> {
    pub(crate) fn new() -> Self {
        let (foreign, primary) = (WireCodec::<F>::shared(), WireCodec::<K>::shared());
        let value = SubscriptionCodec::new(primary.clone());
        Self { key: CombinedKeyCodec::new(foreign, primary), value }
    }

    pub(super) fn key(&self, foreign: &F, primary: &K) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        let key = CombinedKey { foreign: foreign.clone(), primary: primary.clone() };
        self.key.encode(&key, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn value(&self, subscription: &Subscription<K>) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        self.value.encode(subscription, &mut bytes)?;
        Ok(bytes)
    }

    /// What the keys of all that subscribed to a foreign key begin with.
    pub(super) fn prefix(foreign: &F) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        encode_foreign_key(foreign, &WireCodec::new(), &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn read(&self, value: &[u8]) -> Result<Subscription<K>, CodecError> {
        self.value.decode(value)
    }
}
