//! Texts to count, and the plain way of counting them.

use std::cmp::Reverse;
use std::collections::HashMap;

/// What `word_count --top 0` has to print.
pub(crate) fn counted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut counts: HashMap<String, u64> = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by_key(|(word, count)| (Reverse(*count), word.clone()));
    sorted.into_iter().map(|(word, count)| format!("{count}\t{word}\n")).collect()
}

/// A sequence of numbers that look random (xorshift).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next one, below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// About `bytes` bytes of lines. Frequent words and rare ones, characters of one to four bytes,
    /// capitals, and bytes that are no UTF-8.
    pub(crate) fn text(&mut self, bytes: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < bytes {
            let rarity = self.below(12);
            let word = self.below(1 << rarity);
            match self.below(40) {
                0 => text.extend_from_slice("Überraschung-ΟΔΟΣ, İstanbul ǅ 𝔘nicode".as_bytes()),
                1 => text.extend_from_slice(b"half\xffword \xf0\x9d"),
                2 => text.extend_from_slice("漢字。かな".as_bytes()),
                3 => text.extend_from_slice(format!("W{word}").as_bytes()),
                _ => text.extend_from_slice(format!("w{word}").as_bytes()),
            }
            text.extend_from_slice(match self.below(10) {
                0 => b"\n".as_slice(),
                1 => b"\r\n\n",
                2 => b", ",
                _ => b" ",
            });
        }
        text.push(b'\n');
        text
    }
}
