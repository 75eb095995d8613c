// Who uses the page, and what they may do. The API decides; this only keeps the page from offering what it would refuse.
import { computed, signal } from '@preact/signals';
import { get } from '../api/client';
import type { Me } from '../api/types';

export const me = signal<Me | undefined>(undefined);
export const isAdmin = computed(() => me.value?.user.role === 'admin');
export const mayDecide = computed(() => me.value !== undefined && me.value.user.role !== 'viewer');

export function readMe(): Promise<Me> {
  return get<Me>('/users/me');
}
