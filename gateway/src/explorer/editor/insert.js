// Changes of a textarea that a user can undo.

/** Replaces the selection. */
export function insert(area, text) {
  // execCommand is deprecated, but no other call changes a textarea and keeps its undo history.
  const done = text === '' ? document.execCommand('delete') : document.execCommand('insertText', false, text);
  if (done) return;
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
