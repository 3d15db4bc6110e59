//! Server-Sent Events.
/// stub
#[derive(Debug, Default)]
pub struct SseParser {}
/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its name (`event:`), if it has one that is UTF-8.
    pub name: Option<&'a str>,
    /// Its data, the lines of several joined by `\n`.
    pub data: &'a [u8],
}
impl SseParser {
    /// stub
    pub fn new() -> Self {
        Self::default()
    }
    /// stub
    pub fn feed(&mut self, _bytes: &[u8], _on_event: &mut impl FnMut(SseEvent<'_>)) {}
    /// stub
    pub fn finish(&mut self, _on_event: &mut impl FnMut(SseEvent<'_>)) {}
}
