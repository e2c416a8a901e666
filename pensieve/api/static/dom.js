// Elements by name, attributes and children. No markup is ever parsed from text.

const SVG = "http://www.w3.org/2000/svg";

/** Return a new element; children are elements or texts, null ones are left out. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same, of an SVG drawing. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Return the element of the page that has this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Write a text, if it is another one: who has selected it keeps the selection. */
export function write(id, text) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
