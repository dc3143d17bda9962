//! What a database has lost, as a line of text.

use crate::admin::{GenerationView, LostView};

/// Shards with lost events shown; `--json` has more.
const LOST_SHOWN: usize = 20;

/// What the database lost when its generation began; nothing for a database that never went
/// backwards.
pub(super) fn generation(view: Option<&GenerationView>) -> String {
    let Some(generation) = view.filter(|now| now.number > 1) else {
        return String::new();
    };
    let GenerationView { number, began, .. } = generation;
    let start = format!("the database went backwards: generation {number} since {began}");
    if generation.lost.is_empty() {
        return format!("{start}; no acknowledged event is known to be lost\n");
    }
    let range = |lost: &LostView| match lost.lost - lost.kept {
        1 => format!("{}:{}", lost.shard, lost.lost),
        _ => format!("{}:{}-{}", lost.shard, lost.kept + 1, lost.lost),
    };
    let shown = generation.lost.iter().take(LOST_SHOWN).map(range);
    let mut ranges: Vec<String> = shown.collect();
    if generation.lost.len() > LOST_SHOWN {
        ranges.push("…".to_owned());
    }
    let (events, ranges) = (generation.lost_events, ranges.join(", "));
    format!("{start}; acknowledged events lost: {events} (shard:positions {ranges})\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: u64, lost: &[(u16, u64, u64)]) -> String {
        let lost: Vec<LostView> = lost
            .iter()
            .map(|&(shard, kept, lost)| LostView { shard, kept, lost })
            .collect();
        generation(Some(&GenerationView {
            number,
            id: "id".to_owned(),
            began: "2026-11-29T12:00:00Z".to_owned(),
            lost_events: lost.iter().map(|lost| lost.lost - lost.kept).sum(),
            lost,
        }))
    }

    #[test]
    fn lost_events_are_named_with_shard_and_positions() {
        assert_eq!(text(1, &[]), "");
        assert_eq!(generation(None), "");
        assert_eq!(
            text(2, &[]),
            "the database went backwards: generation 2 since 2026-11-29T12:00:00Z; no acknowledged event is known to be lost\n"
        );
        assert_eq!(
            text(3, &[(17, 95, 100), (409, 2, 3)]),
            "the database went backwards: generation 3 since 2026-11-29T12:00:00Z; acknowledged events lost: 6 (shard:positions 17:96-100, 409:3)\n"
        );
        let many: Vec<(u16, u64, u64)> = (0..25).map(|shard| (shard, 0, 1)).collect();
        assert!(text(2, &many).ends_with("19:1, …)\n"));
    }
}
