// Keys of a code editor in a textarea: indentation, comments, and brackets in pairs.

import { lineStart } from '../language/place.js';
import { insert } from './insert.js';

const INDENT = '  ';
const PAIRS = new Map(['{}', '()', '[]', '""'].map(([open, close]) => [open, close]));
const CLOSING = new Set(PAIRS.values());

/**
 * Adds the keys. After Escape, the next Tab leaves the textarea, so the focus is never trapped. `language` has
 * `isInText(text, offset)`, where brackets are letters, and `comment`, the sign that begins one, or null.
 */
export function editKeys(area, language) {
  let mayLeave = false;
  area.addEventListener('blur', () => {
    mayLeave = false;
  });
  area.addEventListener('keydown', (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === '/' && (event.ctrlKey || event.metaKey) && language.comment) {
      event.preventDefault();
      toggleComment(area, language.comment);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Tab' && !mayLeave) {
      event.preventDefault();
      indent(area, event.shiftKey);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      newLine(area);
    }
    if (event.key !== 'Shift' && event.key !== 'Tab') mayLeave = event.key === 'Escape';
  });
  area.addEventListener('beforeinput', (event) => onBeforeInput(event, area, language));
}

// Not on keydown: what a key inserts depends on the keyboard, and a touch screen reports no keys.
function onBeforeInput(event, area, language) {
  const { inputType, data } = event;
  if (event.isComposing || !event.isTrusted) return;
  if (inputType === 'deleteContentBackward') {
    const pair = area.value.slice(area.selectionStart - 1, area.selectionStart + 1);
    if (area.selectionStart !== area.selectionEnd || PAIRS.get(pair[0]) !== pair[1]) return;
    event.preventDefault();
    area.setSelectionRange(area.selectionStart - 1, area.selectionStart + 1);
    insert(area, '');
  } else if (inputType === 'insertText' && data?.length === 1 && (PAIRS.has(data) || CLOSING.has(data))) {
    if (typeBracket(area, data, language)) event.preventDefault();
  }
}

// Returns whether the bracket was handled here.
function typeBracket(area, sign, language) {
  const { value, selectionStart: start, selectionEnd: end } = area;
  const next = value[end] ?? '';
  if (start === end && CLOSING.has(sign) && next === sign && !(sign === '"' && value[start - 1] === '\\')) {
    area.setSelectionRange(start + 1, start + 1);
    return true;
  }
  const close = PAIRS.get(sign);
  if (close === undefined || language.isInText(value, start)) return false;
  if (start !== end) {
    insert(area, sign + value.slice(start, end) + close);
    area.setSelectionRange(start + 1, end + 1);
    return true;
  }
  // In front of a word the bracket is meant for that word; behind a quote, for a block string.
  const isFree = next === '' || /[\s,]/.test(next) || CLOSING.has(next);
  if (!isFree || (sign === '"' && (value[start - 1] === '"' || next === '"'))) return false;
  insert(area, sign + close);
  area.setSelectionRange(start + 1, start + 1);
  return true;
}

function newLine(area) {
  const { value, selectionStart: start, selectionEnd: end } = area;
  const line = value.slice(lineStart(value, start), start);
  const outer = line.match(/^[ \t]*/)[0];
  const opening = line.trimEnd().at(-1) ?? '';
  if (!'{(['.includes(opening) || opening === '') {
    insert(area, `\n${outer}`);
  } else if (start === end && PAIRS.get(opening) === value[end]) {
    insert(area, `\n${outer}${INDENT}\n${outer}`);
    const caret = area.selectionEnd - outer.length - 1;
    area.setSelectionRange(caret, caret);
  } else {
    insert(area, `\n${outer}${INDENT}`);
  }
}

function indent(area, outwards) {
  const { selectionStart, selectionEnd } = area;
  if (!outwards && selectionStart === selectionEnd) {
    insert(area, INDENT);
    return;
  }
  changeLines(area, (line) => (outwards ? line.replace(/^(\t| {1,2})/, '') : INDENT + line));
}

function toggleComment(area, sign) {
  const isComment = (line) => line.trim() === '' || line.trimStart().startsWith(sign);
  const { lines } = selectedLines(area);
  const off = lines.every(isComment) && lines.some((line) => line.trim() !== '');
  changeLines(area, (line) => {
    if (off) return line.replace(new RegExp(`^(\\s*)${sign} ?`), '$1');
    return line.replace(/^(\s*)/, `$1${sign} `);
  });
}

function selectedLines(area) {
  const { value, selectionStart, selectionEnd } = area;
  const from = lineStart(value, selectionStart);
  const end = value.indexOf('\n', selectionEnd);
  const to = end < 0 ? value.length : end;
  return { from, to, lines: value.slice(from, to).split('\n') };
}

// Changes all lines that the selection touches, in one step of undo, and selects the same places again.
function changeLines(area, change) {
  const { selectionStart, selectionEnd } = area;
  const { from, to, lines } = selectedLines(area);
  const changed = lines.map(change);
  const text = changed.join('\n');
  if (text.length === to - from && changed.every((line, index) => line === lines[index])) return;
  area.setSelectionRange(from, to);
  insert(area, text);
  const start = Math.max(from, selectionStart + changed[0].length - lines[0].length);
  const end = Math.max(start, selectionEnd + text.length - (to - from));
  area.setSelectionRange(start, end);
}
