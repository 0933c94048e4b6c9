// Pointing at candidates in the plot, with the mouse, a finger or keys.

const NEAR = 28; // pixels

// The tip says what is under the pointer, and is spoken when keys move it.
function point(place, spoken) {
  view.cursor = place;
  const tip = element('tip');
  tip.hidden = place === null;
  if (place !== null) {
    const { across, up } = axes();
    const line = column => `${column.label}: ${showAt(column, place)}`;
    tip.replaceChildren(make('b', {}, data.ids[place]), chips(place), make('div', {}, `rank ${rank(place)}`),
      make('div', {}, line(across)), make('div', {}, line(up)));
    const [x, y] = view.at[place];
    const room = plot.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, x + 14))}px`;
    tip.style.top = `${y > tip.offsetHeight + 20 ? y - tip.offsetHeight - 12 : y + 14}px`;
    if (spoken) element('spoken').textContent = `${data.ids[place]}, rank ${rank(place)}, ${line(across)}, ${line(up)}`;
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
      const { across, up } = axes();
      const bounds = [across, up].map(column => {
        const values = kept.map(place => column.values[place]);
        return [column, Math.min(...values), Math.max(...values)];
      });
      if (kept.length > 0) keepWithin(bounds);
      else setFilter('');
    } else if (start) {
      const place = nearest(...where(event));
      if (place !== null) point(place);
      choose({ place });
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
      choose({ place: null });
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
  pointWith(svg);
  keyWith(svg);
}
