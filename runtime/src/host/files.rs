//! Text files and tables of numbers.

pub(super) fn read_text(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

pub(super) fn write_text(path: &str, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))
}

/// The numbers of a file with commas, without its first `skip` lines: numbers of rows and columns, and the numbers.
pub(super) fn read_csv(path: &str, skip: i64) -> Result<([usize; 2], Vec<f64>), String> {
    let (columns, numbers) = read_table(path, skip.max(0) as usize).map_err(|error| format!("{path}: {error}"))?;
    Ok(([numbers.len().checked_div(columns).unwrap_or(0), columns], numbers))
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
