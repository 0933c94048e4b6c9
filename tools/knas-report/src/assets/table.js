// The ranking: sorted, filtered, a page at a time.

const table = element('ranking-table');
const list = { column: 'rank', down: false, first: 0, places: [] };

// `params<1M` and the like; anything else is a word to look for.
const suffixes = { k: 1e3, m: 1e6, g: 1e9 };
function condition(term) {
  const parts = /^(.+?)(<=|>=|<|>|=)(-?[\d.]+(?:e[-+]?\d+)?)([kmg%]?)$/i.exec(term);
  if (parts) {
    const [, name, sign, digits, suffix] = parts;
    const column = data.columns.find(column => column.name.toLowerCase() === name.toLowerCase());
    const bar = Number(digits) * (suffixes[suffix.toLowerCase()] ?? 1);
    const holds = {
      '<': a => a < bar, '>': a => a > bar, '<=': a => a <= bar, '>=': a => a >= bar, '=': a => a === bar,
    }[sign];
    if (column) return place => column.values[place] !== null && holds(column.values[place]);
    if (name.toLowerCase() === 'rank') return place => holds(place + 1);
  }
  const word = term.toLowerCase();
  return place => data.ids[place].toLowerCase().includes(word) || notation(place).toLowerCase().includes(word);
}

// For each candidate its place by name, nb201-9 before nb201-10.
function byName() {
  const names = new Intl.Collator('en', { numeric: true });
  const order = data.ids.map((_, place) => place);
  order.sort((a, b) => names.compare(data.ids[a], data.ids[b]) || a - b);
  const places = new Int32Array(count);
  order.forEach((place, at) => { places[place] = at; });
  return places;
}

function filterAndSort() {
  const terms = element('filter').value.split(/\s+/).filter(term => term !== '').map(condition);
  list.places = [];
  for (let place = 0; place < count; place++) {
    if ((chosen.kept === null || chosen.kept.has(place)) && terms.every(holds => holds(place))) list.places.push(place);
  }
  const sign = list.down ? -1 : 1;
  if (list.column === 'id') {
    list.names ??= byName();
    list.places.sort((a, b) => sign * (list.names[a] - list.names[b]));
  } else if (list.column === 'rank') {
    if (list.down) list.places.reverse();
  } else {
    const { values } = data.columns[list.column];
    // What is not known comes last either way.
    list.places.sort((a, b) => (values[a] === null) - (values[b] === null)
      || sign * (values[a] - values[b]) || a - b);
  }
  list.first = 0;
  drawTable();
}

function drawTable() {
  const cells = data.cells.some(cell => cell !== null);
  const end = Math.min(list.first + data.rows, list.places.length);
  const rows = list.places.slice(list.first, end).map(place => {
    const button = make('button', { type: 'button', class: 'pick', 'data-place': place }, data.ids[place]);
    const row = make('tr', {}, make('td', {}, grouped(place + 1)), make('th', { scope: 'row', class: 'text' }, button));
    if (cells) row.append(make('td', { class: 'text' }, chips(place)));
    for (const at of data.order) {
      const column = data.columns[at];
      row.append(make('td', {}, show(column, column.values[place])));
    }
    row.classList.toggle('selected', place === chosen.place);
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
  const total = list.places.length;
  const what = chosen.kept === null ? '' : ' selected';
  element('shown').textContent = total === 0 ? 'None fits the filter.'
    : `${grouped(list.first + 1)} to ${grouped(end)} of ${grouped(total)}${what}`;
  element('previous').disabled = list.first === 0;
  element('next').disabled = end >= total;
  for (const id of ['previous', 'next']) element(id).hidden = total <= data.rows;
  element('clear').hidden = chosen.kept === null && chosen.place === null;
  for (const head of table.tHead.rows[0].cells) {
    if (head.dataset.column === String(list.column)) {
      head.setAttribute('aria-sort', list.down ? 'descending' : 'ascending');
    } else {
      head.removeAttribute('aria-sort');
    }
  }
}

if (table !== null) {
  let kept = null;
  table.tHead.addEventListener('click', event => {
    const head = event.target.closest('th');
    if (!event.target.closest('.sort')) return;
    const column = /^\d+$/.test(head.dataset.column) ? Number(head.dataset.column) : head.dataset.column;
    // Large numbers first; ranks and names from the beginning.
    list.down = column === list.column ? !list.down : typeof column === 'number';
    list.column = column;
    filterAndSort();
  });
  element('filter').addEventListener('input', filterAndSort);
  element('clear').addEventListener('click', () => choose({ place: null, kept: null }));
  element('previous').addEventListener('click', () => { list.first = Math.max(0, list.first - data.rows); drawTable(); });
  element('next').addEventListener('click', () => { list.first += data.rows; drawTable(); });
  listeners.push(() => {
    if (kept !== chosen.kept) {
      kept = chosen.kept;
      filterAndSort();
      return;
    }
    for (const row of table.tBodies[0].rows) {
      row.classList.toggle('selected', Number(row.querySelector('.pick').dataset.place) === chosen.place);
    }
    element('clear').hidden = chosen.kept === null && chosen.place === null;
  });
  filterAndSort();
}
