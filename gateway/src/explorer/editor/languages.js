// The two languages of the editors, as code-editor.js needs them.

import { analyse } from '../language/analysis.js';
import { completionsAt, isInText } from '../language/completion.js';
import { tokenizeJson } from '../language/json.js';
import { tokenize } from '../language/lexer.js';
import { variableCompletionsAt } from '../language/variables.js';

/** GraphQL; `schema()` returns the schema, or null as long as there is none. */
export function graphqlLanguage(schema) {
  return {
    comment: '#',
    colours(text, caret) {
      const { tokens, problems } = analyse(text, schema());
      const bad = new Set(problems.filter((problem) => !isTyping(problem, caret)).map(({ start }) => start));
      return tokens.map(({ kind, role, start, end }) => ({
        start,
        end,
        role: `gql-${role ?? kind}${bad.has(start) ? ' problem' : ''}`,
      }));
    },
    completions: (text, offset) => (schema() ? completionsAt(text, offset, schema()) : null),
    isInText: (text, offset) => isInText(tokenize(text), offset),
  };
}

/** Whether the caret stands behind the name of a problem: it may be unfinished. */
export function isTyping({ end }, caret) {
  return end === caret;
}

/** JSON; `completions(text, offset)` returns the options at a place, or null. */
export function jsonLanguage(completions) {
  return {
    comment: null,
    colours: (text) =>
      tokenizeJson(text).map(({ kind, start, end }) => ({
        start,
        end,
        role: `json-${kind}`,
      })),
    completions,
    isInText: (text, offset) =>
      tokenizeJson(text).some(({ text: part, start, end }) => part[0] === '"' && start < offset && offset < end),
  };
}

/** JSON of variables: `context()` returns the operation's `variables` and the `schema`. */
export function variablesLanguage(context) {
  return jsonLanguage((text, offset) => {
    const { variables, schema } = context();
    return variableCompletionsAt(text, offset, variables, schema);
  });
}
