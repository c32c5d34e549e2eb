//! Cuts bytes into lines.

/// A line that is longer is cut between two words, so that no input needs much memory. A word that
/// is longer still is cut too.
const LONGEST: usize = 64 * 1024;

/// Length of the first line of `bytes`, its newline included; `None` when its end is still to come.
pub(crate) fn first_line(bytes: &[u8]) -> Option<usize> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    match window.iter().position(|byte| *byte == b'\n') {
        Some(newline) => Some(newline + 1),
        None if window.len() == LONGEST => Some(after_last_separator(window)),
        None => None,
    }
}

/// The line as text.
pub(crate) fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.trim_ascii_end()).into_owned()
}

/// Where the last character ends that belongs to no word; the end of the last whole character when
/// all is one word.
fn after_last_separator(bytes: &[u8]) -> usize {
    let (mut at, mut cut, mut whole) = (0, 0, 0);
    for chunk in bytes.utf8_chunks() {
        let mut chars = chunk.valid().char_indices();
        if let Some((found, char)) = chars.rfind(|(_, char)| !char.is_alphanumeric()) {
            cut = at + found + char.len_utf8();
        }
        at += chunk.valid().len();
        whole = at;
        at += chunk.invalid().len();
        // At the very end it may be the beginning of a character.
        if !chunk.invalid().is_empty() && at < bytes.len() {
            cut = at;
        }
    }
    if cut > 0 { cut } else { whole.max(1) }
}
