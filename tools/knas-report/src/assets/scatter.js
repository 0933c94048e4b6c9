// One number against another, drawn anew for the width there is.

const SVG = 'http://www.w3.org/2000/svg';
const LAYERS = 8; // several paths let dense places become darker
const MANY = 2000;
const NEAR = 28; // pixels

const bend = {
  linear: value => value,
  log: value => Math.log10(value),
  asinh: (value, axis) => Math.asinh(value / axis.scale),
};

// From a value to a share of the axis.
function scale(axis) {
  const by = bend[axis.kind];
  const low = by(axis.low, axis);
  const range = by(axis.high, axis) - low;
  return value => (by(value, axis) - low) / range;
}

function draw(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const plot = element('scatter');
const view = { frame: null, at: [], order: [], kept: null, cursor: null, overlay: null };

// The columns and, by the choice of candidates, the part of the accuracy axis.
function axes() {
  const [x, y, part] = ['x', 'y', 'part'].map(id => Number(element(id).value));
  const [across, up] = [data.columns[x], data.columns[y]];
  const best = up.parts && part > 0 ? up.parts[part - 1] : null;
  return { x, y, across, up, best, axis: best ? best.axis : up.axis };
}

function drawScatter() {
  const { x, y, across, up, best, axis } = axes();
  element('part').disabled = !up.parts;
  const width = Math.max(280, plot.clientWidth);
  const height = Math.round(Math.min(460, Math.max(300, width * 0.62)));
  const frame = { left: 48, top: 32, width: width - 64, height: height - 76 };
  const foot = frame.top + frame.height;
  const svg = element('points');
  svg.replaceChildren();
  for (const picture of [svg, view.overlay]) {
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) {
      picture.setAttribute(name, value);
    }
  }
  svg.setAttribute('aria-label', `${up.label} against ${across.label}, ${grouped(count)} candidates`);

  const [placeX, placeY] = [scale(across.axis), scale(axis)];
  const toX = value => frame.left + placeX(value) * frame.width;
  const toY = value => foot - placeY(value) * frame.height;
  for (const [share, label] of axis.ticks) {
    const at = foot - share * frame.height;
    svg.append(draw('line', { class: 'grid', x1: frame.left, x2: frame.left + frame.width, y1: at, y2: at }),
      draw('text', { class: 'muted end', x: frame.left - 8, y: at + 4 }, label));
  }
  svg.append(draw('text', { class: 'start', x: 8, y: frame.top - 12 }, up.label),
    draw('line', { class: 'axis', x1: frame.left, x2: frame.left + frame.width, y1: foot, y2: foot }));
  let free = -Infinity; // a label that would touch the one before it is left out
  for (const [share, label] of across.axis.ticks) {
    const at = frame.left + share * frame.width;
    const half = label.length * 3.3;
    if (at - half < free) continue;
    free = at + half + 6;
    svg.append(draw('line', { class: 'axis', x1: at, x2: at, y1: foot, y2: foot + 4 }),
      draw('text', { class: 'muted middle', x: at, y: foot + 17 }, label));
  }
  svg.append(draw('text', { class: 'end', x: frame.left + frame.width, y: foot + 35 }, across.label));

  view.at = [];
  for (let place = 0; place < count; place++) {
    const [a, b] = [across.values[place], up.values[place]];
    const shown = a !== null && b !== null && (!best || b >= best.from);
    view.at.push(shown ? [toX(a), toY(b)] : null);
  }
  const shown = view.at.flatMap((at, place) => (at ? [place] : []));
  view.order = shown.sort((a, b) => view.at[a][0] - view.at[b][0] || a - b);
  view.frame = frame;
  view.size = view.order.length < MANY ? 6 : 3;
  const points = draw('g', { 'stroke-width': view.size });
  for (let layer = 0; layer < LAYERS; layer++) {
    const d = path(view.order.filter((_, at) => at % LAYERS === layer));
    points.append(draw('path', { class: `points${view.size > 3 ? ' few' : ''}`, d }));
  }
  svg.append(points);
  const rho = best ? best.rho[x] : data.agreement[x][y];
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
  if (chosen.kept !== null) {
    const d = path([...chosen.kept].filter(place => view.at[place]));
    parts.push(draw('path', { class: 'brushed', 'stroke-width': view.size + 1, d }));
  }
  element('points').classList.toggle('dimmed', chosen.kept !== null);
  for (let place = Math.min(data.winners, count) - 1; place >= 0; place--) {
    const at = ring(place, 6, 'ring');
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

// The tip says what is under the pointer, and is spoken when keys move it.
function point(place, spoken) {
  view.cursor = place;
  const tip = element('tip');
  tip.hidden = place === null;
  if (place !== null) {
    const { across, up } = axes();
    const line = column => `${column.label}: ${show(column, column.values[place])}`;
    tip.replaceChildren(make('b', {}, data.ids[place]), chips(place), make('div', {}, `rank ${grouped(place + 1)}`),
      make('div', {}, line(across)), make('div', {}, line(up)));
    const [x, y] = view.at[place];
    const room = plot.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, x + 14))}px`;
    tip.style.top = `${y > tip.offsetHeight + 20 ? y - tip.offsetHeight - 12 : y + 14}px`;
    if (spoken) element('spoken').textContent = `${data.ids[place]}, rank ${place + 1}, ${line(across)}, ${line(up)}`;
  }
  drawOverlay();
}

function nearest(x, y) {
  let best = NEAR * NEAR;
  let found = null;
  for (const place of view.order) {
    const [a, b] = view.at[place];
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < best) [best, found] = [distance, place];
  }
  return found;
}

function pointWith(svg) {
  let start = null;
  const where = event => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  svg.addEventListener('pointerdown', event => {
    if (event.button !== 0) return;
    start = where(event);
    if (event.pointerType === 'mouse') svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener('pointermove', event => {
    const [x, y] = where(event);
    const dragged = start && event.pointerType === 'mouse' && Math.hypot(x - start[0], y - start[1]) > 5;
    if (dragged || view.band) {
      view.band = start && { x: Math.min(x, start[0]), y: Math.min(y, start[1]),
        width: Math.abs(x - start[0]), height: Math.abs(y - start[1]) };
      point(null);
    } else {
      const place = nearest(x, y);
      if (place !== view.cursor) point(place);
    }
  });
  svg.addEventListener('pointerup', event => {
    const { band } = view;
    view.band = null;
    if (band) {
      const inside = ([x, y]) => x >= band.x && x <= band.x + band.width && y >= band.y && y <= band.y + band.height;
      const kept = view.order.filter(place => inside(view.at[place]));
      choose({ kept: kept.length > 0 ? new Set(kept) : null });
    } else if (start) {
      const place = nearest(...where(event));
      if (place !== null) point(place);
      choose(place === null ? { place, kept: null } : { place });
    }
    start = null;
  });
  svg.addEventListener('pointercancel', () => { start = view.band = null; drawOverlay(); });
  svg.addEventListener('pointerleave', () => { if (!start) point(null); });
}

function keyWith(svg) {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1 };
  svg.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const current = view.cursor ?? chosen.place;
    if (event.key in steps && view.order.length > 0) {
      const up = event.key === 'ArrowUp' || event.key === 'ArrowDown';
      const order = up ? [...view.order].sort((a, b) => view.at[b][1] - view.at[a][1] || a - b) : view.order;
      const from = order.indexOf(current);
      const to = from < 0 ? 0 : Math.min(order.length - 1, Math.max(0, from + steps[event.key]));
      point(order[to], true);
    } else if (event.key === 'Home' || event.key === 'End') {
      point(event.key === 'Home' ? view.order[0] : view.order.at(-1), true);
    } else if (event.key === 'Enter' && view.cursor !== null) {
      choose({ place: view.cursor });
    } else if (event.key === 'Escape') {
      point(null);
      choose({ place: null, kept: null });
    } else {
      return;
    }
    event.preventDefault();
  });
  svg.addEventListener('blur', () => point(null));
}

if (plot !== null) {
  const svg = element('points');
  svg.setAttribute('tabindex', 0);
  svg.setAttribute('role', 'application');
  svg.setAttribute('aria-roledescription', 'scatter plot');
  plot.classList.add('scripted-plot');
  // A picture of its own, so that the points need not be painted again.
  view.overlay = draw('svg', { class: 'overlay', 'aria-hidden': 'true' });
  svg.after(view.overlay);
  for (const id of ['x', 'y', 'part']) element(id).addEventListener('change', () => { point(null); drawScatter(); });
  pointWith(svg);
  keyWith(svg);
  let width = 0;
  new ResizeObserver(() => {
    if (plot.clientWidth !== width) {
      width = plot.clientWidth;
      drawScatter();
    }
  }).observe(plot);
  listeners.push(drawOverlay);
}
