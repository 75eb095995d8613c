import { useSignal } from '@preact/signals';
import { get, query } from '../api/client';
import { messageOf } from '../api/error';
import type { Schemas } from '../api/types';
import { toast } from './toast';
import { useResource, type Resource } from './resource';

interface Page<T> {
  items: T[];
  pagination: Schemas['Pagination'];
}

export interface Pages<T> extends Resource<Page<T>> {
  items: T[] | undefined;
  total: number | undefined;
  more: (() => void) | undefined;
  reading: boolean;
}

/** usePages reads a list by its cursor; the next page is added to what is there. */
export function usePages<T extends { id: string }>(path: string, parameters: Record<string, string | undefined>, on: string[] = []): Pages<T> {
  const added = useSignal<T[]>([]);
  const cursor = useSignal<string | null>(null);
  const reading = useSignal(false);
  const address = (at?: string) => `${path}${query({ ...parameters, limit: 50, cursor: at })}`;
  const resource = useResource<Page<T>>(
    address(),
    async (signal) => {
      const page = await get<Page<T>>(address(), signal);
      added.value = [];
      cursor.value = page.pagination.nextCursor;
      return page;
    },
    on,
  );
  const more = () => {
    reading.value = true;
    get<Page<T>>(address(cursor.value ?? undefined))
      .then((page) => {
        added.value = [...added.value, ...page.items];
        cursor.value = page.pagination.nextCursor;
      })
      .catch((e: unknown) => toast(messageOf(e), true))
      .finally(() => (reading.value = false));
  };
  const page = resource.data.value;
  return {
    ...resource,
    items: page && [...page.items, ...added.value],
    total: page?.pagination.total,
    more: cursor.value === null ? undefined : more,
    reading: reading.value,
  };
}
