import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Offline } from '../api/error';
import { epoch, listen, revived } from '../stream/live';

export interface Resource<T> {
  data: Signal<T | undefined>;
  error: Signal<unknown>;
  loading: Signal<boolean>;
  reload: () => void;
}

/** useResource reads something when key changes, when an event begins with one of `on`, and after a gap in the stream. What was read
 * stays on the screen meanwhile. */
export function useResource<T>(key: string, load: (signal: AbortSignal) => Promise<T>, on: string[] = []): Resource<T> {
  const data = useSignal<T | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const loading = useSignal(true);
  const attempt = useSignal(0);
  const loaded = useRef('');
  useEffect(() => {
    const abort = new AbortController();
    if (loaded.current !== key) {
      data.value = undefined;
      loaded.current = key;
    }
    loading.value = true;
    load(abort.signal)
      .then((value) => {
        data.value = value;
        error.value = undefined;
      })
      .catch((e: unknown) => {
        if (!abort.signal.aborted) {
          error.value = e;
        }
      })
      .finally(() => {
        if (!abort.signal.aborted) {
          loading.value = false;
        }
      });
    return () => abort.abort();
  }, [key, attempt.value, epoch.value]);
  useEffect(() => {
    if (error.value instanceof Offline) {
      attempt.value++;
    }
  }, [revived.value]);
  useEffect(() => {
    if (on.length === 0) {
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = listen((events) => {
      // Many events are one reading.
      if (timer === undefined && events.some(({ event }) => on.some((prefix) => event.type.startsWith(prefix)))) {
        timer = setTimeout(() => {
          timer = undefined;
          attempt.value++;
        }, 400);
      }
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [on.join()]);
  return { data, error, loading, reload: () => attempt.value++ };
}
