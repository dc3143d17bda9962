//! The nearest known name to one that does not exist.

const BEGIN: &str = " Did you mean \"";
const END: &str = "\"?";

/// A message without its suggestion, for an API that does not tell the names of its schema.
pub(crate) fn remove_suggestion(message: &mut String) {
    while let Some(begin) = message.find(BEGIN)
        && let Some(len) = message[begin + BEGIN.len()..].find(END)
    {
        message.replace_range(begin..begin + BEGIN.len() + len + END.len(), "");
    }
}

/// ` Did you mean "name"?`, with a space before it; empty where no known name is near.
pub(super) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    // A typo in every third letter.
    let most = name.len().div_ceil(3).min(5);
    // Names are bounded, and so is the number of known ones; the work is still only done for names
    // of usual length.
    if name.len() > 64 {
        return String::new();
    }
    let lower = name.to_ascii_lowercase();
    let distances = known.into_iter().map(|known| {
        let distance = strsim::osa_distance(&lower, &known.to_ascii_lowercase());
        (distance, known)
    });
    let nearest = distances.filter(|(distance, _)| *distance <= most).min();
    nearest.map_or_else(String::new, |(_, known)| format!("{BEGIN}{known}{END}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_known_name_is_suggested() {
        let known = ["name", "names", "createdAt", "id"];
        assert_eq!(did_you_mean("nam", known), " Did you mean \"name\"?");
        assert_eq!(
            did_you_mean("createdat", known),
            " Did you mean \"createdAt\"?"
        );
        assert_eq!(did_you_mean("price", known), "");
        assert_eq!(did_you_mean("x", []), "");
    }

    #[test]
    fn suggestion_is_removed_from_a_message() {
        let suggestion = did_you_mean("nam", ["name"]);
        let mut message = format!("No field.{suggestion} At a[1].");
        remove_suggestion(&mut message);
        assert_eq!(message, "No field. At a[1].");
        let mut without = "Did you mean \"".to_owned();
        remove_suggestion(&mut without);
        assert_eq!(without, "Did you mean \"");
    }
}
