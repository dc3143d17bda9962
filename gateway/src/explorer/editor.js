// A textarea that behaves like a code editor: Tab indents, Enter keeps the indentation, the gutter numbers the lines.

const INDENT = '  ';

/** Adds editor keys to a textarea. After Escape, the next Tab leaves it, so the focus is never trapped. */
export function editKeys(area) {
  let mayLeave = false;
  area.addEventListener('blur', () => {
    mayLeave = false;
  });
  area.addEventListener('keydown', (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Tab' && !mayLeave) {
      event.preventDefault();
      indent(area, event.shiftKey);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      insert(area, `\n${indentationBefore(area)}`);
    }
    if (event.key !== 'Shift' && event.key !== 'Tab') mayLeave = event.key === 'Escape';
  });
}

/** Shows line numbers beside a textarea. Returns a function that code calls after it sets the value. */
export function numberLines(area, gutter) {
  const draw = () => {
    const count = area.value.split('\n').length;
    gutter.textContent = Array.from({ length: count }, (_, index) => index + 1).join('\n');
    gutter.scrollTop = area.scrollTop;
  };
  area.addEventListener('input', draw);
  area.addEventListener('scroll', () => {
    gutter.scrollTop = area.scrollTop;
  });
  draw();
  return draw;
}

function indent(area, outwards) {
  const { value, selectionStart, selectionEnd } = area;
  if (!outwards && selectionStart === selectionEnd) {
    insert(area, INDENT);
    return;
  }
  const from = value.lastIndexOf('\n', selectionStart - 1) + 1;
  const lines = value.slice(from, selectionEnd).split('\n');
  const shifted = lines.map((line) => (outwards ? line.replace(/^ {1,2}/, '') : INDENT + line)).join('\n');
  area.setSelectionRange(from, selectionEnd);
  insert(area, shifted);
  area.setSelectionRange(lines.length > 1 ? from : from + shifted.length, from + shifted.length);
}

function indentationBefore(area) {
  const before = area.value.slice(0, area.selectionStart);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const opens = /[{([]\s*$/.test(line) ? INDENT : '';
  return line.match(/^ */)[0] + opens;
}

// execCommand is deprecated, but no other call changes a textarea and keeps its undo history.
function insert(area, text) {
  const done = text === '' ? document.execCommand('delete') : document.execCommand('insertText', false, text);
  if (!done) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }
}
