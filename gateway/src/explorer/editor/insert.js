// Changes of a textarea that a user can undo.
//
// execCommand is deprecated, but no other call changes a textarea and keeps its undo history.

// Chromium inserts a text line by line, in a time that grows with the square of their number.
const TYPED_LINES_MAX = 3;

/** Replaces the selection. */
export function insert(area, text) {
  if (text === '' ? document.execCommand('delete') : insertLines(area, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
  area.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertReplacementText' }));
}

/** Replaces a part of the text, and puts the caret behind the new one. */
export function replaceRange(area, from, to, text) {
  area.focus();
  area.setSelectionRange(from, to);
  // Chromium deletes a character when nothing is selected and nothing is inserted.
  if (from !== to || text !== '') insert(area, text);
}

function insertLines(area, text) {
  if (text.split('\n').length > TYPED_LINES_MAX && insertAtOnce(area, text)) return true;
  return document.execCommand('insertText', false, text);
}

// As markup, which a textarea takes as its text, in one step. Firefox does not.
function insertAtOnce(area, text) {
  const { value, selectionStart, selectionEnd } = area;
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  if (!document.execCommand('insertHTML', false, escaped)) return false;
  if (area.value === value.slice(0, selectionStart) + text + value.slice(selectionEnd)) return true;
  document.execCommand('undo');
  area.setSelectionRange(selectionStart, selectionEnd);
  return false;
}
