//! Services on texts: parts of them, and numbers in them.

use super::Call;

impl Call<'_> {
    pub(super) fn str_slice(&mut self) -> Option<()> {
        let text = self.text(0);
        let cut = |at: u64| (at as i64).clamp(0, text.len() as i64) as usize;
        let (mut from, mut to) = (cut(self.args[1]), cut(self.args[2]));
        while !text.is_char_boundary(from) {
            from += 1;
        }
        while !text.is_char_boundary(to) {
            to -= 1;
        }
        self.give_text(if from < to { &text[from..to] } else { "" })
    }

    pub(super) fn parse_f64(&mut self) -> Option<()> {
        let number = self.text(0).trim().parse::<f64>();
        self.give(number.is_ok() as u64)?;
        self.give(number.unwrap_or(0.0).to_bits())
    }

    pub(super) fn parse_i64(&mut self) -> Option<()> {
        let number = self.text(0).trim().parse::<i64>();
        self.give(number.is_ok() as u64)?;
        self.give(number.unwrap_or(0) as u64)
    }

    /// An empty separator separates nothing.
    pub(super) fn str_split(&mut self) -> Option<()> {
        let (text, separator) = (self.text(0), self.text(1));
        let pieces: Vec<&str> = if separator.is_empty() { vec![text] } else { text.split(separator).collect() };
        self.give_texts(&pieces)
    }
}
