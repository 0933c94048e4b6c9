// What is shown, as files.

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = make('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// All rows that fit the filter, in the order of the table, with all digits.
function tableAsCsv() {
  const quoted = text => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const columns = data.order.map(at => data.columns[at]);
  const head = ['id', 'rank', 'arch', ...columns.map(column => column.name)];
  const rows = list.places.map(place => [
    data.ids[place], place < data.ranked ? String(place + 1) : '', notation(place),
    ...columns.map(column => (column.values[place] === null ? '' : String(column.values[place]))),
  ]);
  return [head, ...rows].map(row => row.map(quoted).join(',')).join('\n') + '\n';
}

// The plot as it stands, on white paper.
function plotAsSvg() {
  const points = element('points');
  const whole = draw('svg', { xmlns: SVG, viewBox: points.getAttribute('viewBox'),
    width: points.getAttribute('width'), height: points.getAttribute('height') });
  whole.append(draw('title', {}, points.getAttribute('aria-label')), draw('style', {}, data.style),
    draw('rect', { class: 'paper', width: '100%', height: '100%' }));
  for (const part of [...points.childNodes, ...view.overlay.childNodes]) whole.append(part.cloneNode(true));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(whole)}\n`;
}

if (table !== null) {
  element('save-table').addEventListener('click', () => save('ranking.csv', 'text/csv', tableAsCsv()));
}
if (plot !== null) {
  element('save-plot').addEventListener('click', () => save('plot.svg', 'image/svg+xml', plotAsSvg()));
}
