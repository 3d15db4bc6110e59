//! Text that grows event by event.

/// Sets what is not set yet.
pub(super) fn set(field: &mut Option<String>, sent: Option<&str>) {
    if field.is_none() {
        *field = sent.map(str::to_owned);
    }
}

/// Appends as much as there is room for; after a cut nothing more, so that no text has a hole.
pub(super) fn keep(kept: &mut String, text: &str, room: &mut usize) {
    if text.len() <= *room {
        kept.push_str(text);
        *room -= text.len();
        return;
    }
    let end = (0..=*room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    kept.push_str(text.get(..end).unwrap_or_default());
    *room = 0;
}
