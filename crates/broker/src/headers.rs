use std::sync::Arc;

/// One header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name; the same name may occur several times in one record.
    pub key: Arc<str>,
    /// Raw bytes; `None` is Kafka's null value.
    pub value: Option<Arc<[u8]>>,
}

/// The headers of a record, in order. Cheap to clone; a record without headers allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|headers| headers.is_empty())
    }

    /// The headers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter().flat_map(|headers| headers.iter())
    }

    /// The value of the last header called `key`, if there is one (Kafka's `lastHeader`).
    #[doc(alias = "lastHeader")]
    pub fn last(&self, key: &str) -> Option<&Header> {
        self.0.as_ref()?.iter().rev().find(|header| &*header.key == key)
    }

    /// Adds a header at the end.
    #[doc(alias = "add")]
    pub fn push(&mut self, key: impl Into<Arc<str>>, value: Option<&[u8]>) {
        let header = Header { key: key.into(), value: value.map(Into::into) };
        Arc::make_mut(self.0.get_or_insert_default()).push(header);
    }

    /// Removes every header called `key`.
    pub fn remove(&mut self, key: &str) {
        if let Some(headers) = &mut self.0 {
            Arc::make_mut(headers).retain(|header| &*header.key != key);
        }
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let headers: Vec<Header> = headers.into_iter().collect();
        if headers.is_empty() { Self(None) } else { Self(Some(Arc::new(headers))) }
    }
}
