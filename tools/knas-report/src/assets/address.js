// What is chosen stands in the address, so that it can be sent to somebody:
// #x=mgm&y=acc&filter=params+%3C+1M&id=nb201-6111&at=ranking

// Selections by the name of what they name: columns, not their places.
const SELECTS = ['x', 'y', 'truth'];
const VALUES = ['x-scale', 'y-scale', 'part'];

function written() {
  const found = new URLSearchParams();
  const put = (name, value, standard) => { if (value !== standard) found.set(name, value); };
  for (const id of SELECTS.filter(element)) {
    const { value, options } = element(id);
    const standard = [...options].find(option => option.defaultSelected) ?? options[0];
    if (value !== standard.value) found.set(id, data.columns[value].name);
  }
  for (const id of VALUES.filter(element)) put(id, element(id).value, element(id).options[0].value);
  if (element('front')?.checked) found.set('front', '1');
  if (element('bars')?.checked === false) found.set('bars', '0');
  if (element('filter')) put('filter', element('filter').value, '');
  if (chosen.place !== null) found.set('id', data.ids[chosen.place]);
  if (table !== null && (list.column !== 'rank' || list.down)) {
    const { column, down } = list;
    found.set('sort', `${down ? '-' : ''}${typeof column === 'number' ? data.columns[column].name : column}`);
  }
  return found;
}

// Browsers allow few changes of the address in a short time.
let waiting = null;
let section = null;
function keepAddress() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const found = written();
    if (section !== null) found.set('at', section);
    const text = found.toString();
    history.replaceState(null, '', text === '' ? location.pathname + location.search : `#${text}`);
  }, 300);
}

const columnNamed = name => data.columns.findIndex(column => column.name === name);

function readAddress() {
  const found = new URLSearchParams(location.hash.slice(1));
  for (const id of SELECTS.filter(element)) {
    const at = String(columnNamed(found.get(id)));
    if ([...element(id).options].some(option => option.value === at)) element(id).value = at;
  }
  for (const id of VALUES.filter(element)) {
    const value = found.get(id);
    if ([...element(id).options].some(option => option.value === value)) element(id).value = value;
  }
  if (element('front')) element('front').checked = found.get('front') === '1';
  if (element('bars')) element('bars').checked = found.get('bars') !== '0';
  const place = data.ids.indexOf(found.get('id'));
  if (place >= 0) chosen.place = place;
  const sort = found.get('sort') ?? '';
  const by = sort.replace(/^-/, '');
  const named = [sort, by].map(columnNamed).find(at => at >= 0);
  if (table !== null && (named !== undefined || by === 'id' || by === 'rank')) {
    list.down = sort.startsWith('-') && columnNamed(sort) < 0;
    list.column = named ?? by;
    sortTable();
  }
  if (found.get('filter') && element('filter')) setFilter(found.get('filter'));
  if (element('truth')) showTruth();
  if (found.has('at')) element(found.get('at'))?.scrollIntoView({ behavior: 'instant' });
}

// Following a link within the page leaves what is chosen as it is.
addEventListener('hashchange', () => {
  const name = decodeURIComponent(location.hash.slice(1));
  if (name.includes('=')) readAddress();
  else section = name !== '' && element(name) ? name : null;
  keepAddress();
});
document.addEventListener('change', keepAddress);
listeners.push(keepAddress);
