// What needs the script appears; light or dark; choosing by a candidate's name.

for (const part of document.querySelectorAll('.controls, .scripted')) part.hidden = false;

document.addEventListener('click', event => {
  const button = event.target.closest('.pick');
  if (button) choose({ place: Number(button.dataset.place) });
});

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
drawDetail();
