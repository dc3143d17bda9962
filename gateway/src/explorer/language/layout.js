// Lays out a text in lines of a given width, after C. Lindig, "Strictly Pretty" (2000): a group is written on one line
// if it fits, otherwise each of its breaks is a new line.
//
// A layout is a text, a list of layouts, or one of the objects that the functions below make.

const INDENT = '  ';

/** In a group that fits the text `flat`, otherwise a new line. */
export const breakOr = (flat) => ({ kind: 'break', flat });

/** A new line in any case; `blank` puts an empty line before it. */
export const newLine = (blank = false) => ({ kind: 'line', blank });

/** A comment: the rest of its line stays empty. `own` puts it on a line of its own. */
export const comment = (text, own) => ({ kind: 'comment', text, own });

export const indented = (body) => ({ kind: 'indented', body });

export const group = (body) => ({ kind: 'group', body, broken: mustBreak(body) });

function mustBreak(layout) {
  if (typeof layout === 'string') return layout.includes('\n');
  if (Array.isArray(layout)) return layout.some(mustBreak);
  if (layout.kind === 'group') return layout.broken;
  if (layout.kind === 'indented') return mustBreak(layout.body);
  return layout.kind !== 'break';
}

/** The text of a layout, in lines of at most `width` characters where its breaks allow it. */
export function layOut(layout, width) {
  const page = new Page();
  const open = [{ layout, depth: 0, flat: false }];
  while (open.length > 0) {
    const { layout: next, depth, flat } = open.pop();
    if (typeof next === 'string') page.write(next, depth);
    else if (Array.isArray(next)) pushAll(open, next, depth, flat);
    else if (next.kind === 'indented') open.push({ layout: next.body, depth: depth + 1, flat });
    else if (next.kind === 'comment') page.comment(next, depth);
    else if (next.kind === 'line') page.newLine(next.blank);
    else if (next.kind === 'break') {
      if (flat) page.write(next.flat, depth);
      else page.newLine(false);
    } else {
      const inside = { layout: next.body, depth, flat: true };
      const fit = !next.broken && (flat || fits(inside, open, width - page.column(depth)));
      open.push({ ...inside, flat: fit });
    }
  }
  return page.text;
}

function pushAll(open, layouts, depth, flat) {
  for (let index = layouts.length - 1; index >= 0; index -= 1) open.push({ layout: layouts[index], depth, flat });
}

// Whether the group and what follows it up to the next line fit into `room` characters.
function fits(inside, after, room) {
  const open = [inside];
  let rest = after.length;
  let left = room;
  while (left >= 0) {
    if (open.length === 0) {
      if (rest === 0) return true;
      rest -= 1;
      open.push(after[rest]);
    }
    const { layout, depth, flat } = open.pop();
    if (typeof layout === 'string') {
      const line = layout.indexOf('\n');
      left -= line < 0 ? layout.length : line;
      if (line >= 0) return left >= 0;
    } else if (Array.isArray(layout)) pushAll(open, layout, depth, flat);
    else if (layout.kind === 'indented') open.push({ layout: layout.body, depth, flat });
    else if (layout.kind === 'group') open.push({ layout: layout.body, depth, flat: flat && !layout.broken });
    else if (layout.kind !== 'break' || !flat) return true;
    else left -= layout.flat.length;
  }
  return false;
}

class Page {
  #out = [];
  #column = 0;
  #atStart = true;
  // A comment ended the line: whatever is written next begins another one.
  #closed = false;

  get text() {
    return this.#out.join('');
  }

  column(depth) {
    return this.#atStart || this.#closed ? depth * INDENT.length : this.#column;
  }

  write(text, depth) {
    if (text === '') return;
    if (this.#closed) {
      this.newLine(false);
      if (text.trim() === '') return;
    }
    if (this.#atStart) {
      this.#out.push(INDENT.repeat(depth));
      this.#column = depth * INDENT.length;
      this.#atStart = false;
    }
    this.#out.push(text);
    const line = text.lastIndexOf('\n');
    this.#column = line < 0 ? this.#column + text.length : text.length - line - 1;
  }

  comment({ text, own }, depth) {
    if (own && !this.#atStart && !this.#closed) this.newLine(false);
    this.write(this.#atStart || this.#closed ? text : ` ${text}`, depth);
    this.#closed = true;
  }

  newLine(blank) {
    this.#out.push(blank ? '\n\n' : '\n');
    this.#atStart = true;
    this.#closed = false;
  }
}
