// Keys that do something on a screen. They rest while someone types, while a dialog is open, and when the user has turned them off
// (WCAG 2.1.4).
import { signal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';

const setting = 'driftsentry-shortcuts';
export const shortcuts = signal(localStorage.getItem(setting) !== 'off');

export function setShortcuts(on: boolean): void {
  shortcuts.value = on;
  localStorage.setItem(setting, on ? 'on' : 'off');
}

export type Keys = Record<string, (event: KeyboardEvent) => void>;

/** useKeys listens from the moment on in which what the keys are for is in the page. An effect after the painting would leave a moment in
 * which a key does what it did before. */
export function useKeys(keys: Keys): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const action = keys[event.key];
      if (action === undefined || !shortcuts.value || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || busy(event.target)) {
        return;
      }
      event.preventDefault();
      action(event);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
}

function busy(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]') !== null) {
    return true;
  }
  const on = target as HTMLElement | null;
  return on !== null && (on.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(on.tagName) && (on as HTMLInputElement).type !== 'checkbox'));
}
