// One number against another, drawn anew for the width there is.

const SVG = 'http://www.w3.org/2000/svg';
const LAYERS = 8; // several paths let dense places become darker
const MANY = 2000;

const bend = {
  linear: value => value,
  log: value => Math.log10(value),
  asinh: (value, axis) => Math.asinh(value / axis.scale),
};

// From a value to a share of the axis.
function scale(axis) {
  if (axis.kind === 'rank') {
    const { order } = axis;
    return value => (below(order, value, false) + below(order, value, true)) / 2 / order.length;
  }
  const by = bend[axis.kind];
  const low = by(axis.low, axis);
  const range = by(axis.high, axis) - low;
  return value => (by(value, axis) - low) / range;
}

// An axis of ranks, the largest value first and at the high end.
function rankAxis(at) {
  const order = sorted(at);
  const place = rank => 1 - (rank - 0.5) / order.length;
  const ticks = marks(1, order.length, 1).filter(([rank]) => rank > 1).reverse();
  return { kind: 'rank', order, ticks: [...ticks.map(([rank, label]) => [place(rank), label]), [place(1), '1']] };
}

// An axis in proportion over a part of the values.
function partAxis(low, high) {
  const room = (high - low) * 0.03 || 1;
  const axis = { kind: 'linear', low: low - room, high: high + room };
  const place = scale(axis);
  return { ...axis, ticks: marks(axis.low, axis.high).map(([value, label]) => [place(value), label]) };
}

function draw(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const plot = element('scatter');
const view = { frame: null, at: [], order: [], cursor: null, overlay: null };

// The columns, how they are drawn, and from which value on the part begins.
function axes() {
  const [x, y, part] = ['x', 'y', 'part'].map(id => Number(element(id).value));
  const [across, up] = [data.columns[x], data.columns[y]];
  const chosenAxis = (at, id) => (element(id).value === 'rank' ? rankAxis(at) : data.columns[at].axes[element(id).value]);
  let from = -Infinity;
  let axisY = chosenAxis(y, 'y-scale');
  if (up.kind === 'percent' && part > 1) {
    const order = sorted(y);
    from = order[order.length - Math.ceil(order.length / part)];
    if (axisY.kind !== 'rank') axisY = partAxis(from, order[order.length - 1]);
  }
  return { across, up, from, axisX: chosenAxis(x, 'x-scale'), axisY };
}

function drawAxes(svg, frame, { across, up, axisX, axisY }) {
  const foot = frame.top + frame.height;
  const named = (column, axis) => (axis.kind === 'rank' ? `${column.label}, rank` : column.label);
  for (const [share, label] of axisY.ticks) {
    const at = foot - share * frame.height;
    svg.append(draw('line', { class: 'grid', x1: frame.left, x2: frame.left + frame.width, y1: at, y2: at }),
      draw('text', { class: 'muted end', x: frame.left - 8, y: at + 4 }, label));
  }
  svg.append(draw('text', { class: 'start', x: 8, y: frame.top - 12 }, named(up, axisY)),
    draw('line', { class: 'axis', x1: frame.left, x2: frame.left + frame.width, y1: foot, y2: foot }));
  let free = -Infinity; // a label that would touch the one before it is left out
  for (const [share, label] of axisX.ticks) {
    const at = frame.left + share * frame.width;
    const half = label.length * 3.3;
    if (at - half < free) continue;
    free = at + half + 6;
    svg.append(draw('line', { class: 'axis', x1: at, x2: at, y1: foot, y2: foot + 4 }),
      draw('text', { class: 'muted middle', x: at, y: foot + 17 }, label));
  }
  svg.append(draw('text', { class: 'end', x: frame.left + frame.width, y: foot + 35 }, named(across, axisX)));
}

function drawScatter() {
  const now = axes();
  const { across, up, from, axisX, axisY } = now;
  element('part').disabled = up.kind !== 'percent';
  const width = Math.max(280, plot.clientWidth);
  const height = Math.round(Math.min(460, Math.max(300, width * 0.62)));
  const frame = { left: 52, top: 32, width: width - 68, height: height - 76 };
  const svg = element('points');
  svg.replaceChildren();
  for (const picture of [svg, view.overlay]) {
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      picture.setAttribute(name, value);
    }
  }
  svg.setAttribute('aria-label', `${up.label} against ${across.label}, ${grouped(count)} candidates`);
  drawAxes(svg, frame, now);

  const [placeX, placeY] = [scale(axisX), scale(axisY)];
  const clip = share => (Number.isFinite(share) ? Math.max(0, Math.min(1, share)) : 0);
  const toX = value => frame.left + placeX(value) * frame.width;
  const toY = value => frame.top + (1 - placeY(value)) * frame.height;
  view.at = [];
  for (let place = 0; place < count; place++) {
    const [a, b] = [across.values[place], up.values[place]];
    view.at.push(a !== null && b !== null && b >= from ? [toX(a), toY(b)] : null);
  }
  const known = view.at.flatMap((at, place) => (at ? [place] : []));
  const shown = known.filter(fits);
  view.frame = frame;
  view.size = known.length < MANY ? 6 : 3;
  const layers = (places, name) => {
    for (let layer = 0; layer < LAYERS; layer++) {
      const d = path(places.filter((_, at) => at % LAYERS === layer));
      if (d !== '') svg.append(draw('path', { class: name, d, 'stroke-width': view.size }));
    }
  };
  const few = view.size > 3 ? ' few' : '';
  layers(known.filter(place => !fits(place)), 'points others');
  const deviations = across.deviations || up.deviations;
  element('bars-label').hidden = !deviations || shown.length > data.bars;
  if (deviations && shown.length <= data.bars && element('bars').checked) {
    const d = shown.map(place => {
      const [x, y] = view.at[place];
      const ends = (column, axis, place, share, to) => {
        const deviation = column.deviations?.[place] ?? null;
        if (deviation === null || axis.kind === 'rank') return null;
        return [-1, 1].map(sign => to(clip(share(column.values[place] + sign * deviation))));
      };
      const wide = ends(across, axisX, place, placeX, share => frame.left + share * frame.width);
      const high = ends(up, axisY, place, placeY, share => frame.top + (1 - share) * frame.height);
      return (wide ? `M${wide[0].toFixed(1)} ${y.toFixed(1)}H${wide[1].toFixed(1)}` : '')
        + (high ? `M${x.toFixed(1)} ${high[0].toFixed(1)}V${high[1].toFixed(1)}` : '');
    }).join('');
    svg.append(draw('path', { class: 'deviation', d }));
  }
  layers(shown, `points${few}`);
  if (element('front').checked) {
    const front = paretoFront(shown, across, up).map(place => view.at[place].map(at => at.toFixed(1)).join(' '));
    svg.append(draw('path', { class: 'front', d: `M${front.join('L')}` }));
  }
  view.order = shown.sort((a, b) => view.at[a][0] - view.at[b][0] || a - b);
  const rho = spearman(shown.map(place => across.values[place]), shown.map(place => up.values[place]));
  element('rho').textContent = `Spearman’s ρ ${rho === null ? 'undefined' : minus(rho.toFixed(2))}, n = ${grouped(shown.length)}`;
  drawOverlay();
}

