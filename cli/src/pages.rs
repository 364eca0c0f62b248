//! The pages of `docs/errors/`, inside the program. A test compares the list with the folder.

/// Names each page once.
macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        /// Codes and their pages, in order.
        pub const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!("../../docs/errors/", $code, ".md")))),*];
    };
}

pages![
    "E0001", "E0002", "E0003", "E0004", "E0005", "E0006", "E0007", "E0008", "E0009", "E0010", "E0011", "E0012",
    "E0013", "E0014", "E0015", "E0016", "E0100", "E0101", "E0102", "E0103", "E0104", "E0105", "E0106", "E0107",
    "E0108", "E0109", "E0110", "E0111", "E0112", "E0113", "E0114", "E0115", "E0116", "E0117", "E0118", "E0119",
    "E0120", "E0121", "E0122", "E0123", "E0124", "E0125", "E0126", "E0127", "E0128", "E0129", "E0130", "E0131",
    "E0132", "E0133", "E0134", "E0135", "E0136", "E0137", "E0138", "E0139", "E0140", "E0141", "E0142", "E0143",
    "E0700", "E0701", "E0710", "E0711", "E0713",
];

#[cfg(test)]
mod tests {
    use super::PAGES;

    #[test]
    fn every_page_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors");
        let entries = std::fs::read_dir(folder).expect("docs/errors").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut codes: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".md")?.to_string())).collect();
        codes.sort();
        assert_eq!(PAGES.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes);
    }
}
