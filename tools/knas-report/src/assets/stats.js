// Statistics of what is shown, and the ticks of axes that are made here.

// Twice the average rank of each value, the smallest first.
function ranks(values) {
  const order = values.map((_, at) => at).sort((a, b) => values[a] - values[b]);
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && values[order[to]] === values[order[from]]) to += 1;
    for (let at = from; at < to; at++) found[order[at]] = from + to + 1;
    from = to;
  }
  return found;
}

// Spearman's ρ; null where a column is constant, or where there are so few
// that chance makes anything of them.
function spearman(a, b) {
  if (a.length < 10) return null;
  const [x, y] = [ranks(a), ranks(b)];
  const middle = a.length + 1;
  let [product, spreadX, spreadY] = [0, 0, 0];
  for (let at = 0; at < x.length; at++) {
    const [left, right] = [x[at] - middle, y[at] - middle];
    product += left * right;
    spreadX += left * left;
    spreadY += right * right;
  }
  return spreadX > 0 && spreadY > 0 ? product / Math.sqrt(spreadX * spreadY) : null;
}

// Of places those that no other beats in both columns, from left to right.
// Large values are better, but of counts small ones.
function paretoFront(places, across, up) {
  const worth = column => {
    const sign = column.kind === 'count' ? -1 : 1;
    return place => sign * column.values[place];
  };
  const [x, y] = [worth(across), worth(up)];
  const order = [...places].sort((a, b) => x(b) - x(a) || y(b) - y(a) || a - b);
  const front = [];
  let best = -Infinity;
  for (const place of order) {
    const last = front.at(-1);
    const twin = last !== undefined && x(last) === x(place) && y(last) === y(place);
    if (y(place) > best || twin) front.push(place);
    best = Math.max(best, y(place));
  }
  return front.sort((a, b) => across.values[a] - across.values[b] || a - b);
}

// Multiples of 1, 2 or 5 times a power of ten: value and label.
function marks(low, high, least = 0) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = [1, 2, 5].find(times => rough / power < times * 1.5) ?? 10;
  const step = Math.max(least, power * times);
  const digits = Math.max(0, Math.min(12, -Math.floor(Math.log10(step))));
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high && found.length < 20; at++) {
    found.push([at * step, minus((at * step).toFixed(digits))]);
  }
  return found;
}
