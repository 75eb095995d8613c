import type { ComponentType } from 'preact';
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ErrorBox, Skeleton } from './state';

/** lazy is a component that is fetched when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const found = signal<{ component: ComponentType<P> } | undefined>(undefined);
  const error = signal<unknown>(undefined);
  const fetch = () => {
    error.value = undefined;
    load().then(
      (component) => (found.value = { component }),
      (e: unknown) => (error.value = e),
    );
  };
  return function Lazy(props: P) {
    useEffect(() => {
      if (found.value === undefined) {
        fetch();
      }
    }, []);
    if (error.value !== undefined) {
      // A new version may have taken the place of this page's files.
      return <ErrorBox error={error.value} retry={() => location.reload()} />;
    }
    const Component = found.value?.component;
    return Component === undefined ? <Skeleton /> : <Component {...props} />;
  };
}
