// The title of the page: how many drifts wait, so that a tab in the background tells it, and what the screen shows.
import { effect, signal } from '@preact/signals';
import { path } from './router';
import { waiting } from './stream/live';

/** subject is what the screen is about, such as a resource; empty is the screen's own name. */
export const subject = signal('');

effect(() => {
  const [, place = ''] = path.value.split('/');
  subject.value = place === '' ? '' : place.charAt(0).toUpperCase() + place.slice(1).replace('-', ' ');
});

effect(() => {
  document.title = `${waiting.value > 0 ? `(${waiting.value}) ` : ''}${subject.value === '' ? '' : `${subject.value} · `}DriftSentry`;
});
