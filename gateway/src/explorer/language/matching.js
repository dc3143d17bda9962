// Which options fit what was typed so far, and in which order.

// More are not read; the next letter leaves fewer.
const OPTIONS_MAX = 100;
// One or two letters are inside of nearly every name.
const INSIDE_CHARS_MIN = 3;

/**
 * The options whose label fits the typed letters, best first: the one that is just them, those that begin with them,
 * then those of which a word does (`order` in `createOrder`), then the others that contain them. Within these, required ones come first and
 * deprecated ones last, otherwise the order stays.
 */
export function rank(options, typed) {
  return options
    .map((option) => ({ option, score: score(option.label, typed) }))
    .filter(({ score: points }) => points !== null)
    .sort((one, other) => one.score - other.score || weight(one.option) - weight(other.option))
    .slice(0, OPTIONS_MAX)
    .map(({ option }) => option);
}

function score(label, typed) {
  if (typed === '') return 0;
  if (label === typed) return -1;
  if (label.startsWith(typed)) return 0;
  const at = label.toLowerCase().indexOf(typed.toLowerCase());
  if (at < 0) return null;
  if (at === 0) return 1;
  if (beginsWord(label, at)) return 2;
  return typed.length < INSIDE_CHARS_MIN ? null : 3;
}

function beginsWord(label, at) {
  const [before, first] = [label[at - 1], label[at]];
  return before === '_' || before === '$' || (/[A-Z]/.test(first) && !/[A-Z]/.test(before));
}

function weight({ first, deprecated }) {
  if (deprecated !== null) return 2;
  return first ? 0 : 1;
}
