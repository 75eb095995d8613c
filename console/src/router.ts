// The address is the state: screens read the path and the query, and links change them without a new page.
import { computed, signal } from '@preact/signals';

const address = signal(location.pathname + location.search);

export const path = computed(() => address.value.split('?')[0] ?? '/');
export const parameters = computed(() => new URLSearchParams(address.value.split('?')[1] ?? ''));

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === address.value) {
    return;
  }
  const samePage = to.split('?')[0] === path.value;
  history[options.replace === true ? 'replaceState' : 'pushState'](null, '', to);
  address.value = to;
  if (!samePage) {
    // People who hear the page are told where they are now.
    const main = document.getElementById('main');
    main?.scrollTo(0, 0);
    main?.focus({ preventScroll: true });
  }
}

/** setParameters changes some parameters and keeps the others; an empty value removes one. */
export function setParameters(changes: Record<string, string>): void {
  const next = new URLSearchParams(parameters.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') {
      next.delete(name);
    } else {
      next.set(name, value);
    }
  }
  const text = next.toString().replaceAll('%2C', ',').replaceAll('%2F', '/');
  navigate(path.value + (text === '' ? '' : `?${text}`), { replace: true });
}

export function startRouter(): void {
  addEventListener('popstate', () => (address.value = location.pathname + location.search));
  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest('a');
    if (link === null || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
      return;
    }
    if (link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin || link.hash !== '' || foreign(link.pathname)) {
      return;
    }
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

// What the same origin serves besides the console.
function foreign(pathname: string): boolean {
  return pathname.startsWith('/api/') || pathname.startsWith('/docs') || pathname.startsWith('/grafana') || pathname.endsWith('.json');
}

/** returnTo is where the user was going before the sign-in; an address of this page alone. */
export function returnTo(): string {
  const to = parameters.value.get('to') ?? '/inbox';
  return /^\/(?![/\\])/.test(to) && !to.startsWith('/sign-in') && to !== '/' ? to : '/inbox';
}
