// The ranking: sorted, filtered, a page at a time.

const table = element('ranking-table');
const list = { column: 'rank', down: false, first: 0, places: [] };

// For each candidate its place by name, nb201-9 before nb201-10.
function byName() {
  const names = new Intl.Collator('en', { numeric: true });
  const order = data.ids.map((_, place) => place);
  order.sort((a, b) => names.compare(data.ids[a], data.ids[b]) || a - b);
  const places = new Int32Array(count);
  order.forEach((place, at) => { places[place] = at; });
  return places;
}

function sortTable() {
  list.places = [];
  for (let place = 0; place < count; place++) if (fits(place)) list.places.push(place);
  const sign = list.down ? -1 : 1;
  if (list.column === 'id') {
    list.names ??= byName();
    list.places.sort((a, b) => sign * (list.names[a] - list.names[b]));
  } else if (list.column === 'rank') {
    // What has no rank comes last either way.
    if (list.down) list.places.sort((a, b) => (a >= data.ranked) - (b >= data.ranked) || b - a);
  } else {
    const { values } = data.columns[list.column];
    // What is not known comes last either way.
    list.places.sort((a, b) => (values[a] === null) - (values[b] === null)
      || sign * (values[a] - values[b]) || a - b);
  }
  list.first = 0;
  drawTable();
}

function tableRow(place, cells) {
  const button = make('button', { type: 'button', class: 'pick', 'data-place': place }, data.ids[place]);
  const row = make('tr', {}, make('th', { scope: 'row', class: 'text' }, button), make('td', {}, rank(place)));
  if (cells) row.append(make('td', { class: 'text' }, chips(place)));
  for (const at of data.order) {
    const column = data.columns[at];
    row.append(undefinedAt(column, place) ? make('td', { class: 'muted' }, 'undefined')
      : make('td', {}, show(column, column.values[place])));
  }
  row.classList.toggle('selected', place === chosen.place);
  return row;
}

function drawTable() {
  const cells = data.cells.some(cell => cell !== null);
  const end = Math.min(list.first + data.rows, list.places.length);
  table.tBodies[0].replaceChildren(...list.places.slice(list.first, end).map(place => tableRow(place, cells)));
  const total = list.places.length;
  element('shown').textContent = total === 0 ? 'None fits the filter.'
    : `${grouped(list.first + 1)} to ${grouped(end)} of ${grouped(total)}${chosen.fits === null ? '' : ' that fit the filter'}`;
  element('previous').disabled = list.first === 0;
  element('next').disabled = end >= total;
  for (const id of ['previous', 'next']) element(id).hidden = total <= data.rows;
  for (const head of table.tHead.rows[0].cells) {
    if (head.dataset.column === String(list.column)) {
      head.setAttribute('aria-sort', list.down ? 'descending' : 'ascending');
    } else {
      head.removeAttribute('aria-sort');
    }
  }
}

// Bars of those that fit, over the bars of all.
function drawHistogram(picture) {
  picture.querySelector('.part')?.remove();
  if (chosen.fits === null) return;
  const { left, foot, width, height, bars } = data.histogram;
  const column = data.columns[picture.dataset.column];
  const place = scale(column.axes.fitted);
  const [all, some] = [new Uint32Array(bars), new Uint32Array(bars)];
  column.values.forEach((value, at) => {
    if (value === null) return;
    const bar = Math.min(bars - 1, Math.floor(place(value) * bars));
    all[bar] += 1;
    if (fits(at)) some[bar] += 1;
  });
  const most = Math.max(1, ...all);
  const part = draw('g', { class: 'part' });
  some.forEach((number, bar) => {
    if (number === 0) return;
    const high = Math.max(1, height * number / most);
    part.append(draw('rect', { class: 'bar strong', x: (left + bar * width / bars).toFixed(1), y: (foot - high).toFixed(1),
      width: (width / bars - 1).toFixed(1), height: high.toFixed(1) }));
  });
  picture.append(part);
}

if (table !== null) {
  table.tHead.addEventListener('click', event => {
    const head = event.target.closest('th');
    if (!event.target.closest('.sort')) return;
    const column = /^\d+$/.test(head.dataset.column) ? Number(head.dataset.column) : head.dataset.column;
    // Large numbers first; ranks and names from the beginning.
    list.down = column === list.column ? !list.down : typeof column === 'number';
    list.column = column;
    sortTable();
    keepAddress();
  });
  element('clear').addEventListener('click', () => { chosen.place = null; setFilter(''); });
  element('previous').addEventListener('click', () => { list.first = Math.max(0, list.first - data.rows); drawTable(); });
  element('next').addEventListener('click', () => { list.first += data.rows; drawTable(); });
  let sortedFor = null;
  listeners.push(() => {
    element('clear').hidden = chosen.place === null && element('filter').value === '';
    if (sortedFor !== chosen.fits) {
      sortedFor = chosen.fits;
      sortTable();
      document.querySelectorAll('.histogram').forEach(drawHistogram);
      return;
    }
    for (const row of table.tBodies[0].rows) {
      row.classList.toggle('selected', Number(row.querySelector('.pick').dataset.place) === chosen.place);
    }
  });
  sortTable();
}
