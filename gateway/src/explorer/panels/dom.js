// Elements of the page, made without markup in strings.

/**
 * Creates an element. `on…` attributes are listeners; `true` sets an empty attribute, `false` and `null` set none.
 * Text children become text nodes: the browser never parses text from the server as markup.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      node.addEventListener(name.slice(2), value);
    } else if (value !== false && value !== null) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children);
  return node;
}

/** The nodes of a description. It is Markdown; of that, only code is frequent enough to be drawn. */
export function prose(text) {
  return text.split(/`([^`\n]+)`/).map((part, index) => (index % 2 === 1 ? el('code', {}, part) : part));
}
