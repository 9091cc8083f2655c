/**
 * The one script of the page: it filters and sorts what is there, and opens a task that a link leads to. The page names its hash in
 * its Content-Security-Policy, so a browser runs this text and no other. Without it everything can be read all the same.
 */
export const SCRIPT = `
'use strict';
const list = document.getElementById('tasks');
const tools = document.getElementById('tools');
if (list && tools) {
  const tasks = [...list.children];
  const search = tools.querySelector('input');
  const sort = tools.querySelector('select');
  const buttons = [...tools.querySelectorAll('button')];
  const none = document.getElementById('none');
  let state = '';
  const said = (task) => [...task.querySelectorAll('.name, .why')].map((part) => part.textContent.toLowerCase()).join('\\n');
  const words = new Map(tasks.map((task) => [task, said(task)]));
  const show = () => {
    const word = search.value.trim().toLowerCase();
    let shown = 0;
    for (const task of tasks) {
      task.hidden = (state !== '' && task.dataset.state !== state) || !words.get(task).includes(word);
      if (!task.hidden) shown += 1;
    }
    none.hidden = shown > 0;
  };
  const order = () => {
    const by = sort.value;
    const up = by === 'place' ? 1 : -1;
    const inOrder = by === '' ? tasks : tasks.toSorted((a, b) => up * (a.dataset[by] - b.dataset[by]));
    list.append(...inOrder);
  };
  for (const button of buttons)
    button.addEventListener('click', () => {
      state = button.value;
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      show();
    });
  search.addEventListener('input', show);
  sort.addEventListener('change', order);
  const reveal = () => {
    const task = document.getElementById(location.hash.slice(1));
    if (!(task instanceof HTMLDetailsElement)) return;
    task.hidden = false;
    task.open = true;
    task.scrollIntoView({ block: 'nearest' });
  };
  window.addEventListener('hashchange', reveal);
  tools.hidden = false;
  show();
  reveal();
}
`;
