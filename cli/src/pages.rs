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
    "E0144", "E0200", "E0201", "E0202", "E0203", "E0204", "E0205", "E0206", "E0207", "E0208", "E0209", "E0210",
    "E0211", "E0212", "E0213", "E0300", "E0301", "E0302", "E0303", "E0304", "E0305", "E0306", "E0307", "E0308",
    "E0309", "E0310", "E0311", "E0312", "E0313", "E0314", "E0315", "E0316", "E0317", "E0318", "E0319", "E0320",
    "E0321", "E0322", "E0323", "E0325", "E0326", "E0400", "E0401", "E0402", "E0403", "E0404", "E0405", "E0406",
    "E0407", "E0408", "E0409", "E0410", "E0411", "E0412", "E0413", "E0414", "E0415", "E0416", "E0417", "E0418",
    "E0450", "E0451", "E0452", "E0453", "E0454", "E0455", "E0500", "E0501", "E0502", "E0503", "E0504", "E0505",
    "E0506", "E0507", "E0508", "E0509", "E0511", "E0512", "E0513", "E0514", "E0550", "E0551", "E0552", "E0553",
    "E0570", "E0571", "E0572", "E0573", "E0574", "E0575", "E0576", "E0577", "E0578", "E0579", "E0580", "E0581",
    "E0582", "E0583", "E0584", "E0585", "E0600", "E0601", "E0602", "E0603", "E0610", "E0611", "E0612", "E0613",
    "E0614", "E0615", "E0616", "E0690", "E0691", "E0692", "E0693", "E0694", "E0700", "E0701", "E0710", "E0711",
    "E0712", "E0713",
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