const path = places => places
  .map(place => `M${view.at[place][0].toFixed(1)} ${view.at[place][1].toFixed(1)}h0`).join('');

// Everything that changes while one points and chooses.
function drawOverlay() {
  const parts = [];
  const ring = (place, size, name) => {
    const at = view.at[place];
    if (at) parts.push(draw('circle', { class: name, cx: at[0], cy: at[1], r: size }));
    return at;
  };
  for (let place = Math.min(data.winners, count) - 1; place >= 0; place--) {
    const at = fits(place) && ring(place, 6, 'ring');
    if (at) parts.push(draw('text', { class: 'rank small start', x: at[0] + 8, y: at[1] - 6 }, place + 1));
  }
  const at = view.cursor === null ? null : ring(view.cursor, 7, 'hit');
  if (at) {
    const { left, top, height } = view.frame;
    parts.unshift(draw('line', { class: 'guide', x1: left, x2: at[0], y1: at[1], y2: at[1] }),
      draw('line', { class: 'guide', x1: at[0], x2: at[0], y1: at[1], y2: top + height }));
  }
  if (chosen.place !== null && chosen.place !== view.cursor) ring(chosen.place, 7, 'hit');
  if (view.band) parts.push(draw('rect', { class: 'band', ...view.band }));
  view.overlay.replaceChildren(...parts);
}

if (plot !== null) {
  // A picture of its own, so that the points need not be painted again.
  view.overlay = draw('svg', { class: 'overlay', 'aria-hidden': 'true' });
  element('points').after(view.overlay);
  plot.classList.add('scripted-plot');
  for (const id of ['x', 'y', 'x-scale', 'y-scale', 'part', 'front', 'bars']) {
    element(id).addEventListener('change', () => { point(null); drawScatter(); });
  }
  let width = 0;
  new ResizeObserver(() => {
    if (plot.clientWidth !== width) {
      width = plot.clientWidth;
      drawScatter();
    }
  }).observe(plot);
  let drawn = null;
  listeners.push(() => {
    if (drawn === chosen.fits) drawOverlay();
    else drawScatter();
    drawn = chosen.fits;
  });
}
