// The candidate that is chosen, beside the plot.

// For each column its values in order, to say which place one has.
const orders = new Map();
function sorted(at) {
  if (!orders.has(at)) {
    orders.set(at, Float64Array.from(data.columns[at].values.filter(value => value !== null)).sort());
  }
  return orders.get(at);
}

// How many values are smaller, or no larger.
function below(order, value, equal) {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] < value || (equal && order[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function standing(at, value) {
  const order = sorted(at);
  return `${grouped(order.length - below(order, value, true) + 1)} of ${grouped(order.length)}`;
}

function drawCell(place) {
  const template = element('cell-template');
  const cell = data.cells[place];
  if (template === null || cell === null) return '';
  const picture = template.content.firstElementChild.cloneNode(true);
  picture.setAttribute('aria-label', `Cell: ${notation(place)}`);
  for (const part of picture.querySelectorAll('[data-edge]')) {
    const digit = Number(cell[part.dataset.edge]);
    const op = digit % 5;
    const role = part.tagName === 'text' ? 'op' : 'edge';
    part.setAttribute('class', `${role} op${op}${digit < 5 ? '' : ' dead'}`);
    if (role === 'op') part.textContent = op === 0 ? '' : data.ops.names[op];
  }
  return picture;
}

function drawDetail() {
  const detail = element('detail');
  if (detail === null || count === 0) return;
  const place = chosen.place ?? 0;
  const facts = data.order
    .filter(at => data.columns[at].values[place] !== null)
    .map(at => {
      const column = data.columns[at];
      const value = column.values[place];
      return make('div', { title: `${standing(at, value)}, the largest first` },
        make('dt', {}, column.label), make('dd', {}, showAt(column, place)));
    });
  const picture = drawCell(place);
  detail.replaceChildren(
    make('h3', {}, data.ids[place]),
    make('p', {}, place < data.ranked ? `rank ${rank(place)} of ${grouped(data.ranked)}` : 'not ranked'),
    picture === '' ? make('p', { class: 'arch' }, notation(place)) : picture,
    make('dl', {}, ...facts));
}
listeners.push(drawDetail);
