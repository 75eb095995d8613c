import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Button } from './button';

interface Toast {
  id: number;
  content: ComponentChildren;
  bad: boolean;
}

const toasts = signal<Toast[]>([]);
let last = 0;

/** toast says something for a while. What went wrong stays until it is closed. */
export function toast(content: ComponentChildren, bad = false): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-3), { id, content, bad }];
  if (!bad) {
    setTimeout(() => close(id), 6000);
  }
}

function close(id: number): void {
  toasts.value = toasts.value.filter((t) => t.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div key={t.id} class={t.bad ? 'toast toast-bad' : 'toast'}>
          <div class="toast-text">{t.content}</div>
          <Button kind="quiet" small icon="cross" label="Dismiss" onClick={() => close(t.id)} />
        </div>
      ))}
    </div>
  );
}
