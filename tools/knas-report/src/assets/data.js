// What the page knows, and how its numbers are written.

const data = JSON.parse(document.getElementById('data').textContent);
const count = data.ids.length;
const element = id => document.getElementById(id);

// What is chosen: one candidate, and those that fit the filter (all without one).
const chosen = { place: null, fits: null };
const listeners = [];
const choose = change => {
  Object.assign(chosen, change);
  for (const listener of listeners) listener();
};
const fits = place => chosen.fits === null || chosen.fits[place] === 1;

const minus = text => text.replace(/-/g, '−');
const grouped = number => number.toLocaleString('en-US');
const rank = place => (place < data.ranked ? grouped(place + 1) : '–');

// As the rest of the page writes scores: five significant digits.
function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) {
    return minus(value.toExponential(4).replace('e+', 'e'));
  }
  const whole = size < 1 ? 0 : Math.floor(Math.log10(size)) + 1;
  const text = value.toFixed(Math.max(0, 5 - whole));
  return minus(text.includes('.') ? text.replace(/\.?0+$/, '') : text);
}

function show(column, value) {
  if (value === null) return '';
  switch (column.kind) {
    case 'count': return `${(value / 1e6).toFixed(Math.abs(value) < 1e7 ? 3 : 2)} M`;
    case 'percent': return value.toFixed(2);
    default: return short(value);
  }
}

// As `show`, with the standard deviation over seeds where there is one.
function showAt(column, place) {
  const deviation = column.deviations?.[place] ?? null;
  const value = show(column, column.values[place]);
  return deviation === null ? value : `${value} ± ${short(Number(deviation.toPrecision(2)))}`;
}

const undefinedAt = (column, place) => column.undefined?.includes(place) ?? false;

// A new HTML element; text is never taken for HTML.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// The official notation of a cell from its six digits.
function notation(place) {
  const cell = data.cells[place];
  if (cell === null) return data.archs === null ? '' : data.archs[place] ?? '';
  const op = at => data.ops.official[cell[at] % 5];
  return `|${op(0)}~0|+|${op(1)}~0|${op(2)}~1|+|${op(3)}~0|${op(4)}~1|${op(5)}~2|`;
}

// A cell as six coloured letters.
function chips(place) {
  const cell = data.cells[place];
  if (cell === null) return '';
  const letter = at => {
    const op = cell[at] % 5;
    return make('i', { class: `op${op}` }, data.ops.letters[op]);
  };
  const groups = [[0], [1, 2], [3, 4, 5]].map(group => make('span', {}, ...group.map(letter)));
  return make('span', { class: 'chips', role: 'img', 'aria-label': notation(place) }, ...groups);
}
