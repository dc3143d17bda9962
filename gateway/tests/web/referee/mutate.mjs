// Mutated documents: tokens of given ones deleted, repeated, swapped or replaced.

// xorshift32: the same seed gives the same documents everywhere.
function random(state) {
  let x = (state * 2_654_435_761) >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x % below;
  };
}

const TOKEN = /\.\.\.|"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n])*"|[_A-Za-z][_0-9A-Za-z]*|-?[0-9]+(?:\.[0-9]+)?|\s+|[^]/g;
const SPACE = /^[\s,]+$/;
// Put before the end of a selection set, where some are valid.
const SELECTIONS = [
  'id', 'name', 'a: id', 'id: name', '__typename', '... { id }', '... on Account { id name }', '... on Product { id }', '... on Query { accounts { id } }',
  '...F', 'orders { id }', 'accounts { name }', 'accounts(id: "b") { id }', 'nodes { id }', 'version @skip(if: true)', 'name @include(if: false)', 'status',
];

/**
 * As many documents as `count` says, made from `texts`; most of them from `valid` ones: a mistake more in an invalid one
 * changes no verdict. The same seed gives the same documents.
 */
export function mutate({ texts, valid, count, seed }) {
  const tokenized = texts.map((text) => text.match(TOKEN));
  const validOnes = valid.map((text) => text.match(TOKEN));
  const pool = [...new Set(tokenized.flat())].filter((token) => !SPACE.test(token));
  const draw = random(seed);
  const documents = [];
  while (documents.length < count) {
    const sources = draw(4) === 0 ? tokenized : validOnes;
    const tokens = [...sources[draw(sources.length)]];
    for (let times = 1 + draw(2); times > 0; times -= 1) {
      change(tokens, { pool, tokenized, draw });
      if (tokens.length === 0) {
        tokens.push('{');
      }
    }
    documents.push(tokens.join(''));
  }
  return documents;
}

// One mutation in place.
function change(tokens, { pool, tokenized, draw }) {
  const at = draw(tokens.length);
  const other = draw(tokens.length);
  switch (draw(10)) {
    case 0: tokens.splice(at, 1); break;
    case 1: tokens.splice(at, 0, tokens[other]); break;
    case 2: [tokens[at], tokens[other]] = [tokens[other], tokens[at]]; break;
    case 3: tokens[at] = pool[draw(pool.length)]; break;
    case 4: tokens.splice(at, 0, ' ', pool[draw(pool.length)], ' '); break;
    case 5:
    case 6:
    case 7:
    case 8: {
      const ends = tokens.flatMap((token, index) => (token === '}' ? [index] : []));
      if (ends.length > 0) {
        tokens.splice(ends[draw(ends.length)], 0, ' ', SELECTIONS[draw(SELECTIONS.length)], ' ');
      }
      break;
    }
    default: {
      // A whole part of another document: more of these stay valid.
      const from = tokenized[draw(tokenized.length)];
      const start = draw(from.length);
      tokens.splice(at, 1, ...from.slice(start, start + 1 + draw(6)));
    }
  }
}
