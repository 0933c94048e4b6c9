// What needs the script appears; light or dark; choosing by a candidate's name;
// several truths by a switch.

for (const part of document.querySelectorAll('.controls, .scripted')) part.hidden = false;

document.addEventListener('click', event => {
  const button = event.target.closest('.pick');
  if (button) choose({ place: Number(button.dataset.place) });
});

// The table against the accuracy that is chosen.
function showTruth() {
  for (const judged of document.querySelectorAll('.judged')) {
    judged.hidden = judged.dataset.truth !== element('truth').value;
  }
}
if (element('truth') !== null) {
  element('truth').addEventListener('change', () => {
    showTruth();
    if (plot === null) return;
    element('y').value = element('truth').value;
    point(null);
    drawScatter();
  });
  showTruth();
}

const theme = element('theme');
const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;
const isDark = () => (root.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark';
const nameTheme = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; };
theme.setAttribute('aria-label', 'Switch between light and dark');
theme.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  nameTheme();
});
system.addEventListener('change', nameTheme);
theme.hidden = false;
nameTheme();
if (location.hash.includes('=')) readAddress();
drawDetail();
