// The filter: `params < 1M`, `"my column" >= 0.5`; anything else is a word to
// look for in id and arch.

const TERM = /("[^"]*"|[^\s"<>=!&]+)\s*(<=|>=|==|!=|=|<|>)\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([kmg%]?)(?=\s|&|$)|"([^"]*)"|&&|(\S+)/gi;
const SUFFIXES = { k: 1e3, m: 1e6, g: 1e9 };
const HOLDS = {
  '<': (a, b) => a < b, '>': (a, b) => a > b, '<=': (a, b) => a <= b, '>=': (a, b) => a >= b,
  '=': (a, b) => a === b, '==': (a, b) => a === b, '!=': (a, b) => a !== b,
};

const plain = name => name.toLowerCase().replace(/, %$/, '').replace(/[\s_-]+/g, '_');

// The values of a field by its name or label; null where there is none.
function field(name) {
  if (plain(name) === 'rank') return place => (place < data.ranked ? place + 1 : null);
  const found = data.columns.find(column => column.name === name)
    ?? data.columns.find(column => plain(column.name) === plain(name) || plain(column.label) === plain(name));
  return found ? place => found.values[place] : null;
}

// How many letters differ (Levenshtein).
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

function unknown(name) {
  const names = ['rank', ...data.columns.map(column => column.name)];
  const near = names.map(known => ({
    known,
    far: plain(known).includes(plain(name)) ? 1 : distance(plain(known), plain(name)),
  })).sort((a, b) => a.far - b.far)[0];
  const close = near.far <= Math.max(1, name.length / 3);
  return close ? `There is no “${name}”: did you mean ${near.known}?`
    : `There is no “${name}”: fields are ${names.join(', ')}.`;
}

// Terms of a text: what each says, and which field it is about.
function terms(text) {
  return [...text.matchAll(TERM)].flatMap(([all, quoted, sign, digits, suffix, phrase, word]) => {
    if (sign !== undefined) {
      const name = quoted.replace(/^"|"$/g, '');
      const values = field(name);
      if (values === null) return [{ all, problem: unknown(name) }];
      const bar = Number(digits) * (SUFFIXES[suffix.toLowerCase()] ?? 1);
      return [{
        all,
        name,
        holds: place => {
          const value = values(place);
          return value !== null && HOLDS[sign](value, bar);
        },
      }];
    }
    const wanted = (phrase ?? word ?? '').toLowerCase();
    if (wanted === '') return [];
    if (phrase === undefined && /[<>]/.test(word)) {
      return [{ all, problem: `“${all}” is no comparison with a number, such as params < 1M.` }];
    }
    const looks = text => text.toLowerCase().includes(wanted);
    return [{ all, holds: place => looks(data.ids[place]) || looks(notation(place)) }];
  });
}

// Filters for what the field says, and tells what cannot be understood.
function applyFilter() {
  const found = terms(element('filter').value);
  const problems = found.flatMap(term => (term.problem ? [term.problem] : []));
  const tests = found.flatMap(term => (term.holds ? [term.holds] : []));
  let mask = null;
  if (tests.length > 0) {
    mask = new Uint8Array(count);
    for (let place = 0; place < count; place++) mask[place] = tests.every(holds => holds(place)) ? 1 : 0;
  }
  element('filter-says').textContent = problems.join(' ');
  choose({ fits: mask });
}

// Sets the filter, as if it had been typed.
function setFilter(text) {
  element('filter').value = text;
  applyFilter();
}

// Filters for values of some columns within bounds, in place of what was asked
// of these columns before.
function keepWithin(bounds) {
  const names = bounds.map(([column]) => plain(column.name));
  const others = terms(element('filter').value)
    .filter(term => !(term.name && names.includes(plain(term.name)))).map(term => term.all);
  const quoted = name => (/[\s"<>=!&]/.test(name) ? `"${name.replace(/"/g, '')}"` : name);
  const own = bounds.flatMap(([column, low, high]) => [`${quoted(column.name)} >= ${low}`, `${quoted(column.name)} <= ${high}`]);
  setFilter([...others, ...own].join(' '));
}

if (element('filter') !== null) element('filter').addEventListener('input', applyFilter);
