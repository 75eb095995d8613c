// The inbox as it was left, so that a drift can be followed by the next one, and the way back leads to the same row.
let ids: string[] = [];
let at = '';
/** inbox is the address of the inbox, with the filters that it had. */
export let inbox = '/inbox';

export function leaveInbox(rows: string[], filters: string): void {
  ids = rows;
  inbox = filters === '' ? '/inbox' : `/inbox?${filters}`;
}

/** visit says which drift is looked at, and gives those beside it. */
export function visit(id: string): { place: number; of: number; before: string | undefined; after: string | undefined } {
  at = id;
  const i = ids.indexOf(id);
  return { place: i + 1, of: ids.length, before: i < 0 ? undefined : ids[i - 1], after: i < 0 ? undefined : ids[i + 1] };
}

/** returned is the drift that was looked at last, once. */
export function returned(): string {
  const id = at;
  at = '';
  return id;
}
