//! Text files and tables of numbers.

use super::Call;
use crate::types::MATRIX;

impl Call<'_> {
    pub(super) fn read_text(&mut self) -> Option<()> {
        let path = self.text(0);
        match std::fs::read_to_string(path) {
            Ok(text) => {
                self.give(1)?;
                self.give_text(&text)
            }
            Err(error) => self.give_outcome(&Err(format!("{path}: {error}"))),
        }
    }

    pub(super) fn write_text(&mut self) -> Option<()> {
        let path = self.text(0);
        let outcome = std::fs::write(path, self.text(1)).map_err(|error| format!("{path}: {error}"));
        self.give_outcome(&outcome)
    }

    pub(super) fn read_csv(&mut self) -> Option<()> {
        let (path, skip) = (self.text(0), self.args[1] as i64);
        let table = read_table(path, skip.max(0) as usize);
        self.give_outcome(&table.as_ref().map(|_| ()).map_err(|e| format!("{path}: {e}")))?;
        let (columns, numbers) = table.unwrap_or_default();
        let rows = numbers.len().checked_div(columns).unwrap_or(0);
        self.give_array(MATRIX, &[rows as i64, columns as i64], &numbers)
    }
}

/// The numbers of a file with commas, and how many stand in a line. All lines must have equally many.
fn read_table(path: &str, skip: usize) -> Result<(usize, Vec<f64>), String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(plain)?;
    let (mut columns, mut numbers) = (0, Vec::new());
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(plain)?;
        if i < skip {
            continue;
        }
        let line = record.position().map_or(i as u64 + 1, |p| p.line());
        if numbers.is_empty() {
            columns = record.len();
        } else if record.len() != columns {
            return Err(format!("line {line} has {} numbers, others have {columns}", record.len()));
        }
        for field in &record {
            numbers.push(field.parse().map_err(|_| format!("line {line}: `{field}` is not a number"))?);
        }
    }
    Ok((columns, numbers))
}

/// The cause without the library's frame around it.
fn plain(error: csv::Error) -> String {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.to_string(),
        other => format!("{other:?}"),
    }
}
